"""Lowering of convolutions, fully connected layers and pooling."""

from __future__ import annotations

import numpy as np

from ..arithmetic import quantize_multiplier, quantize_multipliers
from ..steps import BatchMatmul, Conv, Depthwise, FullyConnected, Pool, Step, TransposeConv
from ..values import Requantization
from . import wide
from .context import Op, activation_range
from .elementwise import collapse
from .layers import bias_of, conv_scales, dense_scales, groups_of, transposed_window, window

_INT8 = tuple(types for w in ("int8", "int4") for types in (("int8", w, "int32", "int8"), ("int8", w, "int8")))


def conv(op: Op) -> Step:
    """CONV_2D, grouped ones too."""
    if op.tensor(0).dtype == "int16":
        return wide.conv(op)
    op.need_types(*_INT8)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter")
    strides, dilations, padding = window(op, source, kernel.shape[1:3], output)
    groups = groups_of(op, source.shape[3], kernel.shape, output)
    return Conv(
        **op.base(0),
        filter=weights.astype(np.int8),
        bias=bias_of(op, len(weights)) - source.zero_point * weights.astype(np.int64).sum((1, 2, 3)),
        strides=strides,
        dilations=dilations,
        padding=padding,
        groups=groups,
        requantization=_requantization(op, len(weights), conv_scales(source, kernel, output, len(weights))),
    )


def depthwise(op: Op) -> Step:
    """DEPTHWISE_CONV_2D, with any multiplier; of one channel it is a convolution."""
    if op.tensor(0).dtype == "int16":
        return wide.depthwise(op)
    op.need_types(*_INT8)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter")[0]
    channels = weights.shape[2]
    strides, dilations, padding = window(op, source, weights.shape[:2], output)
    op.need(
        kernel.shape[0] == 1 and channels == output.shape[3] and channels % source.shape[3] == 0,
        f"a filter of shape {list(kernel.shape)}",
    )
    bias = bias_of(op, channels) - source.zero_point * weights.astype(np.int64).sum((0, 1))
    requantization = _requantization(op, channels, conv_scales(source, kernel, output, channels))
    if source.shape[3] == 1:
        return Conv(
            **op.base(0),
            filter=np.ascontiguousarray(weights.astype(np.int8).transpose(2, 0, 1)[..., None]),
            bias=bias,
            strides=strides,
            dilations=dilations,
            padding=padding,
            groups=1,
            requantization=requantization,
        )
    return Depthwise(
        **op.base(0),
        filter=weights.astype(np.int8),
        bias=bias,
        strides=strides,
        dilations=dilations,
        padding=padding,
        multiplier=channels // source.shape[3],
        requantization=requantization,
    )


def fully_connected(op: Op) -> Step:
    """FULLY_CONNECTED with constant weights."""
    if op.tensor(0).dtype == "int16":
        return wide.fully_connected(op)
    op.need_types(*_INT8)
    source, weights = op.tensor(0), op.constant(1, "its weights")
    channels = source.shape[-1] if source.shape else 1
    op.need(weights.shape[1] % channels == 0, f"rows of {weights.shape[1]} of an input of shape {list(source.shape)}")
    op.need(
        op.output.elements * weights.shape[1] == source.elements * len(weights), f"an output of {list(op.output.shape)}"
    )
    return FullyConnected(
        **op.base(0),
        filter=weights.astype(np.int8),
        bias=bias_of(op, len(weights)) - source.zero_point * weights.astype(np.int64).sum(1),
        requantization=_requantization(op, len(weights), dense_scales(op, len(weights))),
    )


def pool(op: Op) -> Step:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    op.need_types(("int8", "int8"), ("int16", "int16"))
    source, output, kernel = op.tensor(0), op.output, op.options.kernel
    strides, _, padding = window(op, source, kernel, output)
    op.need(output.shape[3] == source.shape[3], f"an output of shape {list(output.shape)}")
    low, high = activation_range(op.options.activation, output, op)
    return Pool(
        **op.base(0),
        kind="max" if op.name == "MAX_POOL_2D" else "average",
        kernel=kernel,
        strides=strides,
        padding=padding,
        low=low,
        high=high,
    )


def transpose_conv(op: Op) -> Step:
    """TRANSPOSE_CONV: its inputs are the output's shape, the filter, the data, and perhaps a bias."""
    source, kernel, output = op.tensor(2), op.tensor(1), op.output
    op.need(source.dtype == kernel.dtype == output.dtype == "int8", f"{source.dtype} to {output.dtype}")
    weights = op.constant(1, "its filter")
    strides, _, padding = transposed_window(op)
    base, bias = op.base(2), bias_of(op, len(weights), 3)
    scales = conv_scales(source, kernel, output, len(weights))
    return TransposeConv(
        **base,
        filter=weights.astype(np.int8),
        bias=bias,
        strides=strides,
        padding=padding,
        requantization=_requantization(op, len(weights), scales),
    )


def batch_matmul(op: Op) -> Step:
    """BATCH_MATMUL."""
    op.need_types(("int8", "int8", "int8"))
    a, b, output = op.tensor(0), op.tensor(1), op.output
    adjoint_a, adjoint_b = op.op.adjoint
    rows, depth = a.shape[-2:][::-1] if adjoint_a else a.shape[-2:]
    inner, columns = b.shape[-2:][::-1] if adjoint_b else b.shape[-2:]
    op.need(inner == depth, f"matrices of {list(a.shape)} and {list(b.shape)}")
    op.need_shape((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), rows, columns))
    m, e = quantize_multiplier(a.scale * b.scale / output.scale)
    op.need(e <= 30, "input scales far above the output's")
    extremes = [(x - a.zero_point) * (y - b.zero_point) * depth for x in (-128, 127) for y in (-128, 127)]
    base = op.base(0, 1, constants=True)
    batches = output.shape[:-2]
    strides = []
    for t in (a, b):
        full = (1,) * (len(batches) + 2 - len(t.shape)) + t.shape
        dense = [int(np.prod(full[k + 1 :], dtype=np.int64)) for k in range(len(batches))]
        strides.append([0 if full[k] == 1 else dense[k] for k in range(len(batches))])
    one = [np.array([x], np.int64) for x in (m, e, min(0, *extremes), max(0, *extremes))]
    return BatchMatmul(
        **base,
        size=(rows, depth, columns),
        strides_a=(1, rows) if adjoint_a else (depth, 1),
        strides_b=(1, depth) if adjoint_b else (columns, 1),
        loops=collapse(batches, strides),
        zero_points=(a.zero_point, b.zero_point),
        requantization=Requantization(one[0], one[1], output.zero_point, -128, 127, one[2], one[3]),
    )


def _requantization(op: Op, n: int, scales: list[float]) -> Requantization:
    """Return the requantization; the accumulators' range is for `analyse` to find."""
    quantization = op.tensor(1).quantization
    op.need(quantization is not None and not any(quantization.zero_points), "weights with a zero point")
    multiplier, shift = quantize_multipliers(scales)
    op.need(bool((shift <= 30).all()), "a scale of more than 2**30")
    low, high = activation_range(op.options.activation, op.output, op)
    unknown = np.zeros(n, np.int64)
    return Requantization(multiplier, shift, op.output.zero_point, low, high, unknown, unknown)
