"""TFLM's integer arithmetic in exact Python and NumPy integers.

Source: TensorFlow Lite's `kernels/internal/common.h`, `quantization_util.cc` and gemmlowp's `fixedpoint.h`, as TFLM
compiles them (double rounding).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Int64 = npt.NDArray[np.int64]

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return (multiplier, shift) of a real factor >= 0: real = multiplier * 2**(shift - 31), QuantizeMultiplier()."""
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    return (0, 0) if shift < -31 else (multiplier, shift)


def quantize_multipliers(reals: list[float]) -> tuple[Int64, Int64]:
    """Return `quantize_multiplier` of each as two arrays."""
    pairs = [quantize_multiplier(r) for r in reals]
    return np.array([m for m, _ in pairs], np.int64), np.array([s for _, s in pairs], np.int64)


def reduced(multiplier: int) -> int:
    """Return a multiplier cut to 15 bits, as TFLM's 64-bit MultiplyByQuantizedMultiplier() has it."""
    return (multiplier + (1 << 15)) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF


def multiply(x: Int64, multiplier: Int64 | int, shift: Int64 | int) -> Int64:
    """Return MultiplyByQuantizedMultiplier(): x * multiplier * 2**(shift - 31), rounded twice.

    Args:
        x: int32 values; x << shift must fit int32 where shift is positive.
        multiplier, shift: of `quantize_multiplier`, of a shape that goes with x.
    """
    left, right = np.maximum(shift, 0), np.maximum(-np.asarray(shift, np.int64), 0)
    high = ((np.asarray(x, np.int64) << left) * multiplier + (1 << 30)) >> 31
    mask = (np.int64(1) << right) - 1
    return np.asarray((high >> right) + ((high & mask) > (mask >> 1) + (high < 0)), np.int64)


def doubling_high(a: int, b: int) -> int:
    """Return SaturatingRoundingDoublingHighMul(a, b)."""
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    nudged = product + ((1 << 30) if product >= 0 else 1 - (1 << 30))
    return nudged // 2**31 if nudged >= 0 else -((-nudged) // 2**31)


def rounding_shift(x: int, exponent: int) -> int:
    """Return RoundingDivideByPOT(x, exponent): halves away from zero."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def saturate(x: int) -> int:
    """Return x, cut to int32."""
    return max(INT32_MIN, min(INT32_MAX, x))


_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8)
_THIRD = 715827883
# exp(-2**k) for k = -2 .. 4, in Q0.31.
_EXP_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def exp_on_negative_values(a: int, integer_bits: int = 5) -> int:
    """Return exp(a) in Q0.31, for a <= 0 with so many integer bits: gemmlowp's exp_on_negative_values()."""
    if a == 0:
        return INT32_MAX
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    remainder = (a & (quarter - 1)) - quarter
    x = saturate(remainder << integer_bits) + (1 << 28)
    x2 = doubling_high(x, x)
    x3, x4 = doubling_high(x2, x), doubling_high(x2, x2)
    tail = rounding_shift(doubling_high(rounding_shift(x4, 2) + x3, _THIRD) + x2, 1)
    result = saturate(_EXP_MINUS_EIGHTH + doubling_high(_EXP_MINUS_EIGHTH, x + tail))
    whole = remainder - a
    for k, factor in enumerate(_EXP_POWERS):
        exponent = k - 2
        if integer_bits > exponent and whole & (1 << (fraction_bits + exponent)):
            result = doubling_high(result, factor)
    return result


# Where TFLM's table is one above the rounded value.
_RAISED = (
    4, 8, 12, 14, 15, 16, 17, 19, 20, 21, 22, 25, 27, 28, 29, 30, 31, 33, 34, 35, 37, 39, 40, 41, 43, 44, 45, 46, 49,
    50, 54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255,
)  # fmt: skip


def sigmoid_table() -> Int64:
    """Return 65536 / (1 + exp(-i / 24)) for i below 256, between which TFLM interpolates LOGISTIC and TANH of int16."""
    table = np.rint(65536 / (1 + np.exp(-np.arange(256) / 24))).astype(np.int64)
    table[list(_RAISED)] += 1
    return np.minimum(table, 65535)
