"""Lowering of int8 operators of one input to tables of 256 entries, each computed as TFLM computes it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ....tflite import Tensor
from .. import arithmetic
from ..arithmetic import exp_on_negative_values, multiply, quantize_multiplier, rounding_shift, saturate
from ..steps import Lookup, Step
from ..values import Int8, Int64
from .context import Op

_BYTES = np.arange(-128, 128, dtype=np.int64)
_Function = Callable[[Op], Int64]


def lookup(function: _Function) -> Callable[[Op], Step]:
    """Return the lowering of an operator whose table a function gives."""

    def lower(op: Op) -> Step:
        op.need_types(("int8", "int8"))
        return table_step(op, function(op))

    return lower


def table_step(op: Op, table: Int64, position: int = 0) -> Step:
    """Return the step that looks outputs up in a table."""
    op.need_shape(op.tensor(position).shape)
    base = op.base(position)
    return Lookup(**base, table=clip(table))


def clip(x: Int64) -> Int8:
    """Saturate to int8."""
    return np.clip(x, -128, 127).astype(np.int8)


def rescale(real: float, zero_in: int, zero_out: int, low: int = -128, high: int = 127) -> Int64:
    """Return the requantization of all bytes by a real factor."""
    m, e = quantize_multiplier(real)
    return np.asarray(np.clip(multiply(_BYTES - zero_in, m, e) + zero_out, low, high))


def relu(op: Op) -> Int64:
    """RELU, which may change the scale."""
    x, y = op.tensor(0), op.output
    return rescale(x.scale / y.scale, x.zero_point, y.zero_point, max(-128, y.zero_point))


def relu6(op: Op) -> Int64:
    """RELU6: a clamp, between the numbers that stand for 0 and 6 in the input's scale."""
    x = op.tensor(0)
    six = x.zero_point + _round(np.float32(6.0) / np.float32(x.scale))
    return np.minimum(np.maximum(_BYTES, x.zero_point), min(six, 127))


def _round(x: np.floating | float) -> int:
    return int(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))


def leaky_relu(op: Op) -> Int64:
    """LEAKY_RELU, with a slope of any sign."""
    x, y = op.tensor(0), op.output
    slope = x.scale * op.options.alpha / y.scale
    m, e = quantize_multiplier(abs(slope))
    negative = multiply(_BYTES - x.zero_point, m, e) * (-1 if slope < 0 else 1)
    m, e = quantize_multiplier(x.scale / y.scale)
    positive = multiply(_BYTES - x.zero_point, m, e)
    return np.where(x.zero_point <= _BYTES, positive, negative) + y.zero_point


def absolute(op: Op) -> Int64:
    """ABS, which may change the scale."""
    x, y = op.tensor(0), op.output
    value = np.abs(_BYTES - x.zero_point)
    if x.scale != y.scale:
        value = multiply(value, *quantize_multiplier(x.scale / y.scale))
    return value + y.zero_point


def rsqrt(op: Op) -> Int64:
    """RSQRT; TFLM stops at a negative input, for which the table has the largest output."""
    x, y = op.tensor(0), op.output
    root = np.sqrt(np.float32(x.scale))
    m, e = quantize_multiplier(1.0 / float(root * np.float32(y.scale)))
    table = np.full(256, 127, np.int64)
    for k, value in enumerate((_BYTES - x.zero_point).tolist()):
        if value > 0:
            inverse = multiply(np.array([1]), *_inverse_root(value, 20))
            table[k] = int(multiply(inverse, m, e - 20)[0]) + y.zero_point
    return np.clip(table, -128, 127)


def _inverse_root(value: int, up: int) -> tuple[int, int]:
    """Return GetInvSqrtQuantizedMultiplierExp() of a positive number, its shift raised by `up`."""
    if value <= 1:
        return 2**31 - 1, up
    shift = 11
    while value >= 1 << 29:
        value //= 4
        shift += 1
    pairs = (31 - value.bit_length()) // 2 - 1
    shift -= pairs
    value <<= 2 * pairs
    # Five steps of Newton's for x = 1 / sqrt(value) in Q3.28, from 1.
    x, half3 = 1 << 28, (1 << 28) + (1 << 27)
    half = rounding_shift(value >> 1, 1)
    for _ in range(5):
        cube = saturate(arithmetic.doubling_high(arithmetic.doubling_high(x, x), x) << 6)
        x = saturate((arithmetic.doubling_high(x, half3) - arithmetic.doubling_high(half, cube)) << 3)
    result = arithmetic.doubling_high(x, 1518500250)
    if shift < 0:
        result, shift = result << -shift, 0
    return result, -shift + up


def quantize(op: Op) -> Int64:
    """QUANTIZE from int8 to int8."""
    x, y = op.tensor(0), op.output
    return rescale(x.scale / y.scale, x.zero_point, y.zero_point)


def logistic(op: Op) -> Int64:
    """LOGISTIC: 1 / (1 + exp(-x)) in Q4.27."""
    op.need(op.output.zero_point == -128, "this output zero point")

    def value(q4: int) -> int:
        if q4 == 0:
            return 1 << 30
        positive = _one_over_one_plus(exp_on_negative_values(-abs(q4), 4))
        return positive if q4 > 0 else arithmetic.INT32_MAX - positive

    return _fixed(op, lambda q4: rounding_shift(value(q4), 23) - 128)


def tanh(op: Op) -> Int64:
    """TANH in Q4.27."""

    def value(q4: int) -> int:
        if q4 == 0:
            return 0
        # The same bits with one more integer bit are twice the number: exp(-2 |x|).
        magnitude = _one_minus_over_one_plus(exp_on_negative_values(-abs(q4), 5))
        return magnitude if q4 > 0 else -magnitude

    return _fixed(op, lambda q4: rounding_shift(value(q4), 24))


def _fixed(op: Op, function: Callable[[int], int]) -> Int64:
    """Return the table of a saturating function of Q4.27 numbers."""
    x: Tensor = op.tensor(0)
    fraction, left = math.frexp(float(np.float32(x.scale)) * 2.0**27)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    op.need(multiplier < 2**31 and left >= -31, "this input scale")
    radius = math.floor(15 * 2.0**27 / 2.0**left)
    out = np.empty(256, np.int64)
    for k, q in enumerate(_BYTES - x.zero_point):
        if q <= -radius:
            out[k] = -128
        elif q >= radius:
            out[k] = 127
        else:
            out[k] = function(int(multiply(np.array([q]), multiplier, left)[0]))
    return np.clip(out, -128, 127)


def _newton(a: int) -> int:
    """Return 2 / (1 + a) in Q2.29, a in Q0.31, by three steps of Newton's from 48/17 - 32/17 (1 + a) / 2."""
    total = a + arithmetic.INT32_MAX
    half = (total + 1) // 2
    x = 1515870810 + arithmetic.doubling_high(half, -1010580540)
    for _ in range(3):
        x += saturate(arithmetic.doubling_high(x, (1 << 29) - arithmetic.doubling_high(half, x)) << 2)
    return x


def _one_over_one_plus(a: int) -> int:
    return saturate(_newton(a) << 1)


def _one_minus_over_one_plus(a: int) -> int:
    return saturate((_newton(a) - (1 << 29)) << 2)


def hard_swish(op: Op) -> Int64:
    """HARD_SWISH in 16-bit fixed point."""
    x, y = op.tensor(0), op.output
    hires = x.scale / 128.0
    out_m, out_e = quantize_multiplier(hires / y.scale)
    op.need(out_e <= 0, "an output scale far below the input's")
    relu_m, relu_e = quantize_multiplier(hires / (3.0 / 32768.0))
    out16, relu16 = _down_scale(out_m), _down_scale(relu_m)
    table = np.empty(256, np.int64)
    for k, q in enumerate((_BYTES - x.zero_point).tolist()):
        value = _int16(q * 128)
        scaled = _high16(value, out16)
        reluish = value
        if relu_e > 0:
            reluish = _saturate16(reluish << (relu_e - 1))
        reluish = _high16(reluish, relu16)
        if relu_e > 0:
            reluish = _saturate16(reluish << 1)
        if relu_e < 0:
            reluish = rounding_shift(reluish, -relu_e)
        reluish = _int16((reluish + (1 << 15)) >> 1)
        product = reluish * scaled  # no -2**15 by itself, which TFLM saturates: reluish is not negative
        result = product // (1 << 15) if product >= 0 else -(-product // (1 << 15))
        table[k] = _int16(rounding_shift(result, -out_e) + y.zero_point)
    return np.clip(table, -128, 127)


def _down_scale(m: int) -> int:
    return 32767 if m >= 2**31 - 1 - (1 << 15) else (m + (1 << 15)) >> 16


def _int16(x: int) -> int:
    return (x + 2**15) % 2**16 - 2**15


def _saturate16(x: int) -> int:
    return max(-(2**15), min(2**15 - 1, x))


def _high16(a: int, b: int) -> int:
    """Return gemmlowp's SaturatingRoundingDoublingHighMul of int16, for b > 0."""
    product = a * b
    nudged = product + ((1 << 14) if product >= 0 else 1 - (1 << 14))
    return nudged // 2**15 if nudged >= 0 else -((-nudged) // 2**15)
