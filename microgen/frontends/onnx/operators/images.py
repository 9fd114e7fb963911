"""Operators that know height and width: convolutions, pooling, padding and resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor as T

from .call import Call, op

_LOWEST = -3.0e38


def _paddings(call: Call, space: Sequence[int], kernel: Sequence[int], strides: Sequence[int],
              dilations: Sequence[int]) -> list[tuple[int, int]]:  # fmt: skip
    """Return the padding before and after each dimension of space."""
    n, auto = len(kernel), call.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for size, k, s, d in zip(space, kernel, strides, dilations, strict=True):
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            less, more = total // 2, total - total // 2
            found.append((less, more) if auto == "SAME_UPPER" else (more, less))
        return found
    pads = call.get("pads") or [0] * (2 * n)
    return [(pads[k], pads[k + n]) for k in range(n)]


def _padded(x: T, pads: Sequence[tuple[int, int]], value: float = 0.0) -> T:
    if not any(a or b for a, b in pads):
        return x
    return F.pad(x, [edge for pair in reversed(pads) for edge in pair], value=value)


@op("Conv")
def _conv(call: Call, x: T, weight: T, bias: T | None = None) -> T:
    n = weight.ndim - 2
    if n not in (1, 2):
        call.refuse(f"is a {n}-D convolution, which TFLM does not have", "use 1 or 2 dimensions")
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = _paddings(call, x.shape[2:], weight.shape[2:], strides, dilations)
    function = (F.conv1d, F.conv2d)[n - 1]
    groups = call.get("group", 1)
    if all(a == b for a, b in pads):
        return function(x, weight, bias, strides, [a for a, _ in pads], dilations, groups)
    return function(_padded(x, pads), weight, bias, strides, 0, dilations, groups)


@op("ConvTranspose")
def _conv_transpose(call: Call, x: T, weight: T, bias: T | None = None) -> T:
    n = weight.ndim - 2
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = call.get("pads") or [0] * (2 * n)
    if any(call.get("output_padding") or ()) or call.get("output_shape"):
        call.refuse("has output_padding or output_shape", "use a kernel as large as the stride, or Resize and Conv")
    if call.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or n not in (1, 2):
        call.refuse("has automatic padding", "give its pads")
    function = (F.conv_transpose1d, F.conv_transpose2d)[n - 1]
    even = pads[:n] == pads[n:]
    y = function(x, weight, bias, strides, pads[:n] if even else 0, 0, call.get("group", 1), dilations)
    if not even:
        for k in range(n):
            y = y.narrow(2 + k, pads[k], y.shape[2 + k] - pads[k] - pads[k + n])
    return y


@op("MaxPool")
def _max_pool(call: Call, x: T) -> T:
    kernel = call.get("kernel_shape")
    n = len(kernel)
    if n not in (1, 2) or call.outputs > 1:
        call.refuse("returns indices, or pools over more than two dimensions", "pool over 1 or 2, for values only")
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = _paddings(call, x.shape[2:], kernel, strides, dilations)
    function, ceil = (F.max_pool1d, F.max_pool2d)[n - 1], bool(call.get("ceil_mode", 0))
    if all(a == b and a <= k // 2 for (a, b), k in zip(pads, kernel, strict=True)):
        return function(x, kernel, strides, [a for a, _ in pads], dilations, ceil)
    return function(_padded(x, pads, _LOWEST), kernel, strides, 0, dilations, ceil)


@op("AveragePool")
def _average_pool(call: Call, x: T) -> T:
    kernel = call.get("kernel_shape")
    n = len(kernel)
    if n not in (1, 2) or any(d != 1 for d in call.get("dilations", [1])):
        call.refuse("pools over more than two dimensions, or with dilation", "pool over 1 or 2, without")
    strides = call.get("strides", [1] * n)
    pads = _paddings(call, x.shape[2:], kernel, strides, [1] * n)
    function, ceil = (F.avg_pool1d, F.avg_pool2d)[n - 1], bool(call.get("ceil_mode", 0))
    counted = bool(call.get("count_include_pad", 0))
    if all(a == b and a <= k // 2 for (a, b), k in zip(pads, kernel, strict=True)):
        return function(x, kernel, strides, [a for a, _ in pads], ceil, counted)
    summed = function(_padded(x, pads), kernel, strides, 0, ceil)
    if counted:
        return summed
    return summed / function(_padded(torch.ones_like(x), pads), kernel, strides, 0, ceil)


@op("GlobalAveragePool")
def _global_average(call: Call, x: T) -> T:
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@op("GlobalMaxPool")
def _global_max(call: Call, x: T) -> T:
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@op("Pad")
def _pad(call: Call, x: T, pads: T | None = None, value: T | None = None, axes: T | None = None) -> T:
    edges = call.get("pads") or call.constant(1)
    n = len(edges) // 2
    full = [(0, 0)] * x.ndim
    for k, axis in enumerate(call.constant(3) or range(n)):
        full[axis] = (edges[k], edges[k + n])
    mode = call.get("mode", "constant")
    if mode == "constant":
        filled = call.constant(2) if len(call.inputs) > 2 else call.get("value", 0.0)
        return _padded(x, full, float(np.ravel(filled)[0]) if filled is not None else 0.0)
    if mode not in ("reflect", "edge") or any(full[0] + full[1]):
        call.refuse(f"pads in the mode '{mode}'", "pad height and width with a constant, reflect or edge")
    flat = [edge for pair in reversed(full[2:]) for edge in pair]
    return F.pad(x, flat, mode="reflect" if mode == "reflect" else "replicate")


@op("Resize", "Upsample")
def _resize(call: Call, x: T, *rest: T) -> T:
    if call.operator == "Upsample":
        scales, sizes, how = call.get("scales") or call.constant(1), None, "asymmetric"
    else:
        scales, sizes = call.constant(2), call.constant(3)
        how = call.get("coordinate_transformation_mode", "half_pixel")
    mode = call.get("mode", "nearest")
    if mode == "cubic":
        call.refuse("interpolates bicubically, which no runtime for microcontrollers does", "use mode='linear'")
    if call.get("antialias", 0) or call.get("axes"):
        call.refuse("resizes with antialias or named axes", "resize height and width of all channels plainly")
    space = x.shape[2:]
    size = [int(d) for d in sizes[2:]] if sizes else [math.floor(d * s) for d, s in zip(space, scales[2:], strict=True)]
    if size == list(space):
        return x
    if mode == "nearest":
        if any(new % old for new, old in zip(size, space, strict=True)):
            call.refuse(
                "resizes to the nearest by a factor that is no integer, which the converter does wrongly",
                "resize to a whole multiple of the size, or with mode='linear'",
            )
        # Of a whole multiple all roundings choose the same, but those that ask for the middle of the new pixels.
        if how == "align_corners" or (how == "asymmetric" and call.get("nearest_mode", "round_prefer_floor") == "ceil"):
            call.refuse("resizes to the nearest by corners", "use coordinate_transformation_mode='half_pixel'")
        if how == "asymmetric" and call.get("nearest_mode", "round_prefer_floor") != "floor":
            call.refuse("rounds positions, where others take the lower", "use nearest_mode='floor'")
        return F.interpolate(x, size=size, mode="nearest")
    if how not in ("half_pixel", "pytorch_half_pixel", "align_corners") or len(size) > 2:
        call.refuse(f"interpolates with '{how}'", "use coordinate_transformation_mode='half_pixel'")
    kind = "bilinear" if len(size) == 2 else "linear"
    return F.interpolate(x, size=size, mode=kind, align_corners=how == "align_corners")


@op("DepthToSpace")
def _depth_to_space(call: Call, x: T) -> T:
    block = call.get("blocksize")
    if call.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    y = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // block**2, h * block, w * block)


@op("SpaceToDepth")
def _space_to_depth(call: Call, x: T) -> T:
    block = call.get("blocksize")
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * block**2, h // block, w // block)


@op("LRN")
def _lrn(call: Call, x: T) -> T:
    size = call.get("size")
    if size % 2 == 0:
        call.refuse("normalizes over an even number of channels", "use an odd one")
    return F.local_response_norm(x, size, call.get("alpha", 1e-4), call.get("beta", 0.75), call.get("bias", 1.0))
