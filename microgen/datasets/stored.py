"""Arrays in .npy and .npz files: reads the headers first, then blocks of samples, of which few are kept."""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .arrays import Array, HeldArray, check_finite, check_kind
from .limits import STORED_BYTES, WHOLE_BYTES, check_regular, check_samples

SUFFIXES = (".npz", ".npy")
# NumPy rejects longer descriptions, but reads them first, and a header may claim 4 GB.
_HEADER_BYTES = 2**16
_BLOCK_BYTES = 2**23
# Models have a few inputs; each member of an archive costs the time to find it.
_MEMBERS = 256
_LESS = "give fewer samples; 500 are enough"


@dataclass(frozen=True)
class StoredArray:
    """An array in a file that is not read yet, samples first.

    Attributes:
        path: the file.
        member: its name in an .npz; "" for an .npy.
        name: the array's name; "" for that of an .npy.
        shape, dtype: what its header declares.
        is_fortran: whether the samples are its last dimension in the file.
        offset: where its values begin.
    """

    path: Path
    member: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool
    offset: int

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def size(self) -> int:
        """The size of its values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def title(self) -> str:
        """The name in messages."""
        return f"{self.path}: array '{self.name}'" if self.name else str(self.path)

    def read(self, hint: str, chosen: npt.NDArray[np.int64] | None = None) -> Array:
        """Read some samples, or all; all are checked.

        Args:
            hint: what to do when it cannot be read.
            chosen: which, in their order; None for all.

        Returns:
            Shape (samples, *shape[1:]).

        Raises:
            InputError: it is damaged, has values that are not finite, or is too large to be held.
        """
        kept = np.arange(len(self)) if chosen is None else chosen
        self._check_held(len(kept) * (self.size // len(self)))
        result = np.empty((len(kept), *self.shape[1:]), self.dtype)
        start = 0
        for block in self.blocks(hint):
            first, last = np.searchsorted(kept, [start, start + len(block)])
            result[first:last] = block[kept[first:last] - start]
            start += len(block)
        return result

    def blocks(self, hint: str) -> Iterator[Array]:
        """Yield all samples in their order, some at a time, checked; one block where the samples do not lie together.

        Args:
            hint: what to do when it cannot be read.

        Raises:
            InputError: as for `read`.
        """
        size = self.size // len(self)
        step = len(self) if self.is_fortran else max(1, _BLOCK_BYTES // size)
        if self.is_fortran:
            self._check_held(self.size)
        with _readable(self.path, hint), _opened(self.path, self.member) as stream:
            stream.seek(self.offset)
            for start in range(0, len(self), step):
                shape = (min(step, len(self) - start), *self.shape[1:])
                flat = np.frombuffer(_exactly(stream, shape[0] * size), self.dtype)
                block = flat.reshape(shape, order="F" if self.is_fortran else "C")
                check_finite(block, self.title)
                yield block

    def _check_held(self, held: int) -> None:
        if held > WHOLE_BYTES:
            order = "; in the file, the last dimension counts the samples (Fortran order)" if self.is_fortran else ""
            raise InputError(
                f"{self.title} has {held:,} bytes to be held, at most {WHOLE_BYTES:,} are{order}", _LESS, path=self.path
            )


_ArrayT = TypeVar("_ArrayT", bound=HeldArray | StoredArray)


def stored_arrays(path: Path, hint: str) -> list[StoredArray]:
    """Read the headers of the arrays of an .npz, of a folder of .npy files, or of one .npy.

    Args:
        path: the file or folder.
        hint: what to do when it cannot be used.

    Raises:
        InputError: it is missing, holds something other than numbers, or more than `STORED_BYTES` of them.
    """
    if path.is_dir():
        found = [_header(p, "", p.stem, hint) for p in sorted(path.glob("*.npy"))]
    else:
        check_regular(path, hint)
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"{path}: neither an .npz nor an .npy", hint, path=path)
        with _readable(path, hint):
            is_archive = zipfile.is_zipfile(path)
        found = _members(path, hint) if is_archive else [_header(path, "", "", hint)]
    size = sum(array.size for array in found)
    if size > STORED_BYTES:
        raise InputError(
            f"{path}: its arrays have {size:,} bytes unpacked, more than the limit of {STORED_BYTES:,}",
            _LESS,
            path=path,
        )
    for array in found:
        check_samples(len(array), path)
    return found


def load_arrays(path: Path, hint: str) -> dict[str, Array]:
    """Read the arrays of an .npz by name, those of a folder of .npy files by file, or that of one .npy, named "".

    Args:
        path: the file or folder.
        hint: what to do when it cannot be read.

    Raises:
        InputError: it is missing, holds something other than finite numbers, or too many of them.
    """
    return {array.name: array.read(hint) for array in checked_whole(stored_arrays(path, hint), path)}


def checked_whole(arrays: Sequence[_ArrayT], path: Path) -> Sequence[_ArrayT]:
    """Return arrays that are to be held in memory as a whole.

    Raises:
        InputError: they are too large for that.
    """
    size = sum(array.size for array in arrays)
    if size > WHOLE_BYTES:
        raise InputError(
            f"{path}: its arrays have {size:,} bytes, more than the limit of {WHOLE_BYTES:,}",
            "give fewer samples",
            path=path,
        )
    return arrays


def _members(path: Path, hint: str) -> list[StoredArray]:
    with _readable(path, hint), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if len(members) > _MEMBERS:
        raise InputError(f"{path}: holds {len(members):,} arrays, more than the limit of {_MEMBERS}", hint, path=path)
    for member in members:
        if not member.filename.endswith(".npy"):
            raise InputError(f"{path}: '{member.filename}' in it is not an .npy", hint, path=path)
        if member.flag_bits & 1:
            raise InputError(f"{path}: '{member.filename}' in it is encrypted", hint, path=path)
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise InputError(f"{path}: two arrays have the same name", hint, path=path)
    return [_header(path, name, name.removesuffix(".npy"), hint) for name in names]


def _header(path: Path, member: str, name: str, hint: str) -> StoredArray:
    check_regular(path, hint)
    with _readable(path, hint, member):
        with _opened(path, member) as opened:
            stream = io.BytesIO(opened.read(_HEADER_BYTES))
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version[0]}.{version[1]} of the format holds no plain numbers")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(stream)
        if any(size < 0 for size in shape):
            raise ValueError(f"a shape of {list(shape)}")
    found = StoredArray(path, member, name, shape, dtype, is_fortran and len(shape) > 1, stream.tell())
    check_kind(dtype, shape, found.title, hint)
    return found


@contextlib.contextmanager
def _opened(path: Path, member: str) -> Iterator[IO[bytes]]:
    if not member:
        with path.open("rb") as stream:
            yield stream
        return
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        yield stream


@contextlib.contextmanager
def _readable(path: Path, hint: str, member: str = "") -> Iterator[None]:
    """Turn what NumPy and zipfile raise of a damaged file, half a dozen kinds, into one error."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        where = f" ('{member}' in it: {error})" if member else f" ({error})"
        raise InputError(f"{path}: not an .npz or .npy of plain numbers{where}", hint, path=path) from None


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("it ends before its last value")
    return data
