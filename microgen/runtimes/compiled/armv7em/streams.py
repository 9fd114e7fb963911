"""Weights and constants in the order in which the kernels of firmware/runtimes/compiled/armv7em/ read them."""

from __future__ import annotations

import numpy as np

from ..requantize import Constants
from ..values import Int64


def fits_pairs(w: Int64) -> bool:
    """Tell whether w_a + 256 w_b of neighbouring rows fit a halfword: no -128 over a negative weight."""
    return bool((np.abs(_halves(_filled(w, 2)) + 0.5) < 2**15).all())


def conv3(w: Int64, bias: Int64, c: Constants) -> Int64:
    """Return the stream of conv.inc for weights [channels, elements]."""
    w, bias, tables = _ready(w, bias, c, 2)
    h = _halves(w).reshape(len(w) // 2, -1, 4)
    words = _word(h[:, :, :2], h[:, :, 2:]).reshape(len(h), -1)
    return _wrap(np.concatenate([_biases(bias, 2), words, _constants(tables, c, 2)], axis=1).reshape(-1))


def dot4(w: Int64, bias: Int64 | None, c: Constants | None) -> Int64:
    """Return the stream of dot.inc for weights [channels, elements]; without constants, biases are 0."""
    if bias is None or c is None:
        w = np.pad(_filled(w, 4), ((0, 0), (0, -w.shape[1] % 4)))
        begin, end = np.zeros((len(w) // 4, 4), np.int64), np.zeros((len(w) // 4, 0), np.int64)
    else:
        w, bias, tables = _ready(w, bias, c, 4)
        begin, end = _biases(bias, 4), _constants(tables, c, 4)
    h = _halves(w).reshape(len(w) // 4, 2, -1, 4)
    words = _word(h[..., :2], h[..., 2:]).transpose(0, 2, 3, 1).reshape(len(h), -1)
    return _wrap(np.concatenate([begin, words, end], axis=1).reshape(-1))


def depthwise3x3(w: Int64, bias: Int64, c: Constants) -> Int64:
    """Return the stream of depthwise.inc for weights [channels, 3, 3]."""
    w, bias = _without_constant(w, bias, c)
    rows = _word(256 * w[:, :, :2], 256 * w[:, :, 1:]).reshape(len(w), -1)
    columns = [256 * bias, c.multiplier, c.addend, *([c.shift] if c.tie else [])]
    return _wrap(np.concatenate([rows, np.stack(columns, axis=1)], axis=1).reshape(-1))


def winograd(w: Int64, bias: Int64, c: Constants) -> Int64:
    """Return the stream of winograd.inc for weights [channels, 3, 3, inputs]; constants of prescale 6."""
    w, bias = _without_constant(w, bias, c)
    g = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]])
    u = 16 * np.einsum("ik,oklc,jl->oijc", g, w, g)
    u = u.reshape(len(w) // 2, 2, 16, -1, 4)
    words = _word(u[..., :2], u[..., 2:]).transpose(0, 2, 3, 1, 4).reshape(len(u), -1)
    columns = [64 * bias, c.multiplier, c.addend, *([c.shift] if c.tie else [])]
    tail = np.stack(columns, axis=1).reshape(len(u), -1)
    return _wrap(np.concatenate([words, tail], axis=1).reshape(-1))


def _ready(w: Int64, bias: Int64, c: Constants, group: int) -> tuple[Int64, Int64, Int64]:
    """Fill up channels to groups and elements to fours; tables [channels, 3] of multiplier, addend, shift."""
    w, bias = _without_constant(w, bias, c)
    w = _filled(w, group)
    tables = _filled(np.stack([c.multiplier, c.addend, c.shift], axis=1), group)
    return np.pad(w, ((0, 0), (0, -w.shape[1] % 4))), _filled(bias[:, None], group)[:, 0], tables


def _without_constant(w: Int64, bias: Int64, c: Constants) -> tuple[Int64, Int64]:
    """Leave out the weights of channels that are constant, and count accumulators from the constants' offset."""
    dead = c.constant.reshape((-1,) + (1,) * (w.ndim - 1))
    return np.where(dead, 0, w.astype(np.int64)), np.where(c.constant, 0, bias - c.offset)


def _filled(a: Int64, group: int) -> Int64:
    return np.pad(a, ((0, -len(a) % group), *[(0, 0)] * (a.ndim - 1)))


def _halves(w: Int64) -> Int64:
    return np.asarray(w[::2] + 256 * w[1::2])


def _word(low: Int64, high: Int64) -> Int64:
    return np.asarray((low & 0xFFFF) | (high & 0xFFFF) << 16)


def _biases(bias: Int64, group: int) -> Int64:
    pairs = np.stack([bias[::2], bias[::2] + 256 * bias[1::2]], axis=1)
    return pairs.reshape(len(bias) // group, -1)


def _constants(tables: Int64, c: Constants, group: int) -> Int64:
    """Multiplier and addend of each channel of a group, then their shifts where the kernel takes them from here."""
    grouped = tables.reshape(-1, group, 3)
    parts = [grouped[:, :, :2].reshape(len(grouped), -1)]
    if c.tie:
        parts.append(grouped[:, :, 2])
    return np.concatenate(parts, axis=1)


def _wrap(x: Int64) -> Int64:
    """Return what 32 bits hold of numbers, signed."""
    return np.asarray(((x + 2**31) % 2**32) - 2**31)
