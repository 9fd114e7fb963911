"""Reads TOML files on every supported Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .depth import parse_shallow
from .files import read_file

if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    import tomli as tomllib

TOMLDecodeError = tomllib.TOMLDecodeError
_LARGEST_BYTES = 2**22


def load(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not TOML (TOMLDecodeError, UnicodeDecodeError), or nested too deeply.
    """
    return dict(parse_shallow(tomllib.loads, read_file(path, _LARGEST_BYTES).decode("utf-8")))
