"""Lowering of convolutions, fully connected layers and pooling."""

from __future__ import annotations

import numpy as np

from ....tflite import Tensor
from ..arithmetic import quantize_multipliers
from ..steps import Conv, Depthwise, FullyConnected, Int64, Pool, Requantization, Step
from .context import Op, activation_range, padding_before

_INT8 = ("int8", "int8", "int32", "int8"), ("int8", "int8", "int8")


def conv(op: Op) -> Step:
    """CONV_2D, grouped ones too."""
    op.need_types(*_INT8)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter")
    groups = source.shape[3] // kernel.shape[3]
    strides, dilations, padding = _window(op, source, kernel.shape[1:3], output)
    return Conv(
        **op.base(),
        filter=weights.astype(np.int8),
        bias=_bias(op, len(weights)) - source.zero_point * weights.astype(np.int64).sum((1, 2, 3)),
        strides=strides,
        dilations=dilations,
        padding=padding,
        groups=groups,
        requantization=_requantization(op, len(weights), _conv_scales(source, kernel, output, len(weights))),
    )


def depthwise(op: Op) -> Step:
    """DEPTHWISE_CONV_2D, with any multiplier."""
    op.need_types(*_INT8)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its filter")[0]
    channels = weights.shape[2]
    strides, dilations, padding = _window(op, source, weights.shape[:2], output)
    return Depthwise(
        **op.base(),
        filter=weights.astype(np.int8),
        bias=_bias(op, channels) - source.zero_point * weights.astype(np.int64).sum((0, 1)),
        strides=strides,
        dilations=dilations,
        padding=padding,
        multiplier=channels // source.shape[3],
        requantization=_requantization(op, channels, _conv_scales(source, kernel, output, channels)),
    )


def fully_connected(op: Op) -> Step:
    """FULLY_CONNECTED with constant weights."""
    op.need_types(*_INT8)
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    weights = op.constant(1, "its weights")
    quantization = kernel.quantization
    if quantization is not None and quantization.per_channel:
        op.need(quantization.dimension == 0, f"scales along dimension {quantization.dimension}")
        scales = _conv_scales(source, kernel, output, len(weights))
    else:  # here TFLM multiplies the two scales in float32
        product = np.float32(source.scale) * np.float32(kernel.scale)
        scales = [float(product) / float(np.float32(output.scale))] * len(weights)
    return FullyConnected(
        **op.base(),
        filter=weights.astype(np.int8),
        bias=_bias(op, len(weights)) - source.zero_point * weights.astype(np.int64).sum(1),
        requantization=_requantization(op, len(weights), scales),
    )


def pool(op: Op) -> Step:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    op.need_types(("int8", "int8"), ("int16", "int16"))
    source, output, kernel = op.tensor(0), op.output, op.options.kernel
    strides, _, padding = _window(op, source, kernel, output)
    low, high = activation_range(op.options.activation, output, op)
    return Pool(
        **op.base(),
        kind="max" if op.name == "MAX_POOL_2D" else "average",
        kernel=kernel,
        strides=strides,
        padding=padding,
        low=low,
        high=high,
    )


_Pair = tuple[int, int]


def _window(op: Op, source: Tensor, kernel: tuple[int, ...], output: Tensor) -> tuple[_Pair, _Pair, _Pair]:
    strides, dilations = op.op.strides or (1, 1), op.op.dilations
    same = op.options.padding == "SAME"
    top, left = (
        padding_before(source.shape[k + 1], kernel[k], strides[k], dilations[k], output.shape[k + 1], same)
        for k in (0, 1)
    )
    return strides, dilations, (top, left)


def _bias(op: Op, n: int) -> Int64:
    if not op.has(2):
        return np.zeros(n, np.int64)
    return op.constant(2, "its bias").reshape(-1).astype(np.int64)


def _conv_scales(source: Tensor, kernel: Tensor, output: Tensor, n: int) -> list[float]:
    """Return the real factor of each channel, in double: PopulateConvolutionQuantizationParams()."""
    scales = kernel.quantization.scales if kernel.quantization else (0.0,)
    scales = scales if len(scales) > 1 else scales * n
    return [float(np.float32(source.scale)) * float(np.float32(s)) / float(np.float32(output.scale)) for s in scales]


def _requantization(op: Op, n: int, scales: list[float]) -> Requantization:
    """Return the requantization; the accumulators' range is for `analyse` to find."""
    quantization = op.tensor(1).quantization
    op.need(quantization is not None and not any(quantization.zero_points), "weights with a zero point")
    multiplier, shift = quantize_multipliers(scales)
    op.need(bool((shift <= 30).all()), "a scale of more than 2**30")
    low, high = activation_range(op.options.activation, op.output, op)
    unknown = np.zeros(n, np.int64)
    return Requantization(multiplier, shift, op.output.zero_point, low, high, unknown, unknown)
