"""Forms in which weights lie in flash, decoded where they are used: runs, indices, pairs, blocks, nibbles.

The layouts are those that runs.h, indexed.h, blocks.h, armv7em/pairs.inc and armv7em/nibbles.inc in
firmware/runtimes/compiled/ describe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .values import Int8, Int64

_MOST_BITS = 6
_MOST_BOOKS = 256  # a channel has the number of its book in a byte
_MOST_GAP = 15
_FARTHEST = 41  # blocks from one to the next
_TAIL = 3  # bytes that are read behind the last index
_BOOK = 16  # values that index pairs can name
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
        books: int8 [books, 1 << bits]; book: the number of each channel's, for channels share books.
        elements: of a channel.
        chunk: how many channels of a convolution are decoded at a time; 0 where they are not.
    """

    bits: int
    codes: _Bytes
    books: Int8
    book: Int64
    elements: int
    chunk: int = 0

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.codes.size + self.books.size + self.book.size)

    @property
    def fours(self) -> int:
        """Fours of elements of a channel."""
        return -(-self.elements // 4)

    def __str__(self) -> str:
        return f"{self.bits}-bit indices"


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of two channels by four elements that are not all zero.

    Attributes:
        weights: int8 [blocks, 4, 2]: element by element, channel a and b of a pair.
        places: the number of each block among the fours of its pair, of each pair. Blocks of zeros are among them where
            others are too far apart.
    """

    weights: Int8
    places: tuple[Int64, ...]

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return 9 * self.count + len(self.places)

    @property
    def count(self) -> int:
        """How many blocks are multiplied."""
        return len(self.weights)

    def gaps(self, factor: int = 1, more: int = 0, end: int = 0) -> _Bytes:
        """Return the gaps as bytes, `end` behind each pair: factor * (distance + more), `more` not for the first."""
        parts = []
        for places in self.places:
            distance = np.diff(places, prepend=-1)
            distance[1:] += more
            parts.append(np.append(factor * distance, end))
        return np.concatenate(parts).astype(np.uint8)

    def __str__(self) -> str:
        return "blocks"


@dataclass(frozen=True, eq=False)
class Nibbles:
    """Weights from -8 to 7, of two channels and four elements in a word.

    Attributes:
        words: [pairs of channels, fours of elements].
        even: the sum of the weights of elements with even numbers, of each channel: the kernels multiply these by what
            is 128 less than the element.
    """

    words: Int64
    even: Int64

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return 4 * int(self.words.size)

    def bias(self, bias: Int64) -> Int64:
        """Return what accumulators have besides the sums that the kernels make."""
        return np.asarray(bias + 128 * self.even)

    def __str__(self) -> str:
        return "4 bits"


@dataclass(frozen=True, eq=False)
class Pairs:
    """Indices of four bits into one book for the whole layer, two in a byte that is looked up at once.

    Attributes:
        codes: [pairs of channels, fours of elements, 4]: of channels a and b, elements 0 and 2, then 1 and 3.
        book: int8 [16].
    """

    codes: _Bytes
    book: Int8

    @property
    def bytes(self) -> int:
        """What it takes in flash."""
        return int(self.codes.size + self.book.size)

    def __str__(self) -> str:
        return "4-bit indices, one book"


Coding = Runs | Indexed | Blocks | Nibbles | Pairs


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


def blocks(w: Int8) -> Blocks:
    """Return weights [channels, elements] as blocks of two channels by four elements."""
    filled = np.pad(w, ((0, len(w) % 2), (0, -w.shape[1] % 4)))
    fours = filled.reshape(len(filled) // 2, 2, -1, 4).transpose(0, 2, 3, 1)
    parts, places = [], []
    for pair in fours:
        found = np.flatnonzero(pair.any((1, 2))).astype(np.int64)
        before = np.diff(found, prepend=-1)
        far = [np.arange(p - d + _FARTHEST, p, _FARTHEST) for p, d in zip(found, before, strict=True) if d > _FARTHEST]
        found = np.sort(np.concatenate([found, *far])).astype(np.int64)
        parts.append(pair[found])
        places.append(found)
    return Blocks(np.concatenate(parts), tuple(places))


# Zeros of two channels at four elements.
NO_NIBBLES = 0x08880888


def nibbles(w: Int8) -> Nibbles | None:
    """Return weights [channels, elements] as nibbles; None where one is not between -8 and 7."""
    if w.min(initial=0) < -8 or w.max(initial=0) > 7:
        return None
    filled = np.pad(w.astype(np.int64), ((0, len(w) % 2), (0, -w.shape[1] % 4)))
    a, b = (part.reshape(len(part), -1, 2, 2) for part in (filled[::2], filled[1::2]))
    halves = (a[..., 1] + 8) | (b[..., 1] + 8) << 4 | (a[..., 0] + 8) << 8 | (b[..., 0] & 15) << 12
    return Nibbles(halves[..., 0] | halves[..., 1] << 16, w[:, ::2].astype(np.int64).sum(1))


def pairs(w: Int8) -> Pairs | None:
    """Return weights [channels, elements] as index pairs; None: there are more than 16 values."""
    filled = np.pad(w, ((0, 0), (0, -w.shape[1] % 4)))
    values = np.unique(filled)
    if len(values) > _BOOK:
        return None
    index = np.pad(np.searchsorted(values, filled), ((0, len(w) % 2), (0, 0))).reshape(-(-len(w) // 2), 2, -1, 2, 2)
    codes = (index[..., 0, :] | index[..., 1, :] << 4).transpose(0, 2, 3, 1)
    return Pairs(
        codes.reshape(*codes.shape[:2], 4).astype(np.uint8), np.pad(values, (0, _BOOK - len(values)), mode="edge")
    )


def indexed(w: Int8) -> Indexed | None:
    """Return weights [channels, elements] as indices, with as few books as take least; None: there are too many values.

    Quantization makes the same int8 values of the few that clustering leaves in all channels that have the same largest
    one, and others share what they can.
    """
    filled = np.pad(w, ((0, 0), (0, -w.shape[1] % 4)))
    values = [frozenset(np.unique(row).tolist()) for row in filled]
    least = max(1, (max(map(len, values)) - 1).bit_length())
    best: Indexed | None = None
    for bits in range(least, _MOST_BITS + 1):
        if best is not None and w.size * bits // 8 >= best.bytes:
            break
        books, book = _shared(values, 1 << bits)
        if len(books) <= _MOST_BOOKS:
            coded = _indexed(filled, books, book, bits, w.shape[1])
            best = coded if best is None or coded.bytes < best.bytes else best
    return best


def _shared(values: Sequence[frozenset[int]], size: int) -> tuple[list[frozenset[int]], Int64]:
    """Return books of up to `size` values that hold those of each channel, and the number of each channel's book."""
    books: list[frozenset[int]] = []
    book = np.zeros(len(values), np.int64)
    for channel in sorted(range(len(values)), key=lambda c: (-len(values[c]), c)):
        own = values[channel]
        fitting = [k for k, b in enumerate(books) if len(b | own) <= size]
        if fitting:
            k = min(fitting, key=lambda k: (len(own - books[k]), k))
            books[k] |= own
        else:
            k = len(books)
            books.append(own)
        book[channel] = k
    return books, book


def _indexed(filled: Int8, books: list[frozenset[int]], book: Int64, bits: int, elements: int) -> Indexed:
    tables = [np.array(sorted(b), np.int8) for b in books]
    index = np.stack([np.searchsorted(tables[k], row) for k, row in zip(book, filled, strict=True)])
    index = np.pad(index, ((0, len(index) % 2), (0, 0)))
    # [pairs, fours, 8]: element by element, channel a and b.
    eights = index.reshape(len(index) // 2, 2, -1, 4).transpose(0, 2, 3, 1).reshape(-1, 8)
    each_bit = (eights[:, :, None] >> np.arange(bits)) & 1
    codes = np.packbits(each_bit.reshape(len(eights), -1).astype(np.uint8), axis=1, bitorder="little")
    codes = np.concatenate([codes.reshape(-1), np.zeros(_TAIL, np.uint8)])
    table = np.stack([np.pad(t, (0, (1 << bits) - len(t)), mode="edge") for t in tables])
    return Indexed(bits, codes, table, book, elements)
