"""Lowering of operators that compute each element from one element of each of two inputs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ....tflite import Tensor
from ..arithmetic import multiply, quantize_multiplier
from ..steps import Extreme, Prelu, Product, SquaredDifference, Step, Sum
from ..values import Int64, Loops, Requantization
from .context import Op, activation_range
from .unary import rescale, table_step

_BYTES = np.arange(-128, 128, dtype=np.int64)
_INT8 = ("int8", "int8", "int8")


def add(op: Op) -> Step:
    """ADD and SUB of int8, broadcast too."""
    op.need_types(_INT8)
    a, b, output = op.tensor(0), op.tensor(1), op.output
    sa, sb, so = a.scale, b.scale, output.scale
    twice = 2 * max(sa, sb)
    m, e = quantize_multiplier(twice / ((1 << 20) * so))
    op.need(e <= 0, "input scales far above the output's")
    sign = -1 if op.name == "SUB" else 1
    left, right = _scaled(a, sa / twice, 20), sign * _scaled(b, sb / twice, 20)
    low, high = activation_range(op.options.activation, output, op)
    r = _single(m, e, output.zero_point, low, high, left.min() + right.min(), left.max() + right.max())
    ratios = (sa / so, sign * sb / so)
    step = Sum(**_both(op), loops=broadcast(op), left=left, right=right, requantization=r, ratios=ratios)
    return _with_scalar(op, step, step.table())


def squared_difference(op: Op) -> Step:
    """SQUARED_DIFFERENCE of int8."""
    op.need_types(_INT8)
    a, b, output = op.tensor(0), op.tensor(1), op.output
    sa, sb, so = a.scale, b.scale, output.scale
    twice = 2.0 * max(sa, sb)
    m, e = quantize_multiplier(twice * twice / ((1 << 14) * so))
    op.need(e <= 30, "input scales far above the output's")
    left, right = _scaled(a, sa / twice, 7), -_scaled(b, sb / twice, 7)
    r = _single(m, e, output.zero_point, -128, 127, 0, 2**30)
    square = (left[:, None] + right[None, :]) ** 2
    table = np.clip(_wrapped_multiply(square, m, e) + output.zero_point, -128, 127)
    step = SquaredDifference(**_both(op), loops=broadcast(op), left=left, right=right, requantization=r)
    return _with_scalar(op, step, table)


def multiply_step(op: Op) -> Step:
    """MUL of int8."""
    op.need_types(_INT8)
    a, b, output = op.tensor(0), op.tensor(1), op.output
    m, e = quantize_multiplier(a.scale * b.scale / output.scale)
    op.need(e <= 30, "input scales far above the output's")
    low, high = activation_range(op.options.activation, output, op)
    products = (_BYTES - a.zero_point)[:, None] * (_BYTES - b.zero_point)[None, :]
    r = _single(m, e, output.zero_point, low, high, products.min(), products.max())
    table = np.clip(_wrapped_multiply(products, m, e) + output.zero_point, low, high)
    step = Product(**_both(op), loops=broadcast(op), zero_points=(a.zero_point, b.zero_point), requantization=r)
    return _with_scalar(op, step, table)


def extreme(op: Op) -> Step:
    """MINIMUM and MAXIMUM of int8: TFLM compares the stored numbers."""
    op.need_types(_INT8)
    function = np.minimum if op.name == "MINIMUM" else np.maximum
    kind: Literal["minimum", "maximum"] = "minimum" if op.name == "MINIMUM" else "maximum"
    step = Extreme(**_both(op), loops=broadcast(op), kind=kind)
    return _with_scalar(op, step, function(_BYTES[:, None], _BYTES[None, :]))


def prelu(op: Op) -> Step:
    """PRELU of int8."""
    op.need_types(_INT8)
    a, alpha, output = op.tensor(0), op.tensor(1), op.output
    si, sa, so = a.scale, alpha.scale, output.scale
    m, e = quantize_multiplier(si * sa / so)
    op.need(e <= 30, "input scales far above the output's")
    step = Prelu(
        **_both(op),
        loops=broadcast(op),
        positive=rescale(si / so, a.zero_point, output.zero_point).astype(np.int8),
        zero_points=(a.zero_point, alpha.zero_point),
        multiplier=m,
        shift=e,
    )
    products = (_BYTES - a.zero_point)[:, None] * (_BYTES - alpha.zero_point)[None, :]
    negative = np.clip(_wrapped_multiply(products, m, e) + output.zero_point, -128, 127)
    table = np.where((a.zero_point <= _BYTES)[:, None], step.positive[:, None], negative)
    return _with_scalar(op, step, table)


def _both(op: Op) -> dict[str, Any]:
    base = op.base(0, 1, constants=True)
    return base


def _with_scalar(op: Op, step: Step, table: Int64) -> Step:
    """Return a lookup where one of the inputs is one constant number, else the step."""
    a, b = op.tensor(0), op.tensor(1)
    if step.inputs[1].data is not None and b.elements == 1 and a.elements == op.output.elements:
        return table_step(op, table[:, int(op.constant(1, "").reshape(-1)[0]) + 128], 0)
    if step.inputs[0].data is not None and a.elements == 1 and b.elements == op.output.elements:
        return table_step(op, table[int(op.constant(0, "").reshape(-1)[0]) + 128], 1)
    return step


def _scaled(t: Tensor, real: float, left_shift: int) -> Int64:
    m, e = quantize_multiplier(real)
    return multiply((_BYTES - t.zero_point) << left_shift, m, e)


def _wrapped_multiply(x: Int64, m: int, e: int) -> Int64:
    """Return TFLM's multiplication where x << e may leave int32, which then wraps."""
    left = max(e, 0)
    wrapped = ((x << left) + 2**31) % 2**32 - 2**31
    return multiply(wrapped, m, e - left)


def _single(m: int, e: int, zero_point: int, low: int, high: int, acc_low: int, acc_high: int) -> Requantization:
    def one(x: int) -> Int64:
        return np.array([x], np.int64)

    return Requantization(one(m), one(e), zero_point, low, high, one(int(acc_low)), one(int(acc_high)))


def broadcast(op: Op) -> Loops:
    """Return the fewest loops over the output's elements, with 0 as the stride of what is broadcast."""
    shape = op.output.shape
    op.need_shape(np.broadcast_shapes(op.tensor(0).shape, op.tensor(1).shape))
    op.need(len(shape) >= max(len(op.tensor(k).shape) for k in (0, 1)), f"an output of shape {list(shape)}")
    strides = []
    for t in (op.tensor(0), op.tensor(1)):
        full = (1,) * (len(shape) - len(t.shape)) + t.shape
        dense = [int(np.prod(full[k + 1 :], dtype=np.int64)) for k in range(len(shape))]
        strides.append([0 if full[k] == 1 else dense[k] for k in range(len(shape))])
    return collapse(shape, strides)


def collapse(dims: tuple[int, ...], strides: list[list[int]]) -> Loops:
    """Join loops whose elements follow each other in all operands, and leave out those of one round."""
    kept: list[tuple[int, list[int]]] = []
    for k, n in enumerate(dims):
        here = [s[k] for s in strides]
        if n == 1:
            continue
        if kept and all(outer == n * inner for outer, inner in zip(kept[-1][1], here, strict=True)):
            kept[-1] = (kept[-1][0] * n, here)
        else:
            kept.append((n, here))
    if not kept:
        kept = [(1, [1] * len(strides))]
    return Loops(tuple(n for n, _ in kept), tuple(tuple(here[k] for _, here in kept) for k in range(len(strides))))
