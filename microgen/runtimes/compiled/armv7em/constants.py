"""Requantization for kernels whose shift is an immediate: one shift for as many layers as can share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import requantize
from ..requantize import Constants
from ..values import Requantization

# Kernels with a shift per channel subtract this below zero: 2**(prescale - 1).
_TIE = 128
# A sum of winograd.inc is 64 times that of the convolution, its multiplier less than 2**31.
_WINOGRAD_PRESCALE = 6


def shared(layers: Mapping[int, Requantization]) -> dict[int, Constants]:
    """Return constants of prescale 8 for layers that run on one kind of kernel, few different shifts among them.

    Constants with a shift for all channels have `tie` 0, those with a shift per channel have it 128. Layers of which
    neither is proven are left out.
    """
    first = {k: _uniform(r) for k, r in layers.items()}
    left = {k: int(c.shift[0]) for k, c in first.items() if c}
    out: dict[int, Constants] = {}
    while left:
        shift = min(left.values())
        for k in [k for k, own in left.items() if own >= shift]:
            c = first[k] if left[k] == shift else _uniform(layers[k], shift)
            if c is not None and int(c.shift[0]) == shift:
                out[k] = c
                del left[k]
    for k in layers.keys() - out.keys():
        if c := per_channel(layers[k]):
            out[k] = c
    return out


def per_channel(r: Requantization) -> Constants | None:
    """Return constants of prescale 8 with a shift per channel and a tie of 128."""
    return _tied(r, 8, _TIE)


def winograd(r: Requantization, prefer: int | None = None) -> Constants | None:
    """Return constants of prescale 6: with tie 0 and a shift for all channels, or with tie 32 and a shift for each."""
    most = _uniform(r)
    if most is not None:
        top = int(most.shift[0])
        for shift in (*((prefer,) if prefer else ()), top, top - 1, top - 2):
            c = most if shift == top else _uniform(r, shift)
            if c is not None and int(c.shift[0]) == shift and int(c.multiplier.max()) < 2**29:
                return replace(c, multiplier=4 * c.multiplier, prescale=_WINOGRAD_PRESCALE)
    return _tied(r, _WINOGRAD_PRESCALE, _TIE >> 2)


def _uniform(r: Requantization, prefer: int | None = None) -> Constants | None:
    # Where all outputs are the same, no threshold bounds the search.
    return requantize.uniform(r, prefer) if r.low < r.high else None


def _tied(r: Requantization, prescale: int, tie: int) -> Constants | None:
    c = requantize.per_channel(r, (prescale,))
    if c is None:
        return None
    if not c.tie:
        # The kernel subtracts the tie in any case: results below zero are clamped, and constants must not move.
        addend = np.where(c.constant, (c.addend << 9) + 256, c.addend)
        c = replace(c, tie=tie, addend=addend, shift=np.where(c.constant, 9, c.shift))
    return c if requantize.prove(r, c) else None
