"""Intervals that contain every result of float32 arithmetic for a real value.

A float32 operation returns the exact result within a relative error of U, or within TINY where that is too small for a
normal number and a board may take it for zero. k operations in a row, in any order, stay within gamma(k) of the sum of
the operands' magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 4). A multiplication
and an addition that a compiler contracts into one rounding keep to the same bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

U = 2.0**-24
TINY = 2.0**-126
LARGEST = float(np.finfo(np.float32).max)


def gamma(operations: int) -> float:
    """Return the relative error of so many operations, with one more for the double arithmetic here."""
    return (operations + 1) * U / (1 - (operations + 1) * U)


@dataclass(frozen=True)
class Interval:
    """Arrays of the smallest and the largest value that each element may have."""

    lower: Reals
    upper: Reals

    @classmethod
    def exact(cls, values: npt.NDArray[Any]) -> Interval:
        """Return the interval of values that are known."""
        real = np.asarray(values, np.float64)
        return cls(real, real)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the arrays."""
        return self.lower.shape

    @property
    def centre(self) -> Reals:
        """The middle of each interval."""
        return self.lower / 2 + self.upper / 2

    @property
    def radius(self) -> Reals:
        """Half the width of each interval."""
        return self.upper / 2 - self.lower / 2

    @property
    def magnitude(self) -> Reals:
        """The largest absolute value in each interval."""
        return np.maximum(np.abs(self.lower), np.abs(self.upper))

    def mapped(self, function: Callable[[Reals], Reals]) -> Interval:
        """Apply a function that never falls, or one that only moves elements."""
        return Interval(function(self.lower), function(self.upper))

    def clamped(self, low: float, high: float) -> Interval:
        """Cut off what lies outside two numbers."""
        return self.mapped(lambda x: np.clip(x, low, high))

    def rounded(self, operations: int = 1, size: Reals | None = None) -> Interval:
        """Widen by the rounding of operations; what float32 cannot hold is infinite.

        Args:
            operations: how many.
            size: the sum of the operands' magnitudes; that of the result where there is one operation.
        """
        by = gamma(operations) * (self.magnitude if size is None else size) + operations * TINY
        lower, upper = self.lower - by, self.upper + by
        return Interval(np.where(lower < -LARGEST, -np.inf, lower), np.where(upper > LARGEST, np.inf, upper))

    def contains(self, values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Return for each value whether it is inside; one that is no number never is."""
        real = values.reshape(self.shape).astype(np.float64)
        return np.asarray((self.lower <= real) & (real <= self.upper))

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.lower + other.lower, self.upper + other.upper)

    def __neg__(self) -> Interval:
        return Interval(-self.upper, -self.lower)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        corners = [a * b for a in (self.lower, self.upper) for b in (other.lower, other.upper)]
        return Interval(np.minimum.reduce(corners), np.maximum.reduce(corners))

    def __truediv__(self, other: Interval) -> Interval:
        """Divide; where the divisor may be zero, the result may be anything."""
        has_zero = (other.lower <= 0) & (other.upper >= 0)
        lower, upper = (np.where(has_zero, 1.0, x) for x in (other.lower, other.upper))
        quotient = self * Interval(1 / upper, 1 / lower)
        return Interval(np.where(has_zero, -np.inf, quotient.lower), np.where(has_zero, np.inf, quotient.upper))

    def squared(self) -> Interval:
        """Return the squares."""
        low = np.where((self.lower <= 0) & (self.upper >= 0), 0, np.minimum(np.abs(self.lower), np.abs(self.upper)))
        return Interval(low**2, self.magnitude**2)
