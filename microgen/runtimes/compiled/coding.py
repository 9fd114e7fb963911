"""Forms in which weights lie in flash, decoded where they are used: runs of what is not zero, indices into books.

The layouts are those that firmware/runtimes/compiled/runs.h and indexed.h describe.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .values import Int8, Int64

_MOST_BITS = 6
_MOST_GAP = 15
_TAIL = 3  # bytes that are read behind the last index
_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Runs:
    """Weights that are not zero, with the number of zeros before each.

    Attributes:
        runs: three bytes for each two weights: the gaps of both in four bits each, and the weights.
        pairs: how many threes each channel has.
    """

    runs: _Bytes
    pairs: Int64

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.runs.size + 2 * self.pairs.size)

    @property
    def tokens(self) -> int:
        """How many weights are multiplied."""
        return 2 * int(self.pairs.sum())

    def __str__(self) -> str:
        return "runs"


@dataclass(frozen=True, eq=False)
class Indexed:
    """Indices into books of values.

    Attributes:
        bits: of an index, 1 to 6.
        codes: the indices of pairs of channels, in fours of elements: `bits` bytes for each.
        books: int8 [channels or 1, 1 << bits].
        channels, elements: of the weights.
        chunk: how many channels of a convolution are decoded at a time; 0 where they are not.
    """

    bits: int
    codes: _Bytes
    books: Int8
    channels: int
    elements: int
    chunk: int = 0

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.codes.size + self.books.size)

    @property
    def is_per_channel(self) -> bool:
        """Whether each channel has a book of its own."""
        return len(self.books) > 1

    @property
    def fours(self) -> int:
        """Fours of elements of a channel."""
        return -(-self.elements // 4)

    def __str__(self) -> str:
        return f"{self.bits}-bit indices"


Coding = Runs | Indexed


def runs(w: Int8) -> Runs | None:
    """Return weights [channels, elements] as runs; None where a channel has no zero to fill it up with."""
    parts, pairs = [], []
    for row in w:
        places = _places(row)
        if places is None:
            return None
        gaps = np.diff(places, prepend=-1) - 1
        values = row[places].astype(np.int64)
        threes = np.stack([gaps[::2] | gaps[1::2] << 4, values[::2] & 255, values[1::2] & 255], axis=1)
        parts.append(threes.reshape(-1).astype(np.uint8))
        pairs.append(len(threes))
    if max(pairs, default=0) > np.iinfo(np.uint16).max:
        return None
    return Runs(np.concatenate([np.zeros(0, np.uint8), *parts]), np.array(pairs, np.int64))


def _places(row: Int8) -> Int64 | None:
    """Return the elements that have a place in the runs: what is not zero, zeros between that are far apart, an even
    number of them."""
    places = np.flatnonzero(row).astype(np.int64)
    reach = _MOST_GAP + 1
    before = np.diff(places, prepend=-1) - 1
    extra = [np.arange(p - 1 - gap + reach, p, reach) for p, gap in zip(places, before, strict=True) if gap > _MOST_GAP]
    places = np.sort(np.concatenate([places, *extra])).astype(np.int64)
    if len(places) % 2:
        free = np.setdiff1d(np.arange(int(places[-1]) + 2), places)
        free = free[free < len(row)]
        if not len(free):
            return None
        places = np.sort(np.append(places, free[-1]))
    return places


def decoded_runs(coded: Runs, elements: int) -> Int8:
    """Return the weights that runs stand for, [channels, elements]."""
    out = np.zeros((len(coded.pairs), elements), np.int8)
    threes = coded.runs.reshape(-1, 3)
    begin = 0
    for row, count in zip(out, coded.pairs, strict=True):
        part = threes[begin : begin + int(count)]
        begin += int(count)
        gaps = np.stack([part[:, 0] & 15, part[:, 0] >> 4], axis=1).reshape(-1).astype(np.int64)
        row[np.cumsum(gaps + 1) - 1] = part[:, 1:].reshape(-1).view(np.int8)
    return out


def indexed(w: Int8) -> Indexed | None:
    """Return weights [channels, elements] as indices, of one book or a book for each channel; None: too many values."""
    filled = np.pad(w, ((0, 0), (0, -w.shape[1] % 4)))
    whole = np.unique(filled)
    each = [np.unique(row) for row in filled]
    found = []
    for books in ([whole], each):
        bits = max(1, (max(map(len, books)) - 1).bit_length())
        if bits <= _MOST_BITS:
            found.append(_indexed(filled, books, bits, w.shape[1]))
    return min(found, key=lambda f: f.bytes, default=None)


def _indexed(filled: Int8, books: list[Int8], bits: int, elements: int) -> Indexed:
    table = np.stack([np.pad(book, (0, (1 << bits) - len(book)), mode="edge") for book in books])
    index = np.stack([np.searchsorted(books[k % len(books)], row) for k, row in enumerate(filled)])
    index = np.pad(index, ((0, len(index) % 2), (0, 0)))
    # [pairs, fours, 8]: element by element, channel a and b.
    eights = index.reshape(len(index) // 2, 2, -1, 4).transpose(0, 2, 3, 1).reshape(-1, 8)
    each_bit = (eights[:, :, None] >> np.arange(bits)) & 1
    codes = np.packbits(each_bit.reshape(len(eights), -1).astype(np.uint8), axis=1, bitorder="little")
    codes = np.concatenate([codes.reshape(-1), np.zeros(_TAIL, np.uint8)])
    return Indexed(bits, codes, table.astype(np.int8), len(filled), elements)


def decoded_indices(coded: Indexed) -> Int8:
    """Return the weights that indices stand for, [channels, elements]."""
    eights = coded.codes[: len(coded.codes) - _TAIL].reshape(-1, coded.bits)
    each_bit = np.unpackbits(eights, axis=1, bitorder="little").reshape(len(eights), 8, coded.bits)
    index = (each_bit << np.arange(coded.bits)).sum(2)
    index = index.reshape(-1, coded.fours, 4, 2).transpose(0, 3, 1, 2).reshape(-1, 4 * coded.fours)[: coded.channels]
    book = np.arange(coded.channels) if coded.is_per_channel else np.zeros(coded.channels, int)
    return np.asarray(coded.books[book[:, None], index][:, : coded.elements])
