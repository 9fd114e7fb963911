"""Rules of operators that sum products, or sums alone, over a window, a row or axes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .case import Case, Rules, Unproven, activated
from .interval import Interval, Reals, gamma

_Product = Callable[[Reals, Reals], Reals]


def _summed(case: Case, product: _Product, x: Interval, w: Interval, terms: int, bias: Interval | None) -> Interval:
    """Return what sums of products may be, in any order.

    Args:
        product: the exact sums, linear in both of its arguments.
        terms: how many products a sum has.
        bias: what is added to each.
    """

    def shaped(a: Reals, b: Reals) -> Reals:
        return product(a, b).reshape(case.shape)

    centre, size = shaped(x.centre, w.centre), shaped(x.magnitude, w.magnitude)
    radius = np.zeros(case.shape)
    if (x.lower != x.upper).any():
        radius = radius + shaped(x.radius, np.abs(w.centre))
    if (w.lower != w.upper).any():
        radius = radius + shaped(x.magnitude, w.radius)
    result = Interval(centre - radius, centre + radius)
    if bias is not None:
        result, size, terms = result + bias, size + bias.magnitude, terms + 1
    return activated(case, result.rounded(terms, size))


def _fully_connected(case: Case) -> Interval:
    x, w = case.input(0), case.input(1)
    depth = w.shape[-1]
    return _summed(case, lambda a, b: a.reshape(-1, depth) @ b.T, x, w, depth, case.optional(2))


def _batch_matmul(case: Case) -> Interval:
    left, right = case.op.adjoint

    def product(a: Reals, b: Reals) -> Reals:
        return np.asarray((a.swapaxes(-1, -2) if left else a) @ (b.swapaxes(-1, -2) if right else b))

    x = case.input(0)
    return _summed(case, product, x, case.input(1), x.shape[-2 if left else -1], None)


def _conv_2d(case: Case) -> Interval:
    x, w = case.input(0), case.input(1)
    out, height, width, depth = w.shape
    groups = x.shape[3] // depth

    def product(a: Reals, b: Reals) -> Reals:
        windows = _windows(case, a, (height, width), 0.0)
        parts = windows.reshape(*windows.shape[:5], groups, depth)
        filters = b.reshape(groups, out // groups, height, width, depth)
        return np.asarray(np.einsum("nyxhwgd,gohwd->nyxgo", parts, filters, optimize=True))

    return _summed(case, product, x, w, height * width * depth, case.optional(2))


def _depthwise_conv_2d(case: Case) -> Interval:
    x, w = case.input(0), case.input(1)
    _, height, width, out = w.shape
    channels = x.shape[3]

    def product(a: Reals, b: Reals) -> Reals:
        filters = b.reshape(height, width, channels, out // channels)
        windows = _windows(case, a, (height, width), 0.0)
        return np.asarray(np.einsum("nyxhwc,hwcm->nyxcm", windows, filters, optimize=True))

    return _summed(case, product, x, w, height * width, case.optional(2))


def _transpose_conv(case: Case) -> Interval:
    w, x = case.input(1), case.input(2)
    out, height, width, depth = w.shape
    (rows, columns), (down, across) = case.shape[1:3], case.op.strides or (1, 1)
    same = case.op.options.padding == "SAME"
    tops = [
        max((n - 1) * stride + k - size, 0) // 2 if same else 0
        for n, stride, k, size in zip(x.shape[1:3], (down, across), (height, width), (rows, columns), strict=True)
    ]

    def product(a: Reals, b: Reals) -> Reals:
        n, h, width_in, _ = a.shape
        canvas = np.zeros((n, max((h - 1) * down + height, rows + tops[0]),
                           max((width_in - 1) * across + width, columns + tops[1]), out))  # fmt: skip
        for i, j in np.ndindex(height, width):
            place = canvas[:, i : i + (h - 1) * down + 1 : down, j : j + (width_in - 1) * across + 1 : across]
            place += a @ b[:, i, j].T
        return canvas[:, tops[0] : tops[0] + rows, tops[1] : tops[1] + columns]

    return _summed(case, product, x, w, height * width * depth, case.optional(3))


def _windows(case: Case, x: Reals, kernel: tuple[int, int], fill: float) -> Reals:
    """Return the windows of an image that an output's elements see: batch, row, column, then inside, then channel.

    Raises:
        Unproven: the output does not have the size that the operator gives it.
    """
    strides, dilations = case.op.strides or (1, 1), case.op.dilations
    if min(*strides, *dilations, *kernel) < 1:
        raise Unproven
    pads = [(0, 0)]
    for axis in range(2):
        size, out = x.shape[1 + axis], case.shape[1 + axis]
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        fits = -(-size // strides[axis]) if case.op.options.padding == "SAME" else (size - reach) // strides[axis] + 1
        if out != fits:
            raise Unproven
        needed = (out - 1) * strides[axis] + reach
        total = max(needed - size, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [*pads, (0, 0)], constant_values=fill)
    n, down, across, channel = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        (x.shape[0], *case.shape[1:3], *kernel, x.shape[3]),
        (n, down * strides[0], across * strides[1], down * dilations[0], across * dilations[1], channel),
        writeable=False,
    )


def _max_pool_2d(case: Case) -> Interval:
    kernel = case.op.options.kernel
    value = case.input(0).mapped(lambda x: np.asarray(_windows(case, x, kernel, -np.inf).max(axis=(3, 4))))
    return activated(case, value)


def _average_pool_2d(case: Case) -> Interval:
    x, kernel = case.input(0), case.op.options.kernel
    count = _windows(case, np.ones(x.shape), kernel, 0.0).sum(axis=(3, 4))

    def mean(values: Reals) -> Reals:
        return np.asarray(_windows(case, values, kernel, 0.0).sum(axis=(3, 4)) / count)

    return activated(case, x.mapped(mean).rounded(math.prod(kernel) + 1, mean(x.magnitude)))


def _reduced(is_mean: bool) -> Callable[[Case], Interval]:
    def rule(case: Case) -> Interval:
        x, axes = case.input(0), case.axes(1)
        count = math.prod(x.shape[a] for a in axes)

        def total(values: Reals) -> Reals:
            return np.asarray(values.sum(axis=axes) / (count if is_mean else 1)).reshape(case.shape)

        return x.mapped(total).rounded(count + 1, total(x.magnitude))

    return rule


def _extreme(function: Callable[..., Reals]) -> Callable[[Case], Interval]:
    return lambda case: case.input(0).mapped(lambda x: function(x, axis=case.axes(1)).reshape(case.shape))


def _resize_bilinear(case: Case) -> Interval:
    """Hold against the exact interpolation, whose places and weights are themselves float32."""
    x, options = case.input(0), case.op.options
    matrices = [_between(x.shape[k], case.shape[k], options.align_corners, options.half_pixel_centers) for k in (1, 2)]
    value = x.mapped(lambda v: np.einsum("yh,xw,nhwc->nyxc", *matrices, v, optimize=True))
    largest = x.magnitude.max(axis=(1, 2), keepdims=True)
    # A place is three operations on a number up to the size of its axis; four products of two weights are summed.
    places = sum(gamma(3) * 2 * size for size in x.shape[1:3])
    return value.rounded(8, np.broadcast_to(largest * (4 + places / gamma(8)), case.shape))


def _between(size: int, out: int, align_corners: bool, half_pixel_centers: bool) -> Reals:
    """Return the weights of an axis' elements for each place of the output."""
    scale = (size - 1) / (out - 1) if align_corners and out > 1 else size / out
    offset = 0.5 if half_pixel_centers else 0.0
    at = np.clip((np.arange(out) + offset) * scale - offset, 0, size - 1)
    return np.asarray(np.maximum(1 - np.abs(at[:, None] - np.arange(size)), 0))


LINEAR: Rules = {
    "AVERAGE_POOL_2D": _average_pool_2d,
    "BATCH_MATMUL": _batch_matmul,
    "CONV_2D": _conv_2d,
    "DEPTHWISE_CONV_2D": _depthwise_conv_2d,
    "FULLY_CONNECTED": _fully_connected,
    "MAX_POOL_2D": _max_pool_2d,
    "MEAN": _reduced(is_mean=True),
    "REDUCE_MAX": _extreme(np.max),
    "REDUCE_MIN": _extreme(np.min),
    "RESIZE_BILINEAR": _resize_bilinear,
    "SUM": _reduced(is_mean=False),
    "TRANSPOSE_CONV": _transpose_conv,
}
