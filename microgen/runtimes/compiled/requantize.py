"""Cheap constants for requantization, proven equal to TFLM's double rounding for every accumulator that can occur.

TFLM makes an output of an accumulator by a saturating, rounding, doubling multiplication, a rounding shift, an addition
and a clamp. A multiplication, an addition and a shift do the same where their constants are right. Both functions are
non-decreasing, so they are equal if and only if they agree on both sides of every threshold (the smallest accumulator
of each output value) and at both ends of the accumulator's range: up to 512 points per channel prove them all.

Two words per channel are all that a device keeps. `PerChannel` has TFLM's own multiplier and a shift per channel, and
is right wherever nothing overflows. `Uniform` has one shift for a layer and no bias: it takes the fewest instructions,
and its multipliers are searched.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .arithmetic import multiply
from .values import Int64, Requantization

# What kernels start their sums with where the shift is uniform: the .inc files. An addend counts whole units,
# thresholds do not: the product of this and of the multiplier moves by a fraction of one with each multiplier.
BASE = 0xAB000
_LIMIT = 2**31
# Search: how far a multiplier is moved from the real scale before a channel is given up.
_REACH, _EARLY = 400, 16
_FREE = 2**40
# How far thresholds may be from those of the real scale before they are looked for everywhere.
_NEAR = 2
# Twice a zero point, and 1, is shifted by it in int32.
_MOST_SHIFT = 22


class Form(Protocol):
    """Requantization that is cheaper than TFLM's."""

    def outputs(self, r: Requantization, acc: Int64) -> Int64:
        """Return outputs for accumulators [channels, n]."""

    def fits(self, r: Requantization) -> bool:
        """Tell whether nothing leaves int32 on the range of accumulators."""


@dataclass(frozen=True, eq=False)
class PerChannel:
    """A shift per channel, and a correction of ties.

    v = accumulator << prescale; unit = 1 << (prescale - 1)
    y = (v * multiplier >> 32) + ((2 * zero_point + 1) << (shift - 1)) + unit / 2, minus `unit` where v < 0
    output = clamp(y >> shift, low, high)

    `unit` is one in the last place of TFLM's first rounding. TFLM rounds there, and halves away from zero behind it.

    Attributes:
        multiplier, shift: int64 [channels].
        prescale: of all channels.
    """

    multiplier: Int64
    shift: Int64
    prescale: int

    def outputs(self, r: Requantization, acc: Int64) -> Int64:
        """See `Form`."""
        y = self._product(acc) + self._addend(r)[:, None] - np.where(acc < 0, self._unit, 0)
        return np.asarray(np.clip(y >> self.shift[:, None], r.low, r.high))

    def fits(self, r: Requantization) -> bool:
        """See `Form`."""
        ends = np.stack([r.acc_low, r.acc_high], axis=1)
        addend = self._addend(r)[:, None]
        y = np.maximum(np.abs(self._product(ends) + addend), np.abs(addend))
        return bool((np.abs(ends) << self.prescale).max(initial=0) < _LIMIT and y.max() + self._unit < _LIMIT)

    @property
    def _unit(self) -> int:
        return 1 << (self.prescale - 1)

    def _addend(self, r: Requantization) -> Int64:
        return np.asarray(((2 * r.zero_point + 1) << (self.shift - 1)) + self._unit // 2)

    def _product(self, acc: Int64) -> Int64:
        return np.asarray((acc << self.prescale) * self.multiplier[:, None] >> 32)


@dataclass(frozen=True, eq=False)
class Uniform:
    """One shift, and the bias in the addend; for layers whose outputs stay at or above the zero point.

    v = (accumulator - bias + BASE) << prescale
    y = (v * multiplier >> 32) + addend
    output = clamp(y >> shift, low, high)

    Attributes:
        multiplier, addend: int64 [channels].
        bias: int64 [channels]: what accumulators have besides the sums that a kernel makes.
        shift, prescale: of all channels.
        constant: bool [channels]: the output never changes; the weights of the channel do not matter.
    """

    multiplier: Int64
    addend: Int64
    bias: Int64
    shift: int
    prescale: int
    constant: npt.NDArray[np.bool_]

    def outputs(self, r: Requantization, acc: Int64) -> Int64:
        """See `Form`."""
        return np.asarray(np.clip(self._sum(acc) >> self.shift, r.low, r.high))

    def fits(self, r: Requantization) -> bool:
        """See `Form`."""
        ends = np.stack([r.acc_low, r.acc_high], axis=1)
        v = np.where(self.constant[:, None], 0, self._value(ends))
        small = max(np.abs(v).max(), np.abs(self._sum(ends)).max(), np.abs(self.addend).max()) < _LIMIT
        return bool(small and self.multiplier.min() >= 0 and self.multiplier.max() < _LIMIT)

    def _value(self, acc: Int64) -> Int64:
        return np.asarray((acc - self.bias[:, None] + BASE) << self.prescale)

    def _sum(self, acc: Int64) -> Int64:
        return np.asarray((self._value(acc) * self.multiplier[:, None] >> 32) + self.addend[:, None])


def apply(r: Requantization, acc: Int64) -> Int64:
    """Return TFLM's outputs for accumulators [channels, n]."""
    out = multiply(acc, r.multiplier[:, None], r.shift[:, None]) + r.zero_point
    return np.asarray(np.clip(out, r.low, r.high))


def is_provable(r: Requantization) -> bool:
    """Tell whether TFLM's function is free of overflow on the range, and so non-decreasing."""
    top = np.maximum(np.abs(r.acc_low), np.abs(r.acc_high))
    return bool((top << np.maximum(r.shift, 0)).max(initial=0) < _LIMIT)


def prove(r: Requantization, form: Form) -> bool:
    """Compare a cheap form with TFLM's at both sides of every threshold, and check that nothing overflows."""
    thresholds = _thresholds(r)
    low, high = r.acc_low[:, None], r.acc_high[:, None]
    points = np.concatenate([np.clip(thresholds, low, high), np.clip(thresholds - 1, low, high), low, high], axis=1)
    return form.fits(r) and bool((apply(r, points) == form.outputs(r, points)).all())


def per_channel(r: Requantization, prescale: int = 8) -> PerChannel | None:
    """Return the proven form with a shift per channel; None where the range or a scale of 1/2 and more forbid it.

    Args:
        prescale: what the kernel multiplies its sums by, as a power of two.
    """
    # A multiplier of 0 leaves the zero point, whatever the shift.
    shift = np.where(r.multiplier == 0, 16, prescale - 1 - r.shift)
    if not is_provable(r) or shift.min() < 2 or shift.max() > _MOST_SHIFT:
        return None
    form = PerChannel(r.multiplier, shift, prescale)
    return form if prove(r, form) else None


def uniform(r: Requantization, bias: Int64, shift: int | None = None, prescale: int = 8) -> Uniform | None:
    """Return the proven form with one shift; None where outputs go below the zero point, or none is found.

    Args:
        bias: int64 [channels]: what accumulators have besides the sums that the kernel makes.
        shift: the only one to try; None: the largest, which leaves most room.
        prescale: what the kernel multiplies its sums by, as a power of two.
    """
    is_tied = r.low < r.zero_point and bool((r.shift < 0).any())
    if is_tied or not is_provable(r) or r.low == r.high:
        return None
    search = _Search(r, bias, prescale)
    for candidate in range(30, 5, -1) if shift is None else (shift,):
        if search.fits(candidate):
            form = search.form(candidate)
            return form if form is not None and prove(r, form) else None
    return None


class _Search:
    """The search for multipliers and addends of a layer."""

    def __init__(self, r: Requantization, bias: Int64, prescale: int) -> None:
        self._bias, self._prescale, self._zero_point = bias, prescale, r.zero_point
        ends = apply(r, np.stack([r.acc_low, r.acc_high], axis=1))
        self._constant, self._value = ends[:, 0] == ends[:, 1], ends[:, 0]
        live = ~self._constant
        self._scale = np.where(live, r.multiplier * 2.0 ** (r.shift - 31), 0.0)
        # From here on, accumulators are what is multiplied.
        self._low, self._high = (np.where(live, a - bias + BASE, BASE) for a in (r.acc_low, r.acc_high))
        self._levels = np.arange(r.low + 1, r.high + 1, dtype=np.int64)
        self._thresholds = _thresholds(r) - bias[:, None] + BASE

    def fits(self, shift: int) -> bool:
        """Tell whether multipliers and outputs stay well inside int32 with a shift."""
        bias = np.where(self._constant, 0, np.abs(self._bias))
        span = np.maximum(np.abs(self._low), np.abs(self._high)) + bias + BASE
        peak = span * self._scale + abs(self._zero_point) + 257
        return bool(self._real(shift).max() < _LIMIT - _REACH and (peak * 2.0**shift).max() < _LIMIT)

    def _real(self, shift: int) -> npt.NDArray[np.float64]:
        return np.asarray(np.rint(self._scale * 2.0 ** (32 - self._prescale + shift)))

    def form(self, shift: int) -> Uniform | None:
        """Return constants, not yet proven; None if a channel has none."""
        first = self._real(shift).astype(np.int64)
        multiplier, addend = np.zeros_like(first), (2 * self._value + 1) << (shift - 1)
        left = np.nonzero(~self._constant)[0]
        for distance in sorted(range(-_REACH, _REACH + 1), key=abs):
            if not len(left):
                return Uniform(multiplier, addend, self._bias, shift, self._prescale, self._constant)
            m = np.maximum(first[left] + distance, 0)
            least, most = self._interval(left, m, shift)
            good = least <= most
            multiplier[left[good]] = m[good]
            addend[left[good]] = ((least + most) >> 1)[good]
            left = left[~good]
            if distance == _EARLY and 2 * len(left) > len(first):
                return None  # a shift that leaves too little room for most
        return None

    def _interval(self, left: npt.NDArray[np.intp], m: Int64, shift: int) -> tuple[Int64, Int64]:
        """Return between what the addends of some channels must lie for multipliers m."""
        t, low, high = self._thresholds[left], self._low[left, None], self._high[left, None]
        down, wanted = 32 - self._prescale, self._levels << shift
        # At a threshold y reaches the level; one accumulator below it does not. A channel whose output changes has a
        # threshold above its lowest accumulator and not above its highest one.
        least = np.where(t <= high, wanted - (t * m[:, None] >> down), -_FREE).max(axis=1)
        most = np.where(t > low, wanted - ((t - 1) * m[:, None] >> down) - 1, _FREE).min(axis=1)
        return least, most


@functools.lru_cache(64)
def _thresholds(r: Requantization) -> Int64:
    """Return the smallest accumulator of each output value above `low`, [channels, values]; acc_high + 1 for none.

    They are near where the real scale has them. The function is asked on both sides of that, and all between the ends
    where the answers do not enclose a threshold.
    """
    levels = np.arange(r.low + 1, r.high + 1, dtype=np.int64)[None, :]
    first, last = r.acc_low[:, None], r.acc_high[:, None]
    scale = np.maximum(r.multiplier, 1)[:, None] * 2.0 ** (r.shift[:, None] - 31.0)
    real = np.rint(np.clip((levels - r.zero_point - 0.5) / scale, first, last)).astype(np.int64)
    below, above = np.maximum(real - _NEAR, first), np.minimum(real + _NEAR, last)
    low = np.where(apply(r, below) < levels, below + 1, first)
    high = np.where(apply(r, above) >= levels, above, last + 1)
    while (low < high).any():
        middle = (low + high) >> 1
        reached = apply(r, middle) >= levels
        high = np.where(reached, middle, high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return low
