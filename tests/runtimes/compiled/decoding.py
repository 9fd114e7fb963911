"""Decoders of the stored forms of weights, written after the description of each form."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from microgen.runtimes.compiled import coding


def runs(coded: coding.Runs, elements: int) -> npt.NDArray[np.int8]:
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


def blocks(coded: coding.Blocks, channels: int, elements: int) -> npt.NDArray[np.int8]:
    """Return the weights that blocks stand for, [channels, elements]."""
    fours = np.zeros((len(coded.places), -(-elements // 4), 4, 2), np.int8)
    begin = 0
    for pair, places in zip(fours, coded.places, strict=True):
        pair[places] = coded.weights[begin : begin + len(places)]
        begin += len(places)
    return fours.transpose(0, 3, 1, 2).reshape(2 * len(fours), -1)[:channels, :elements]


def indices(coded: coding.Indexed) -> npt.NDArray[np.int8]:
    """Return the weights that indices stand for, [channels, elements]."""
    eights = coded.codes[: len(coded.codes) - coding._TAIL].reshape(-1, coded.bits)
    each_bit = np.unpackbits(eights, axis=1, bitorder="little").reshape(len(eights), 8, coded.bits)
    index = (each_bit << np.arange(coded.bits)).sum(2)
    index = index.reshape(-1, coded.fours, 4, 2).transpose(0, 3, 1, 2).reshape(-1, 4 * coded.fours)[: len(coded.book)]
    return np.asarray(coded.books[coded.book[:, None], index][:, : coded.elements])


def pairs(coded: coding.Pairs, channels: int, elements: int) -> npt.NDArray[np.int8]:
    """Return the weights that index pairs stand for, [channels, elements]."""
    values = coded.book[np.stack([coded.codes & 15, coded.codes >> 4], axis=-1)]  # [..., (a02, b02, a13, b13), 2]
    fours = np.stack([values[..., 0:2, 0], values[..., 2:4, 0], values[..., 0:2, 1], values[..., 2:4, 1]], axis=2)
    return np.asarray(fours.transpose(0, 3, 1, 2).reshape(2 * len(values), -1)[:channels, :elements])


def nibbles(coded: coding.Nibbles, elements: int) -> npt.NDArray[np.int8]:
    """Return the weights that nibbles stand for, [channels, elements]."""
    halves = np.stack([coded.words & 0xFFFF, coded.words >> 16], axis=-1)
    odd, even = ([(halves >> k & 15) - 8 for k in (bit, bit + 4)] for bit in (0, 8))
    even[1] = np.where(even[1] < 0, even[1] + 8, even[1] - 8)
    pairs = np.stack([np.stack([e, o], axis=-1) for e, o in zip(even, odd, strict=True)], axis=1)
    return np.asarray(pairs.reshape(2 * len(coded.words), -1)[: len(coded.even), :elements], np.int8)
