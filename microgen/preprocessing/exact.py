"""Cosine, logarithms and power that are the same on every machine, for tables.

A C library's functions, and NumPy's, differ in the last bits from one version or CPU to the next. Sums and products of
float32 do not, and neither does `decimal`, in a context of its own: what computes a table is `with_40_digits`, and
calls these functions there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import ParamSpec, TypeVar

import numpy as np

# From where log1p takes the exponent out, from where it halves once more, ln 2 in two parts, and the polynomial.
_LOG1P_DIRECT = np.uint32(0x3ED413D7).view(np.float32)
_LOG1P_HALVES = np.uint32(0x3FB504F7).view(np.float32)
_LN2_HIGH = np.uint32(0x3F317180).view(np.float32)
_LN2_LOW = np.uint32(0x3717F7D1).view(np.float32)
_LOG1P = np.array([0x3E178897, 0x3E1CD04F, 0x3E3A3325, 0x3E638E29, 0x3E924925, 0x3ECCCCCD, 0x3F2AAAAB], np.uint32).view(
    np.float32
)
# All of it, since a program may have changed the defaults, too.
_CONTEXT = Context(
    prec=40,
    rounding=ROUND_HALF_EVEN,
    Emin=-999999,
    Emax=999999,
    clamp=0,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
PI = Decimal("3.14159265358979323846264338327950288419716939937511")
_KNEE = 1000  # Hz, where Slaney's scale becomes logarithmic
_P = ParamSpec("_P")
_T = TypeVar("_T")


def with_40_digits(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a function compute in decimals of 40 digits, whatever its caller's `decimal` context is."""

    @functools.wraps(function)
    def computed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with localcontext(_CONTEXT):
            return function(*args, **kwargs)

    return computed


def cos_turns(numerator: int, denominator: int) -> Decimal:
    """Return the cosine of a fraction of a full turn."""
    return _cos(2 * PI * (numerator % denominator) / denominator)


def cos(angle: np.float32) -> np.float32:
    """Return the cosine of an angle of 0 to 7 radians, rounded to float32."""
    return _float32(_cos(Decimal(float(angle))))


def log1p(x: np.float32) -> np.float32:
    """Return ln(1 + x) for x of 0 to 2^50, in single precision, as boards' C library (newlib) and glibc 2.36 do.

    Theirs is the algorithm of fdlibm (Sun Microsystems, 1993), which is up to 1 ulp off: with 1 + x = 2^k (1 + f),
    ln(1 + f) is f - f^2 / 2 + s (f^2 / 2 + R), where s is f / (2 + f) and R a polynomial of s^2. A correctly rounded
    logarithm gives other mel weights at two of the default settings' bins.
    """
    f32 = np.float32
    one = f32(1)
    whole, low, f = 0, f32(0), x
    if x >= _LOG1P_DIRECT:
        u = f32(one + x)
        mantissa, exponent = np.frexp(u)
        u, whole = f32(mantissa * f32(2)), int(exponent) - 1
        lost = f32(one - f32(f32(one + x) - x)) if whole > 0 else f32(x - f32(f32(one + x) - one))
        low = f32(lost / f32(one + x))
        if u >= _LOG1P_HALVES:
            u, whole = f32(u / f32(2)), whole + 1
        f = f32(u - one)
    half_square = f32(f32(f32(0.5) * f) * f)
    high, low = f32(f32(whole) * _LN2_HIGH), f32(f32(f32(whole) * _LN2_LOW) + low)
    if abs(f) < f32(2**-20):
        rest = f32(half_square * f32(one - f32(f32(0.66666666666666666) * f)))
        return f32(high - f32(f32(rest - low) - f)) if whole else f32(f - rest)
    s = f32(f / f32(f32(2) + f))
    z = f32(s * s)
    polynomial = f32(0)
    for coefficient in _LOG1P:
        polynomial = f32(z * f32(coefficient + polynomial))
    inner = f32(s * f32(half_square + polynomial))
    if not whole:
        return f32(f - f32(half_square - inner))
    return f32(high - f32(f32(half_square - f32(inner + low)) - f))


def slaney(hertz: np.float32) -> np.float32:
    """Return a frequency on Slaney's mel scale as float32: 3 mel in 200 Hz up to 1 kHz, then 27 in 6.4 times."""
    f = Decimal(float(hertz))
    return _float32(f * 3 / 200 if f < _KNEE else 15 + 27 * (f / _KNEE).ln() / Decimal("6.4").ln())


def hertz_of_slaney(mel: Decimal) -> Decimal:
    """Return the frequency at a place of Slaney's mel scale."""
    return mel * 200 / 3 if mel < 15 else _KNEE * ((mel - 15) * Decimal("6.4").ln() / 27).exp()


def hertz_of_htk(mel: Decimal) -> Decimal:
    """Return the frequency at a place of HTK's mel scale, 1127 ln(1 + f / 700)."""
    return 700 * ((mel / 1127).exp() - 1)


def log2(numerator: int, denominator: int) -> Decimal:
    """Return the logarithm to the base of 2 of a positive fraction."""
    return (Decimal(numerator) / denominator).ln() / Decimal(2).ln()


def power(base: np.float32, exponent: np.float32) -> np.float32:
    """Return a power of a positive base, rounded to float32."""
    return _float32(Decimal(float(base)) ** Decimal(float(exponent)))


def half_up(x: Decimal) -> int:
    """Round to the nearest integer, halves upwards."""
    return (int((x * 2).to_integral_value("ROUND_FLOOR")) + 1) // 2


def _cos(angle: Decimal) -> Decimal:
    """Sum the Taylor series; up to 7 its terms fall below 1e-40 before the 60th."""
    term = total = Decimal(1)
    square = angle * angle
    for k in range(1, 60, 2):
        term = term * -square / (k * (k + 1))
        total += term
    return total


def _float32(x: Decimal) -> np.float32:
    return np.float32(float(x))
