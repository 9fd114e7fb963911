"""Where results are written: files as a whole, or not at all, and what can be refused before."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
from pathlib import Path

from ..errors import InputError, option

_FOLDER = f"choose a different folder with {option('out')}"
_PLACE = f"choose another place with {option('out')}"


def check_out(path: Path, *, force: bool) -> None:
    """Refuse a file's name where no file can be written, or where one is.

    Args:
        path: the file.
        force: one that is there may be overwritten.

    Raises:
        InputError: says why.
    """
    if path.is_dir():
        raise InputError(
            f"{path}: is a folder",
            f"give a file name: {option('out', 'model_int8.tflite')}",
            option="out",
            path=path,
        )
    parent = path.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a writable folder", _PLACE, option="out", path=path)
    if path.exists() and not force:
        raise InputError(
            f"{path}: already exists",
            f"choose another name with {option('out')}, or overwrite it with {option('force', True)}",
            option="out",
            path=path,
        )


def check_folder(out: Path) -> None:
    """Refuse a folder's name where no folder can be written; tries it, and leaves nothing behind.

    Raises:
        InputError: it is a file, lies below one, or nothing can be written there.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file", _FOLDER, option="out", path=out)
    existing = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise InputError(f"{out}: {existing} is a file", _FOLDER, option="out", path=out)
    probe = existing / f".microgen-probe-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})", _FOLDER, option="out", path=out) from None


def check_out_folder(out: Path, marker: str, whose: str) -> None:
    """Refuse a folder for results where none can be written, or that holds something else.

    Args:
        out: the folder; it need not be there.
        marker: what is in such a folder from an earlier run.
        whose: what such a folder is called: "sweep".

    Raises:
        InputError: says why.
    """
    check_folder(out)
    if out.is_dir() and any(out.iterdir()) and not (out / marker).exists():
        raise InputError(f"{out}: is neither empty nor a folder of {whose}", _FOLDER, option="out", path=out)


def write_file(path: Path, data: bytes, hint: str = _PLACE) -> None:
    """Write a file as a whole, or not at all; its folder is made where it is missing.

    Args:
        path: the file.
        data: its bytes.
        hint: what to do when it cannot be written.

    Raises:
        InputError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.microgen-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})", hint, path=path) from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def read_file(path: Path, most: int) -> bytes:
    """Read a file that someone named: a device may be endless, and a pipe does not say its size.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: it cannot be read; EFBIG: it has more.
    """
    if path.stat().st_size <= most:
        with path.open("rb") as stream:
            data = stream.read(most + 1)
        if len(data) <= most:
            return data
    raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))


def gzip_bytes(data: bytes) -> int:
    """Return how many bytes gzip makes of a file, as it travels over the air."""
    return len(gzip.compress(data, 9, mtime=0))
