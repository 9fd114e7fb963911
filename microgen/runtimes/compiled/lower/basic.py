"""Lowering of operators that move nothing, and of softmax."""

from __future__ import annotations

import math

import numpy as np

from ..arithmetic import doubling_high, exp_on_negative_values, quantize_multiplier
from ..steps import Alias, Dequantize, Nothing, Quantize, Rescale, Softmax, Step
from . import unary
from .context import Op


def alias(op: Op) -> Step:
    """RESHAPE and its kin: the bytes stay as they are."""
    base = op.base(0, constants=True)
    op.need(op.tensor(0).dtype == op.output.dtype, f"{op.tensor(0).dtype} to {op.output.dtype}")
    op.need(op.tensor(0).elements == op.output.elements, f"an output of shape {list(op.output.shape)}")
    return Alias(**base)


def shape(op: Op) -> Step:
    """SHAPE: a constant, as all shapes are."""
    op.need(op.output.dtype == "int32", op.output.dtype)
    op.context.fold(op.op.outputs[0], np.array(op.tensor(0).shape, np.int32))
    return Nothing(index=op.op.index, name=op.name, inputs=(), outputs=())


def softmax(op: Op) -> Step:
    """SOFTMAX of int8: its exponentials depend on the difference to the largest alone."""
    op.need_types(("int8", "int8"))
    op.need_shape(op.tensor(0).shape)
    output = op.output
    op.need(output.zero_point == -128 and np.float32(output.scale) == np.float32(1 / 256), "this output scale")
    multiplier, left = quantize_multiplier(min(op.options.beta * op.tensor(0).scale * (1 << 26), 2.0**31 - 1))
    op.need(left >= 0, "an input scale below 2**-26")
    radius = math.floor(31 * 2.0**26 / 2.0**left)
    table = [exp_on_negative_values(doubling_high(-d * (1 << left), multiplier)) for d in range(min(255, radius) + 1)]
    return Softmax(**op.base(0), exponentials=np.array(table, np.int64))


def quantize(op: Op) -> Step:
    """QUANTIZE: from float32, or from one integer scale to another."""
    source, output = op.tensor(0), op.output
    op.need_shape(source.shape)
    base = op.base(0)
    if (source.dtype, output.dtype) == ("int8", "int8"):
        return unary.table_step(op, unary.quantize(op))
    if source.dtype == "float32" and output.dtype in ("int8", "int16"):
        return Quantize(**base)
    op.need(
        source.dtype in ("int8", "int16", "int32", "uint8") and output.dtype in ("int8", "int16", "int32", "uint8"),
        f"{source.dtype} to {output.dtype}",
    )
    m, e = quantize_multiplier(source.scale / output.scale)
    op.need(e <= 30, "this scale")
    limits = np.iinfo(np.dtype(output.dtype))
    return Rescale(**base, multiplier=m, shift=e, low=int(limits.min), high=int(limits.max))


def dequantize(op: Op) -> Step:
    """DEQUANTIZE to float32."""
    op.need_types(("int8", "float32"), ("int16", "float32"), ("uint8", "float32"))
    op.need_shape(op.tensor(0).shape)
    return Dequantize(**op.base(0))
