"""Code of operators on images and matrices, for any CPU."""

from __future__ import annotations

import numpy as np

from ..path import Code, Constant
from ..steps import Arg, BatchMatmul, ResizeBilinear, ResizeNearest, TransposeConv
from .elementwise import loops_constant
from .matrix import Channels, channel_code
from .text import struct


def transpose_conv(step: TransposeConv) -> Code:
    """TRANSPOSE_CONV."""
    k = step.index
    co, kh, kw, ci = step.filter.shape
    n, h, w, _ = step.input.shape
    _, oh, ow, _ = step.output.shape
    table = Channels.of(step.requantization)
    params = struct("mg_transpose_conv_params", f"conv{k}", {
        "weights": f"weights{k}", "channels": f"channels{k}", "batches": n, "in_h": h, "in_w": w, "in_c": ci,
        "out_h": oh, "out_w": ow, "out_c": co, "kernel_h": kh, "kernel_w": kw,
        "stride_h": step.strides[0], "stride_w": step.strides[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1],
        "zero_point": step.input.zero_point, "zero": table.zero,
    })  # fmt: skip
    constants = (Constant(f"weights{k}", "int8_t", step.filter), table.constant(f"channels{k}", step.bias))
    return channel_code(step, table, "transpose_conv", f"conv{k}", params, constants, "transpose_conv.h")


def batch_matmul(step: BatchMatmul) -> Code:
    """BATCH_MATMUL."""
    k = step.index
    table = Channels.of(step.requantization)
    params = struct("mg_batch_matmul_params", f"matmul{k}", {
        "rows": step.size[0], "depth": step.size[1], "columns": step.size[2],
        "a_row": step.strides_a[0], "a_depth": step.strides_a[1],
        "b_depth": step.strides_b[0], "b_column": step.strides_b[1],
        "zero_point_a": step.zero_points[0], "zero_point_b": step.zero_points[1],
        "channel": f"channel{k}", "zero": table.zero,
    })  # fmt: skip
    constants = (loops_constant(f"loops{k}", step.loops), table.constant(f"channel{k}", np.zeros(1, np.int64)))
    places = f"{{input0}}, {{input1}}, {{output0}}, loops{k}"
    return channel_code(step, table, "batch_matmul", f"matmul{k}", params, constants, "batch_matmul.h", places)


def resize_bilinear(step: ResizeBilinear) -> Code:
    """RESIZE_BILINEAR."""
    k = step.index
    n, h, w, c = step.input.shape
    _, oh, ow, _ = step.output.shape
    params = struct("mg_resize_bilinear_params", f"resize{k}", {
        "rows": f"rows{k}", "columns": f"columns{k}", "batches": n, "in_h": h, "in_w": w, "channels": c,
        "out_h": oh, "out_w": ow,
    })  # fmt: skip
    return Code(
        call=f"mg_resize_bilinear({{input0}}, {{output0}}, &resize{k});",
        constants=(
            Constant(f"rows{k}", "mg_between", step.rows),
            Constant(f"columns{k}", "mg_between", step.columns),
        ),
        declarations=(params,),
        headers=("resize.h",),
        files=("resize_bilinear.c",),
    )


def resize_nearest(step: ResizeNearest) -> Code:
    """RESIZE_NEAREST_NEIGHBOR."""
    k = step.index
    n, h, w, c = step.input.shape
    _, oh, ow, _ = step.output.shape
    size = c * int(np.dtype(step.input.dtype).itemsize)
    params = struct("mg_resize_nearest_params", f"resize{k}", {
        "rows": f"rows{k}", "columns": f"columns{k}", "batches": n, "bytes": size, "in_h": h, "in_w": w,
        "out_h": oh, "out_w": ow,
    })  # fmt: skip
    return Code(
        call=f"mg_resize_nearest({{input0}}, {{output0}}, &resize{k});",
        constants=(
            Constant(f"rows{k}", "uint16_t", step.rows),
            Constant(f"columns{k}", "uint16_t", step.columns),
        ),
        declarations=(params,),
        headers=("resize.h",),
        files=("resize_nearest.c",),
    )


def arg(step: Arg) -> Code:
    """ARG_MAX and ARG_MIN."""
    sizes = ", ".join(str(n) for n in step.size)
    return Code(
        call=f"mg_arg({{input0}}, {{output0}}, {sizes}, {0 if step.is_max else -1});",
        headers=("arg.h",),
        files=("arg.c",),
    )
