"""Lowering of operators with int16 activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from ..arithmetic import quantize_multiplier, quantize_multipliers, reduced
from ..steps import Binary16, Conv16, Curve16, LeakyRelu16, Rescale, Softmax16, Step
from ..values import Int8, Int64
from .context import Op, activation_range
from .elementwise import broadcast
from .layers import bias_of, conv_scales, dense_scales, groups_of, transposed_window, window

_TYPES = ("int16", "int8", "int64", "int16"), ("int16", "int8", "int16")
_Pair = tuple[int, int]


def conv(op: Op) -> Step:
    """CONV_2D of int16 with a bias of int64."""
    op.need_types(*_TYPES)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter").astype(np.int8)
    return _conv16(
        op, weights, source.shape, output.shape, groups_of(op, source.shape[3], kernel.shape, output),
        window(op, source, kernel.shape[1:3], output), conv_scales(source, kernel, output, len(weights)),
    )  # fmt: skip


def depthwise(op: Op) -> Step:
    """DEPTHWISE_CONV_2D of int16: a convolution in as many groups as it has channels."""
    op.need_types(*_TYPES)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter")[0].astype(np.int8).transpose(2, 0, 1)[..., None]
    op.need(len(weights) == output.shape[-1] and len(weights) % source.shape[-1] == 0, "this filter")
    return _conv16(
        op, weights, source.shape, output.shape, source.shape[3], window(op, source, kernel.shape[1:3], output),
        conv_scales(source, kernel, output, len(weights)),
    )  # fmt: skip


def fully_connected(op: Op) -> Step:
    """FULLY_CONNECTED of int16: a convolution of one pixel per row."""
    op.need_types(*_TYPES)
    weights = op.constant(1, "its weights").astype(np.int8)
    units, depth = weights.shape
    rows = op.tensor(0).elements // depth
    op.need(rows * depth == op.tensor(0).elements and rows * units == op.output.elements, "this output")
    return _conv16(
        op, weights.reshape(units, 1, 1, depth), (rows, 1, 1, depth), (rows, 1, 1, units), 1,
        ((1, 1), (1, 1), (0, 0)), dense_scales(op, units),
    )  # fmt: skip


def transpose_conv(op: Op) -> Step:
    """TRANSPOSE_CONV of int16 with a bias of int64; for its inputs, see `matrix.transpose_conv`."""
    source, kernel, output = op.tensor(2), op.tensor(1), op.output
    types = (source.dtype, kernel.dtype, output.dtype, op.tensor(3).dtype if op.has(3) else "int64")
    op.need(types == ("int16", "int8", "int16", "int64"), " x ".join(types))
    weights = op.constant(1, "its filter").astype(np.int8)
    moved = transposed_window(op)
    return _conv16(
        op, weights, source.shape, output.shape, 1, moved, conv_scales(source, kernel, output, len(weights)), 2
    )  # fmt: skip


def _conv16(
    op: Op,
    weights: Int8,
    shape: tuple[int, ...],
    out: tuple[int, ...],
    groups: int,
    moved: tuple[_Pair, _Pair, _Pair],
    scales: list[float],
    data: int = 0,
) -> Step:
    op.need(not op.tensor(data).zero_point and not op.output.zero_point, "a zero point with int16")
    multiplier, shift = quantize_multipliers(scales)
    op.need(bool((shift <= 7).all()), "a scale of more than 2**7")
    low, high = activation_range(op.options.activation, op.output, op)
    reach = np.abs(weights.astype(np.int64)).sum((1, 2, 3)) << 15
    base = op.base(data)
    return Conv16(
        **base,
        shape=shape,
        out=out,
        filter=weights,
        bias=bias_of(op, len(weights), 3 if data else 2),
        strides=moved[0],
        dilations=moved[1],
        padding=moved[2],
        groups=groups,
        multiplier=np.array([reduced(m) for m in multiplier.tolist()], np.int64),
        shift=15 - shift,
        low=low,
        high=high,
        is_long=bool(reach.max(initial=0) >= 2**31),
        transposed=data > 0,
    )


def _no_zero_points(op: Op) -> None:
    for t in (*(op.tensor(k) for k in range(len(op.op.inputs)) if op.has(k)), op.output):
        op.need(not t.zero_point, "a zero point with int16")


def binary(op: Op) -> Step:
    """ADD, SUB, MUL, MINIMUM and MAXIMUM of int16."""
    op.need_types(("int16", "int16", "int16"))
    base = op.base(0, 1, constants=True)
    low, high = activation_range(op.options.activation, op.output, op)
    kind: Literal["sum", "product", "minimum", "maximum"]
    factors: list[_Pair] = []
    if op.name in ("MINIMUM", "MAXIMUM"):
        kind = "minimum" if op.name == "MINIMUM" else "maximum"
    else:
        _no_zero_points(op)
        kind = "product" if op.name == "MUL" else "sum"
        sa, sb, so = op.tensor(0).scale, op.tensor(1).scale, op.output.scale
        if kind == "product":
            factors = [quantize_multiplier(sa * sb / so)]
        else:
            twice = 2 * max(sa, sb)
            factors = [quantize_multiplier(r) for r in (sa / twice, sb / twice, twice / ((1 << 15) * so))]
            op.need(factors[2][1] <= 0, "input scales far above the output's")
        op.need(max(e for _, e in factors) <= 30, "these scales")
    sign = -1 if op.name == "SUB" else 1
    return Binary16(**base, kind=kind, loops=broadcast(op), factors=tuple(factors), sign=sign, low=low, high=high)


def unary(op: Op) -> Step:
    """RELU, RELU6, LEAKY_RELU, LOGISTIC and TANH of int16."""
    op.need_types(("int16", "int16"))
    op.need_shape(op.tensor(0).shape)
    return _UNARY[op.name](op)


def _relu(op: Op) -> Step:
    _no_zero_points(op)
    x, y = op.tensor(0), op.output
    m, e = quantize_multiplier(x.scale / y.scale)
    op.need(e <= 15, "this scale")
    return Rescale(**op.base(0), multiplier=m, shift=e, low=0, high=32767)


def _relu6(op: Op) -> Step:
    x = op.tensor(0)
    six = x.zero_point + math.floor(float(np.float32(6.0) / np.float32(x.scale)) + 0.5)
    op.need(x.zero_point == op.output.zero_point == 0, "a zero point with int16")
    # The factor 1, and the clamp.
    return Rescale(**op.base(0), multiplier=1 << 30, shift=1, low=0, high=min(six, 32767))


def _leaky_relu(op: Op) -> Step:
    x, y = op.tensor(0), op.output
    slope = x.scale * op.options.alpha / y.scale
    above, below = quantize_multiplier(x.scale / y.scale), quantize_multiplier(abs(slope))
    op.need(max(above[1], below[1]) <= 14, "these scales")
    return LeakyRelu16(**op.base(0), above=above, below=below, sign=-1 if slope < 0 else 1)


def _curve(op: Op) -> Step:
    _no_zero_points(op)
    op.need(op.output.scale == 2.0**-15, "this output scale")
    fraction, power = math.frexp(op.tensor(0).scale)
    shift = 12 + power - 1
    kind: Literal["logistic", "tanh"] = "logistic" if op.name == "LOGISTIC" else "tanh"
    if fraction == 0.5 and (shift == 0 or (kind == "tanh" and shift == 1)):
        return Curve16(**op.base(0), kind=kind, multiplier=3 << shift, shift=0)
    multiplier, shift = op.tensor(0).scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    op.need(int(multiplier) < 32768, "this input scale")
    return Curve16(**op.base(0), kind=kind, multiplier=int(multiplier), shift=shift)


_UNARY: dict[str, Callable[[Op], Step]] = {
    "LEAKY_RELU": _leaky_relu,
    "LOGISTIC": _curve,
    "RELU": _relu,
    "RELU6": _relu6,
    "TANH": _curve,
}


def softmax(op: Op) -> Step:
    """SOFTMAX of int16, by interpolation in tables that TFLM makes in float32."""
    op.need_types(("int16", "int16"))
    op.need_shape(op.tensor(0).shape)
    _no_zero_points(op)
    factor = quantize_multiplier(op.tensor(0).scale * op.options.beta / (10.0 / 65535.0))
    op.need(factor[1] <= 14, "this input scale")
    exponential = _table(10.0, 32767, lambda x: np.exp(x))
    reciprocal = _table(1.0, -32768, lambda x: np.float32(1.0) / (np.float32(1.0) + x))
    return Softmax16(**op.base(0), factor=factor, exponential=exponential, reciprocal=reciprocal)


def _table(reach: float, zero: int, function: Callable[[Any], Any]) -> Int64:
    """Return LUTPopulateInt16(): samples of a function, moved by half the error between them."""
    f = np.float32
    scale_in, scale_out = f(reach) / f(65535), f(2.0) / f(65535)
    first, last = scale_in * f(-32768 - zero), scale_in * f(32767 - zero)
    low, high = scale_out * f(-32768), scale_out * f(32767)
    step = (last - first) / f(512)
    half, up = step / f(2), f(65536) / (high - low)

    def value(x: Any) -> Any:  # noqa: ANN401
        return f(function(f(x)))

    def rounded(x: Any) -> Any:  # noqa: ANN401
        return f(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))

    out = []
    for i in range(512):
        here, middle, following = (
            value(first + f(i) * step), value(first + f(i) * step + half), value(first + f(i + 1) * step)
        )  # fmt: skip
        sample = rounded(here * up)
        between = rounded((following * up + rounded(here * up)) / f(2))
        bias = rounded((between - rounded(middle * up)) / f(2))
        out.append(min(max(float(sample - bias), -32768.0), 32767.0))
    out.append(min(max(float(rounded(value(last) * up)), -32768.0), 32767.0))
    return np.array(out, np.int64)
