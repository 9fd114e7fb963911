"""JSON as every command and file of this package writes it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .depth import parse_shallow
from .files import read_file

_LARGEST_BYTES = 2**26


def load_json(path: Path) -> Any:  # noqa: ANN401 - any plain data
    """Read a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not JSON, or nested too deeply.
    """
    return parse_shallow(json.loads, read_file(path, _LARGEST_BYTES).decode("utf-8"))


def json_text(document: Any) -> str:  # noqa: ANN401 - any plain data
    """Return plain data as JSON text with a newline at its end.

    JSON (RFC 8259) has no infinities and no "not a number": such a number becomes null.
    """
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return value
