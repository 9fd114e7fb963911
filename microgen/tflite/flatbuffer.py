"""A FlatBuffers reader for untrusted files: it checks every offset before it follows it.

The format: a table starts with a signed offset back to its vtable, the vtable is a list of 16-bit field
offsets, vectors and strings are a 32-bit length and their elements. Source: FlatBuffers' "internals" page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt


class Malformed(ValueError):
    """The bytes are not a well-formed FlatBuffer; the message says where."""


class Table:
    """One table of a FlatBuffer, its fields read by their number in the schema.

    Args:
        data: the whole file.
        position: byte offset of the table.

    Raises:
        Malformed: the table or its vtable does not lie inside the file.
    """

    __slots__ = ("_data", "_fields", "_position", "_vtable")

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._vtable = position - self._number("<i", position)
        size = self._number("<H", self._vtable)
        if size < 4 or size % 2:
            raise Malformed(f"bad table at byte {position}")
        self._fields = (size - 4) // 2

    @classmethod
    def root(cls, data: bytes) -> Table:
        """Return the root table of a file, which has the 8 bytes of a header."""
        return cls(data, int(struct.unpack_from("<I", data)[0]))

    def _number(self, fmt: str, position: int) -> int:
        if position < 0 or position + struct.calcsize(fmt) > len(self._data):
            raise Malformed(f"offset {position} lies outside the {len(self._data)} bytes")
        return int(struct.unpack_from(fmt, self._data, position)[0])

    def _field(self, index: int) -> int:
        if index >= self._fields:
            return 0
        offset = self._number("<H", self._vtable + 4 + 2 * index)
        return self._position + offset if offset else 0

    def _follow(self, position: int) -> int:
        return position + self._number("<I", position)

    def _vector(self, index: int, element_bytes: int) -> tuple[int, int]:
        field = self._field(index)
        if not field:
            return 0, 0
        start = self._follow(field)
        length = self._number("<I", start)
        if start + 4 + length * element_bytes > len(self._data):
            raise Malformed(f"a list of {length} elements at byte {start} runs past the end of the file")
        return start + 4, length

    def has(self, index: int) -> bool:
        """Return whether a field is present."""
        return bool(self._field(index))

    def position(self, index: int) -> int:
        """Return the byte offset of a field in the file, 0 if it is absent."""
        return self._field(index)

    def integer(self, index: int, fmt: str, default: int = 0) -> int:
        """Return an integer field; `fmt` is a struct code such as "<i"."""
        field = self._field(index)
        return self._number(fmt, field) if field else default

    def real(self, index: int) -> float:
        """Return a float32 field, 0.0 if it is absent."""
        field = self._field(index)
        return float(np.uint32(self._number("<I", field)).view(np.float32)) if field else 0.0

    def table(self, index: int) -> Table | None:
        """Return a table field, or None if it is absent."""
        field = self._field(index)
        return Table(self._data, self._follow(field)) if field else None

    def tables(self, index: int) -> Iterator[Table]:
        """Yield the tables of a vector field."""
        start, length = self._vector(index, 4)
        for i in range(length):
            yield Table(self._data, self._follow(start + 4 * i))

    def array(self, index: int, dtype: str) -> npt.NDArray[np.generic]:
        """Return a vector of numbers; `dtype` is little-endian NumPy, such as "<i4"."""
        start, length = self._vector(index, np.dtype(dtype).itemsize)
        return np.frombuffer(self._data, dtype, length, start)

    def integers(self, index: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        return tuple(self.array(index, "<i4").tolist())

    def span(self, index: int) -> tuple[int, int]:
        """Return where a vector begins: (offset of its first element, number of them); (0, 0) if it is absent."""
        return self._vector(index, 1)

    def string(self, index: int) -> str:
        """Return a string field; bytes that are not UTF-8 are replaced."""
        start, length = self._vector(index, 1)
        return self._data[start : start + length].decode("utf-8", "replace")
