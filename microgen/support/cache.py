"""Caches what is slow to make between commands, in the user's cache folder: compiled C++ objects, Jinja2's templates.

An entry's name is the SHA-256 of all that it was made from, so one that exists is right whatever project asks for it.
Entries are written beside their place and renamed, so builds at the same time do not see halves; each has a checksum,
and a damaged one counts as missing. Whatever goes wrong with the folder makes a command slower, never wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

# A build of a model of 50 kB leaves 0.5 MB here.
LIMIT_BYTES = 64 * 2**20
_CHECKSUM_BYTES = 32


def cache_folder(kind: str) -> Path | None:
    """Return where entries of a kind are kept, by the XDG Base Directory Specification.

    Returns:
        None if MICROGEN_NO_CACHE says so, or where there is no such folder.
    """
    if os.environ.get("MICROGEN_NO_CACHE", "0") not in ("", "0"):
        return None
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():  # "relative paths must be ignored", the specification has it
        try:
            base = Path.home() / ".cache"
        except RuntimeError:
            return None
    return base / "microgen" / kind


def digest(*parts: bytes | str) -> str:
    """Return the SHA-256 of parts, each with its length, as hexadecimal digits."""
    result = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        result.update(len(data).to_bytes(8, "little") + data)
    return result.hexdigest()


class Cache:
    """Files by the digest of what they were made from. Without a folder it is always empty."""

    def __init__(self, folder: Path | None, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes

    def load(self, key: str) -> bytes | None:
        """Return the entry of this key, None if it is missing or damaged, and note that it was of use."""
        if self._folder is None:
            return None
        path = self._folder / key
        try:
            entry = path.read_bytes()
        except OSError:
            return None
        data = entry[_CHECKSUM_BYTES:]
        if entry[:_CHECKSUM_BYTES] != _checksum(key, data):
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def store(self, key: str, data: bytes) -> None:
        """Keep an entry, if the folder can be written."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new-", dir=self._folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(_checksum(key, data) + data)
                Path(name).replace(self._folder / key)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise

    def prune(self) -> None:
        """Remove the entries that were of no use for longest where the folder is over its limit, to 3/4 of it."""
        if self._folder is None:
            return
        entries = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder):
                with contextlib.suppress(OSError):  # another build removed it
                    status = entry.stat()
                    entries.append((status.st_mtime_ns, status.st_size, entry.path))
        total = sum(size for _, size, _ in entries)
        if total <= self._limit_bytes:
            return
        for _, size, path in sorted(entries):
            with contextlib.suppress(OSError):
                Path(path).unlink()
            total -= size
            if total <= self._limit_bytes * 3 // 4:
                return


def _checksum(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + data).digest()
