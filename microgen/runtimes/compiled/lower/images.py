"""Lowering of operators on images: resizing, and the place of the largest."""

from __future__ import annotations

import math

import numpy as np

from ..steps import Arg, ResizeBilinear, ResizeNearest, Step
from ..values import Int64
from .context import Op


def resize_bilinear(op: Op) -> Step:
    """RESIZE_BILINEAR of int8, in 1024ths: ResizeBilinearInteger()."""
    op.need(op.tensor(0).dtype == op.output.dtype == "int8", f"{op.tensor(0).dtype} to {op.output.dtype}")
    _need_size(op)
    base = op.base(0)
    rows, columns = (_between(op, op.tensor(0).shape[k], op.output.shape[k]) for k in (1, 2))
    return ResizeBilinear(**base, rows=rows, columns=columns)


def _need_size(op: Op) -> None:
    source, output = op.tensor(0), op.output
    op.need(len(source.shape) == len(output.shape) == 4, "other than images")
    height, width = op.constant(1, "its size").reshape(-1).tolist()
    op.need(output.shape == (source.shape[0], height, width, source.shape[3]), f"an output of {list(output.shape)}")


def _between(op: Op, size: int, out: int) -> Int64:
    scale = (1024 * size + out // 2) // out
    if op.options.align_corners and out > 1:
        scale = (1024 * (size - 1) + (out - 1) // 2) // (out - 1)
    table = []
    for k in range(out):
        at = k * scale + (scale // 2 - 512 if op.options.half_pixel_centers else 0)
        # C divides towards zero.
        first = max(math.trunc(at / 1024), 0)
        second = min(math.trunc((at + 1023) / 1024), size - 1)
        table.append((first, second, at - 1024 * first))
    # TFLM would read rows that are not there.
    op.need(all(first < size for first, _, _ in table), "these sizes")
    return np.array(table, np.int64)


def resize_nearest(op: Op) -> Step:
    """RESIZE_NEAREST_NEIGHBOR: positions in float32 arithmetic."""
    op.need(op.tensor(0).dtype == op.output.dtype, f"{op.tensor(0).dtype} to {op.output.dtype}")
    _need_size(op)
    base = op.base(0)
    rows, columns = (_nearest(op, op.tensor(0).shape[k], op.output.shape[k]) for k in (1, 2))
    return ResizeNearest(**base, rows=rows, columns=columns)


def _nearest(op: Op, size: int, out: int) -> Int64:
    aligned = op.options.align_corners
    single = np.float32
    scale = single(size - 1) / single(out - 1) if aligned and out > 1 else single(size) / single(out)
    offset = single(0.5 if op.options.half_pixel_centers else 0.0)
    places = []
    for k in range(out):
        at = float((single(k) + offset) * scale)
        place = math.floor(at + 0.5) if aligned else math.floor(at)
        places.append(max(min(place, size - 1), 0))
    return np.array(places, np.int64)


def arg(op: Op) -> Step:
    """ARG_MAX and ARG_MIN of int8."""
    source = op.tensor(0)
    op.need((source.dtype, op.output.dtype) == ("int8", "int32"), f"{source.dtype} to {op.output.dtype}")
    op.need(bool(source.shape), "a scalar")
    axis = int(op.constant(1, "its axis").reshape(-1)[0]) % len(source.shape)
    base = op.base(0)
    size = (math.prod(source.shape[:axis]), source.shape[axis], math.prod(source.shape[axis + 1 :]))
    op.need_shape((*source.shape[:axis], *source.shape[axis + 1 :]))
    return Arg(**base, size=size, is_max=op.name == "ARG_MAX")
