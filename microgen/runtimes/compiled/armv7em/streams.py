"""Weights and constants in the order in which the kernels of firmware/runtimes/compiled/armv7em/ read them.

The two words of a channel are multiplier and addend where the shift is uniform; else its bias, times 1 << prescale,
with the shift less 1 in the low bits, and the multiplier. With those, a stream begins with twice the output's zero
point, and 1.
"""

from __future__ import annotations

import numpy as np

from ..coding import NO_NIBBLES, Blocks, Nibbles, Pairs
from ..requantize import Uniform
from ..values import Int64, Requantization
from .constants import Constants


def fits_pairs(w: Int64) -> bool:
    """Tell whether w_a + 256 w_b of neighbouring rows fit a halfword: no -128 over a negative weight."""
    return bool((np.abs(_halves(_filled(w, 2)) + 0.5) < 2**15).all())


def conv3(w: Int64, bias: Int64, c: Constants, r: Requantization) -> Int64:
    """Return the stream of conv.inc for weights [channels, elements]."""
    w, words = _ready(w, bias, c, 2)
    h = _halves(w).reshape(len(w) // 2, -1, 4)
    weights = _word(h[:, :, :2], h[:, :, 2:]).reshape(len(h), -1)
    return _with_head(np.concatenate([weights, words.reshape(len(h), -1)], axis=1), c, r)


def blocks3(coded: Blocks, bias: Int64, c: Constants, r: Requantization) -> Int64:
    """Return the stream of mg_blocks3 in conv.inc."""
    words = _filled(_words(bias, c), 2).reshape(len(coded.places), -1)
    w = coded.weights.astype(np.int64)
    h = w[..., 0] + 256 * w[..., 1]
    steps = _word(h[:, :2], h[:, 2:])
    parts, begin = [], 0
    for places, own in zip(coded.places, words, strict=True):
        parts += [steps[begin : begin + len(places)].reshape(-1), own]
        begin += len(places)
    return _with_head(np.concatenate(parts), c, r)


def nibbles3(coded: Nibbles, bias: Int64, c: Constants, r: Requantization) -> Int64:
    """Return the stream of nibbles.inc; `bias` is that of the coded sums."""
    words = _filled(_words(bias, c), 2).reshape(len(coded.words), -1)
    steps = np.pad(coded.words, ((0, 0), (0, coded.words.shape[1] % 2)), constant_values=NO_NIBBLES)
    return _with_head(np.concatenate([steps, words], axis=1), c, r)


def pairs3(coded: Pairs, bias: Int64, c: Constants, r: Requantization) -> Int64:
    """Return the stream of pairs.inc."""
    words = _filled(_words(bias, c), 2).reshape(len(coded.codes), -1)
    steps = np.ascontiguousarray(coded.codes).view("<u4")[..., 0].astype(np.int64)
    return _with_head(np.concatenate([steps, words], axis=1), c, r)


def constants(bias: Int64, c: Constants) -> Int64:
    """Return the two words of each channel."""
    return wrapped(_words(bias, c).reshape(-1))


def dot4(w: Int64, bias: Int64, c: Constants, r: Requantization, base: int) -> Int64:
    """Return the stream of dot.inc for weights [channels, elements]; `base` is what the kernel's sums start with."""
    w, words = _ready(w, bias - base, c, 4)
    weights = _dot4_weights(w)
    return _with_head(np.concatenate([weights, words.reshape(len(weights), -1)], axis=1), c, r)


def dot4_sums(w: Int64) -> Int64:
    """Return the stream of dot.inc without requantization."""
    return wrapped(_dot4_weights(_whole(w, 4)).reshape(-1))


def _dot4_weights(w: Int64) -> Int64:
    h = _halves(w).reshape(len(w) // 4, 2, -1, 4)
    return _word(h[..., :2], h[..., 2:]).transpose(0, 2, 3, 1).reshape(len(h), -1)


def depthwise3x3(w: Int64, bias: Int64, c: Constants) -> Int64:
    """Return the stream of depthwise.inc for weights [channels, 3, 3]."""
    w = _without_constant(w, c) & 255
    rows = w[..., 1] | w[..., 0] << 8 | w[..., 2] << 16 | w[..., 1] << 24
    return wrapped(np.concatenate([rows, _words(bias, c)], axis=1).reshape(-1))


def winograd(w: Int64, bias: Int64, c: Constants, r: Requantization) -> Int64:
    """Return the stream of winograd.inc for weights [channels, 3, 3, inputs]; constants of prescale 6."""
    w = _without_constant(w, c)
    g = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
    u = 16 * np.einsum("ik,oklc,jl->oijc", g, w, g)
    u = u.reshape(len(w) // 2, 2, 16, -1, 4)
    weights = _word(u[..., :2], u[..., 2:]).transpose(0, 2, 3, 1, 4).reshape(len(u), -1)
    return _with_head(np.concatenate([weights, _words(bias, c).reshape(len(u), -1)], axis=1), c, r)


def _ready(w: Int64, bias: Int64, c: Constants, group: int) -> tuple[Int64, Int64]:
    """Fill up channels to groups and elements to fours; return weights, and the two words of each channel."""
    return _whole(_without_constant(w, c), group), _filled(_words(bias, c), group)


def _whole(w: Int64, group: int) -> Int64:
    return np.pad(_filled(w, group), ((0, 0), (0, -w.shape[1] % 4)))


def _words(bias: Int64, c: Constants) -> Int64:
    if isinstance(c, Uniform):
        return np.stack([c.multiplier, c.addend], axis=1)
    return np.stack([(bias << c.prescale) + c.shift - 1, c.multiplier], axis=1)


def _with_head(rows: Int64, c: Constants, r: Requantization) -> Int64:
    head = [] if isinstance(c, Uniform) else [2 * r.zero_point + 1]
    return wrapped(np.concatenate([np.array(head, np.int64), rows.reshape(-1)]))


def _without_constant(w: Int64, c: Constants) -> Int64:
    """Leave out the weights of channels whose output is in the addend."""
    if not isinstance(c, Uniform):
        return w.astype(np.int64)
    dead = c.constant.reshape((-1,) + (1,) * (w.ndim - 1))
    return np.where(dead, 0, w.astype(np.int64))


def _filled(a: Int64, group: int) -> Int64:
    return np.pad(a, ((0, -len(a) % group), *[(0, 0)] * (a.ndim - 1)))


def _halves(w: Int64) -> Int64:
    return np.asarray(w[::2] + 256 * w[1::2])


def _word(low: Int64, high: Int64) -> Int64:
    return np.asarray((low & 0xFFFF) | (high & 0xFFFF) << 16)


def wrapped(x: Int64) -> Int64:
    """Return what 32 bits hold of numbers, signed."""
    return np.asarray(((x + 2**31) % 2**32) - 2**31)
