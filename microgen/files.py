"""Files that are written as a whole, or not at all, and their size under gzip."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from .errors import InputError


def check_out(path: Path) -> None:
    """Refuse a file's name where no file can be written.

    Raises:
        InputError: says why.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder", "give the name of a file: -o model_int8.tflite")
    parent = path.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a folder that can be written", "choose another place with -o")


def write_file(path: Path, data: bytes) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        InputError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.microgen-{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})", "choose another place with -o") from None
    finally:
        beside.unlink(missing_ok=True)


def gzip_bytes(data: bytes) -> int:
    """Return how many bytes gzip makes of a file, as it travels over the air."""
    return len(gzip.compress(data, 9, mtime=0))
