"""JSON as every command and file of this package writes it."""

from __future__ import annotations

import json
import math
from typing import Any


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
