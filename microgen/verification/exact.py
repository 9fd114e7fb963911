"""The exact, rational result of an operator, which both interpreters are held against."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tflite import Operator, Subgraph, Tensor, TfliteModel

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Exact:
    """How far answers are from the exact result, in steps of the output.

    Attributes:
        tflm, litert: the largest distance of each interpreter.
        allowed: 1/2 and the epsilon, the largest that any element may have.
        is_within: whether every element of both keeps to its own epsilon.
    """

    tflm: float
    litert: float
    allowed: float
    is_within: bool


def compare(
    name: str, model: TfliteModel, graph: Subgraph, op: Operator, data: Array, tflm: Array, litert: Array
) -> Exact | None:
    """Hold the answers of both interpreters against the exact result.

    Args:
        name: which rule, as bounds.toml names it.
        data: the operator's first input, samples first.
        tflm, litert: the first output, samples first.

    Returns:
        None where the operator's weights are not constant, so that there is no rule.
    """
    return _RULES[name](model, graph, op, data, tflm, litert)


def _fully_connected(
    model: TfliteModel, graph: Subgraph, op: Operator, data: Array, tflm: Array, litert: Array
) -> Exact | None:
    """Hold FULLY_CONNECTED against sum((q - z) * (w - z_w)) + bias, times s_in * s_w / s_out, plus z_out.

    The epsilon of an element of value v (before the zero point): 2^-(n+1) for TFLM's second rounding, where 2^-n is
    the power of two in the real factor; |v| * 2^-31 for its 31-bit factor (2^-15 on int16, where TFLM uses 15 bits);
    |v| * 2^-24 because both interpreters multiply s_in and s_w as float32.
    """
    source, weights, output = (graph.tensors[i] for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
    bias = graph.tensors[op.inputs[2]] if len(op.inputs) > 2 and op.inputs[2] >= 0 else None
    if not weights.is_constant or weights.dtype not in ("int8", "uint8") or not source.scale or not output.scale:
        return None
    if bias is not None and not bias.is_constant:
        return None
    matrix = model.constant(weights).astype(np.int64) - weights.zero_point
    rows = data.reshape(-1, matrix.shape[-1]).astype(np.int64) - source.zero_point
    sums = rows @ matrix.T
    if bias is not None:
        sums = sums + model.constant(bias).astype(np.int64)
    factors = [_factor(source, weights, output, k) for k in range(matrix.shape[0])]
    return _rescaled(sums, factors, output, op.activation, 2.0**-24, tflm, litert)


def _sum(model: TfliteModel, graph: Subgraph, op: Operator, data: Array, tflm: Array, litert: Array) -> Exact | None:
    """Hold SUM against sum(q - z) times s_in / s_out, plus z_out; epsilon as for FULLY_CONNECTED, without 2^-24."""
    source, axis, output = (graph.tensors[i] for i in (op.inputs[0], op.inputs[1], op.outputs[0]))
    if not axis.is_constant or not source.scale or not output.scale:
        return None
    axes = tuple(int(a) % len(source.shape) + 1 for a in model.constant(axis).reshape(-1).tolist())
    sums = (data.astype(np.int64) - source.zero_point).sum(axis=tuple(set(axes))).reshape(-1, 1)
    return _rescaled(sums, [Fraction(source.scale) / Fraction(output.scale)], output, "", 0.0, tflm, litert)


def _rescaled(
    sums: Array,
    factors: Sequence[Fraction],
    output: Tensor,
    activation: str,
    factor_error: float,
    tflm: Array,
    litert: Array,
) -> Exact:
    """Hold answers against accumulators, one column a factor, times that factor.

    Args:
        factor_error: how far the factor itself may be off, relative, on top of its 31 (15 on int16) bits.
    """
    low, high = _range(output, activation)
    factor_error += 2.0**-15 if output.dtype == "int16" else 2.0**-31
    real = np.array([float(f) for f in factors])
    shift = np.array([max(0, -math.frexp(float(f))[1]) for f in factors])
    # Beyond the edges of the type an error of the factor has no effect.
    value = np.clip(sums * real, low - output.zero_point, high - output.zero_point)
    epsilon = np.where(shift > 0, 2.0 ** -(shift + 1.0), 0) + np.abs(value) * factor_error
    distances = []
    for answer in (tflm, litert):
        got = answer.reshape(sums.shape).astype(np.int64)
        distances.append(_distance(got, sums, factors, output.zero_point, low, high))
    within = all((d <= 0.5 + epsilon).all() for d in distances)
    largest = [float(d.max(initial=0)) for d in distances]
    return Exact(largest[0], largest[1], 0.5 + float(epsilon.max(initial=0)), bool(within))


def _distance(
    got: Array, sums: Array, factors: Sequence[Fraction], zero_point: int, low: int, high: int
) -> npt.NDArray[np.float64]:
    """Return |got - clamp(sum * factor + zero point)|, computed without rounding, then given as a float."""
    distance = np.zeros(sums.shape)
    for row, column in np.ndindex(*sums.shape):
        unbounded = int(sums[row, column]) * factors[column] + zero_point
        exact = min(max(unbounded, Fraction(low)), Fraction(high))
        distance[row, column] = abs(float(int(got[row, column]) - exact))
    return distance


def _factor(source: Tensor, weights: Tensor, output: Tensor, channel: int) -> Fraction:
    assert weights.quantization is not None
    scales = weights.quantization.scales
    scale = scales[channel] if len(scales) > 1 else scales[0]
    return Fraction(source.scale) * Fraction(scale) / Fraction(output.scale)


def _range(output: Tensor, activation: str) -> tuple[int, int]:
    """Return the smallest and largest value that a fused activation lets through."""
    limits = np.iinfo(np.dtype(output.dtype))
    low, high = int(limits.min), int(limits.max)

    def quantized(value: float) -> int:
        return output.zero_point + round(value / output.scale)

    if activation in ("RELU", "RELU6"):
        low = max(low, quantized(0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, quantized(-1)), min(high, quantized(1))
    if activation == "RELU6":
        high = min(high, quantized(6))
    return low, high


_RULES: dict[str, Callable[..., Exact | None]] = {"fully_connected": _fully_connected, "sum": _sum}
