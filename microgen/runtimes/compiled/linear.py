"""Linear forms of sums, (A a + B b + C) >> S or with a table for a, that equal TFLM's for all 65,536 pairs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .steps import Sum
from .values import Int64

_BYTES = np.arange(-128, 128, dtype=np.int64)
_SHIFTS = range(22, 15, -1)
_REACH = 8
_FREE = 2**40


def fit(step: Sum) -> tuple[int, int, int, int] | None:
    """Return (A, B, C, S) whose outputs are `step.table()` for every pair of inputs, in int32; None if none is near."""
    table = step.table()
    r = step.requantization
    ra, rb = step.ratios
    for shift in _SHIFTS:
        if not _fits(abs(ra) + abs(rb), shift, r.low, r.high, 2**31):
            continue
        least, most = _limits(table, r.low, r.high, shift)
        a0, b0 = round(ra * 2**shift), round(rb * 2**shift)
        for da, db in _near():
            s = ((a0 + da) * _BYTES)[:, None] + ((b0 + db) * _BYTES)[None, :]
            low, high = int((least - s).max()), int((most - s).min())
            if low <= high:
                c = min(max(low, 0), high)
                if int(np.abs(s).max()) + abs(c) < 2**31:
                    return a0 + da, b0 + db, c, shift
    return None


def fit_table(step: Sum) -> tuple[Int64, int, int] | None:
    """Return (table of a, B, S) such that (table[a] + B b) >> S is right for every pair; None if none is near."""
    table = step.table()
    r = step.requantization
    for shift in range(22, 14, -1):
        if not _fits(abs(step.ratios[0]) + abs(step.ratios[1]), shift, r.low, r.high, 2**30):
            continue
        least, most = _limits(table, r.low, r.high, shift)
        b0 = round(step.ratios[1] * 2**shift)
        for d in sorted(range(-48, 49), key=abs):
            s = ((b0 + d) * _BYTES)[None, :]
            low, high = (least - s).max(axis=1), (most - s).min(axis=1)
            if (low <= high).all():
                middle = np.clip(0, low, high)
                if int(np.abs(middle).max()) + int(np.abs(s).max()) < 2**31:
                    return middle, b0 + d, shift
    return None


def _near() -> Iterator[tuple[int, int]]:
    span = range(-_REACH, _REACH + 1)
    yield from sorted(((i, j) for i in span for j in span), key=lambda p: (abs(p[0]) + abs(p[1]), p))


def _fits(ratio: float, shift: int, low: int, high: int, limit: int) -> bool:
    """Tell whether all sums of a shift may stay below a limit."""
    return bool((ratio * 128 + max(abs(low), abs(high)) + 2) * 2**shift < limit)


def _limits(table: Int64, low: int, high: int, shift: int) -> tuple[Int64, Int64]:
    """Return between what (inclusive) the sum before the shift must lie for each pair."""
    least = np.where(table > low, table << shift, -_FREE)
    most = np.where(table < high, ((table + 1) << shift) - 1, _FREE)
    return least, most
