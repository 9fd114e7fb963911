"""Reads TOML files on every supported Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

TOMLDecodeError = tomllib.TOMLDecodeError


def load(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        OSError: it cannot be read.
        TOMLDecodeError, UnicodeDecodeError: it is not TOML.
    """
    return tomllib.loads(path.read_text("utf-8"))
