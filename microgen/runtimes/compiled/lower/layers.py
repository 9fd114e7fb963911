"""What layers with weights have in common, whatever their types."""

from __future__ import annotations

import numpy as np

from ....tflite import Tensor
from ..values import Int64
from .context import Op, padding_before

_Pair = tuple[int, int]


def window(op: Op, source: Tensor, kernel: tuple[int, ...], output: Tensor) -> tuple[_Pair, _Pair, _Pair]:
    """Return strides, dilations and padding (top, left) of a window that moves over an image."""
    strides, dilations = op.op.strides or (1, 1), op.op.dilations
    same = op.options.padding == "SAME"
    op.need(len(source.shape) == len(output.shape) == 4, "other than images")
    for k in (0, 1):
        size, reach = source.shape[k + 1], (kernel[k] - 1) * dilations[k] + 1
        computed = -(-size // strides[k]) if same else -(-(size - reach + 1) // strides[k])
        op.need(kernel[k] > 0 and output.shape[k + 1] == computed, f"an output of shape {list(output.shape)}")
    op.need(output.shape[0] == source.shape[0], "another batch")
    top, left = (
        padding_before(source.shape[k + 1], kernel[k], strides[k], dilations[k], output.shape[k + 1], same)
        for k in (0, 1)
    )
    return strides, dilations, (top, left)


def transposed_window(op: Op) -> tuple[_Pair, _Pair, _Pair]:
    """Return strides, dilations and padding of TRANSPOSE_CONV: those of a convolution from the output to the input."""
    source, kernel, output = op.tensor(2), op.tensor(1), op.output
    strides = op.op.strides or (1, 1)
    same = op.options.padding == "SAME"
    op.need(
        len(source.shape) == len(output.shape) == 4
        and kernel.shape[3] == source.shape[3]
        and output.shape == (source.shape[0], *output.shape[1:3], kernel.shape[0]),
        f"an output of shape {list(output.shape)}",
    )
    top, left = (
        padding_before(n, k, s, 1, -(-n // s) if same else (n + s - k) // s, same)
        for n, k, s in zip(output.shape[1:3], kernel.shape[1:3], strides, strict=True)
    )
    return strides, (1, 1), (top, left)


def groups_of(op: Op, channels: int, kernel: tuple[int, ...], output: Tensor) -> int:
    """Return the groups of a convolution whose filter may have fewer channels than its input."""
    op.need(len(kernel) == 4 and kernel[3] > 0 and channels % kernel[3] == 0, f"a filter of shape {list(kernel)}")
    groups = channels // kernel[3]
    op.need(kernel[0] % groups == 0 and output.shape[3] == kernel[0], f"an output of shape {list(output.shape)}")
    return groups


def bias_of(op: Op, n: int, position: int = 2) -> Int64:
    """Return the bias of a layer, zeros where it has none."""
    if not op.has(position):
        return np.zeros(n, np.int64)
    bias = op.constant(position, "its bias").reshape(-1).astype(np.int64)
    op.need(len(bias) == n, f"a bias of {len(bias)} for {n} channels")
    return bias


def conv_scales(source: Tensor, kernel: Tensor, output: Tensor, n: int) -> list[float]:
    """Return the real factor of each channel, in double: PopulateConvolutionQuantizationParams()."""
    scales = kernel.quantization.scales if kernel.quantization else (0.0,)
    scales = scales if len(scales) > 1 else scales * n
    return [source.scale * s / output.scale for s in scales]


def dense_scales(op: Op, n: int) -> list[float]:
    """Return the real factor of each unit of a FULLY_CONNECTED."""
    source, kernel, output = op.tensor(0), op.tensor(1), op.output
    quantization = kernel.quantization
    if quantization is not None and quantization.per_channel:
        op.need(quantization.dimension == 0, f"scales along dimension {quantization.dimension}")
        return conv_scales(source, kernel, output, n)
    return [source.scale * kernel.scale / output.scale] * n
