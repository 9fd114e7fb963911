"""Cheap constants for requantization, proven equal to TFLM's double rounding for every accumulator that can occur.

TFLM makes an output of an accumulator by a saturating, rounding, doubling multiplication, a rounding shift, an addition
and a clamp. A multiplication, an addition and a shift do the same where their constants are right. Both functions are
non-decreasing, so they are equal if and only if they agree on both sides of every threshold (the smallest accumulator
of each output value) and at both ends of the accumulator's range: up to 512 points per channel prove them all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .arithmetic import multiply
from .values import Int64, Requantization

_LIMIT = 2**31
# Search: how far a multiplier is moved from the real scale before a shift is given up.
_REACH = 96
_FREE = 2**40


@dataclass(frozen=True, eq=False)
class Constants:
    """Constants of the cheap form.

    v = (accumulator - offset) << prescale
    y = (v * multiplier >> 32) + addend, minus `tie` where v < 0
    output = clamp(y >> shift, low, high)

    v, the product's high word and y fit int32.

    Attributes:
        multiplier, addend, shift, offset: int64 [channels]; the packer subtracts `offset` from the bias.
        prescale: 8 where nothing else is asked for.
        tie: 0, or half of a unit in the last place of TFLM's first rounding, which rounds halves away from zero.
        constant: bool [channels]: the output never changes; its multiplier is 0, its weights do not matter.
    """

    multiplier: Int64
    addend: Int64
    shift: Int64
    offset: Int64
    prescale: int
    tie: int
    constant: npt.NDArray[np.bool_]


def apply(r: Requantization, acc: Int64) -> Int64:
    """Return TFLM's outputs for accumulators [channels, n]."""
    out = multiply(acc, r.multiplier[:, None], r.shift[:, None]) + r.zero_point
    return np.asarray(np.clip(out, r.low, r.high))


def apply_constants(r: Requantization, c: Constants, acc: Int64) -> Int64:
    """Return the cheap form's outputs for accumulators [channels, n]."""
    v = (acc - c.offset[:, None]) << c.prescale
    y = (v * c.multiplier[:, None] >> 32) + c.addend[:, None] - c.tie * (v < 0)
    return np.asarray(np.clip(y >> c.shift[:, None], r.low, r.high))


def is_provable(r: Requantization) -> bool:
    """Tell whether TFLM's function is free of overflow on the range, and so non-decreasing."""
    top = np.maximum(np.abs(r.acc_low), np.abs(r.acc_high))
    return bool((top << np.maximum(r.shift, 0)).max(initial=0) < _LIMIT)


def prove(r: Requantization, c: Constants) -> bool:
    """Compare the cheap form with TFLM's at both sides of every threshold, and check that nothing overflows."""
    thresholds = _thresholds(r)
    low, high = r.acc_low[:, None], r.acc_high[:, None]
    points = np.concatenate([np.clip(thresholds, low, high), np.clip(thresholds - 1, low, high), low, high], axis=1)
    return _fits(r, c) and bool((apply(r, points) == apply_constants(r, c, points)).all())


def uniform(r: Requantization, prefer: int | None = None) -> Constants | None:
    """Return proven constants with one shift for all channels, without a tie, prescale 8; None where none are found.

    Args:
        prefer: the shift to try first.
    """
    if not is_provable(r) or r.low == r.high:
        return None
    constant, value = _constant_channels(r)
    offset = np.where(np.maximum(-r.acc_low, r.acc_high) >= 2**23, (r.acc_low + r.acc_high) >> 1, 0)
    offset = np.where(constant, 0, offset)
    scale = np.where(constant, 0.0, r.multiplier * 2.0 ** (r.shift - 31))
    narrow = _around(r, offset, constant)
    if max(-int(narrow.acc_low.min()), int(narrow.acc_high.max())) >= 2**23:
        return None
    thresholds = _thresholds(r) - offset[:, None]
    levels = np.arange(r.low + 1, r.high + 1, dtype=np.int64)[None, :]
    # A constant channel steps at 0 from one value to the same: any accumulator gives it.
    thresholds = np.where(constant[:, None], np.where(levels <= value[:, None], -1, 1), thresholds)
    peak = np.maximum(-narrow.acc_low, narrow.acc_high) * scale + np.abs(offset) * scale + abs(r.zero_point) + 257
    for shift in [*([prefer] if prefer else []), *range(30, 5, -1)]:
        real = np.rint(scale * 2.0 ** (24 + shift))
        if real.max() >= _LIMIT - _REACH or (peak * 2.0**shift).max() >= _LIMIT:
            continue
        first = real.astype(np.int64)
        constants = _search(first, shift, levels, thresholds, narrow)
        if constants is not None:
            multiplier, addend = constants
            c = Constants(multiplier, addend, np.full(len(scale), shift), offset, 8, 0, constant)
            return c if prove(r, c) else None
        if shift != prefer:
            return None
    return None


def per_channel(r: Requantization, prescales: tuple[int, ...] = (8,)) -> Constants | None:
    """Return proven constants with a shift per channel, perhaps with a tie; None where the range does not allow them.

    The multiplier is TFLM's own. With e = -shift > 0, TFLM rounds at bit 31 and again at bit e: the addend has both
    halves; the tie is what a half away from zero needs below zero, unless negative results are clamped away.

    Args:
        prescales: to try in this order; a smaller one leaves room for larger accumulators.
    """
    if not is_provable(r):
        return None
    constant, value = _constant_channels(r)
    e = np.where(constant, 1, -r.shift)
    for prescale in prescales:
        shift = e + prescale - 1
        if ((e + prescale) < 2).any() or shift.max() > 30:
            continue
        unit = np.int64(1) << (prescale - 1)
        addend = (np.int64(1) << (e + prescale - 2)) + np.where(e > 0, unit >> 1, 0) + (r.zero_point << shift)
        tie = int(unit) if r.low < r.zero_point and bool((e > 0).any()) else 0
        if tie and bool((e <= 0).any()):
            continue
        c = Constants(
            np.where(constant, 0, r.multiplier),
            np.where(constant, value, addend),
            np.where(constant, 0, shift),
            np.zeros_like(e),
            prescale,
            tie,
            constant,
        )
        if tie and constant.any():  # the tie must not move a constant
            c = replace(
                c,
                addend=np.where(constant, (value << 9) + 256, c.addend),
                shift=np.where(constant, 9, c.shift),
            )
        if prove(r, c):
            return c
    return None


def _constant_channels(r: Requantization) -> tuple[npt.NDArray[np.bool_], Int64]:
    ends = apply(r, np.stack([r.acc_low, r.acc_high], axis=1))
    return ends[:, 0] == ends[:, 1], ends[:, 0]


def _around(r: Requantization, offset: Int64, constant: npt.NDArray[np.bool_]) -> Requantization:
    low, high = r.acc_low - offset, r.acc_high - offset
    return replace(r, acc_low=np.where(constant, 0, low), acc_high=np.where(constant, 0, high))


def _thresholds(r: Requantization) -> Int64:
    """Return the smallest accumulator of each output value above `low`, [channels, values]; acc_high + 1 for none."""
    levels = np.arange(r.low + 1, r.high + 1, dtype=np.int64)[None, :]
    shape = (len(r.multiplier), levels.shape[1])
    low, high = (np.broadcast_to(a[:, None], shape).copy() for a in (r.acc_low, r.acc_high + 1))
    while (low < high).any():
        middle = (low + high) >> 1
        reached = apply(r, middle) >= levels
        high = np.where(reached, middle, high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return low


def _fits(r: Requantization, c: Constants) -> bool:
    for acc in (r.acc_low, r.acc_high):
        v = (acc - c.offset) << c.prescale
        y = (v * c.multiplier >> 32) + c.addend
        if (np.abs(v) >= _LIMIT).any() or (np.abs(y) + c.tie >= _LIMIT).any():
            return False
    return bool((c.multiplier < _LIMIT).all() and (c.multiplier >= 0).all() and (np.abs(c.addend) < _LIMIT).all())


def _search(
    first: Int64, shift: int, levels: Int64, thresholds: Int64, r: Requantization
) -> tuple[Int64, Int64] | None:
    """Find multipliers near `first` whose thresholds leave an interval for the addend; None if a channel has none."""
    multiplier, addend = first.copy(), np.zeros_like(first)
    left = np.arange(len(first))
    for distance in sorted(range(-_REACH, _REACH + 1), key=abs):
        t, low, high = thresholds[left], r.acc_low[left, None], r.acc_high[left, None]
        m = np.maximum(first[left] + distance, 0)[:, None]
        # At a threshold the sum reaches the level; one accumulator below it does not.
        least = np.where(t <= high, (levels << shift) - ((t * m) >> 24), -_FREE).max(axis=1)
        most = np.where(t > low, (levels << shift) - (((t - 1) * m) >> 24) - 1, _FREE).min(axis=1)
        good = least <= most
        middle = np.where(
            least == -_FREE,
            np.minimum(most, 0),
            np.where(most == _FREE, np.maximum(least, 0), (least + most) >> 1),
        )
        multiplier[left[good]], addend[left[good]] = m[good, 0], middle[good]
        left = left[~good]
        if not len(left):
            return multiplier, addend
    return None
