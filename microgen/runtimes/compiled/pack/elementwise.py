"""Code of operators that compute each element by itself, for any CPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import linear
from ..path import IN_PLACE, Code, Constant, Overlap
from ..steps import (
    Dequantize,
    Extreme,
    Lookup,
    Prelu,
    Product,
    Quantize,
    Rescale,
    Softmax,
    SquaredDifference,
    Step,
    Sum,
)
from ..values import Loops
from .matrix import Channels, clamp_call
from .text import struct

_KINDS = {"uint8": 0, "int8": 1, "int16": 2, "int32": 4}


def loops_constant(name: str, loops: Loops, size: int = 1) -> Constant:
    """Return a nest of loops as the array that mg_loops.h describes, for elements of `size` bytes."""
    strides = [s * size for operand in loops.strides for s in operand]
    return Constant(name, "int32_t", np.array([len(loops.dims), *loops.dims, *strides], np.int64))


def lookup(step: Lookup) -> Code:
    """An int8 operator of one input."""
    k = step.index
    return Code(
        call=f"mg_lookup({{input0}}, {{output0}}, {step.output.elements}, table{k});",
        constants=(Constant(f"table{k}", "int8_t", step.table),),
        headers=("elementwise.h",),
        files=("lookup.c",),
        overlaps=(IN_PLACE,),
    )


def sum_(step: Sum) -> Code:
    """ADD and SUB: linear where that is proven, else with a table for one input, else as TFLM does."""
    k, r = step.index, step.requantization
    fields: dict[str, int | str]
    if plane := linear.fit(step):
        a, b, c, shift = plane
        fields = {"a": a, "b": b, "c": c, "shift": shift, "low": r.low, "high": r.high}
        return _binary(step, step.loops, "sum_linear", fields, proven=1)
    if fitted := linear.fit_table(step):
        table, b, shift = fitted
        fields = {"table": f"table{k}", "b": b, "shift": shift, "low": r.low, "high": r.high}
        return _binary(step, step.loops, "sum_table", fields, (Constant(f"table{k}", "int32_t", table),), proven=1)
    return _exact_sum(step)


def _exact_sum(step: Sum | SquaredDifference) -> Code:
    k, r = step.index, step.requantization
    fields: dict[str, int | str] = {
        "left": f"left{k}", "right": f"right{k}", "multiplier": int(r.multiplier[0]), "shift": int(r.shift[0]),
        "zero_point": r.zero_point, "square": int(isinstance(step, SquaredDifference)), "low": r.low, "high": r.high,
    }  # fmt: skip
    constants = (Constant(f"left{k}", "int32_t", step.left), Constant(f"right{k}", "int32_t", step.right))
    return _binary(step, step.loops, "sum_exact", fields, constants, exact=1)


def squared_difference(step: SquaredDifference) -> Code:
    """SQUARED_DIFFERENCE."""
    return _exact_sum(step)


def product(step: Product) -> Code:
    """MUL."""
    k, channel = step.index, Channels.of(step.requantization)
    fields: dict[str, int | str] = {
        "zero_point_a": step.zero_points[0], "zero_point_b": step.zero_points[1],
        "channel": f"channel{k}", "zero": channel.zero,
    }  # fmt: skip
    row = channel.constant(f"channel{k}", np.zeros(1, np.int64))
    code = _binary(step, step.loops, "product", fields, (row,), channel.suffix, channel.proven, channel.exact)
    return replace(code, call=code.call + clamp_call(step, step.requantization), files=channel.files("product"))


def extreme(step: Extreme) -> Code:
    """MINIMUM and MAXIMUM."""
    return _binary(step, step.loops, step.kind, None)


def prelu(step: Prelu) -> Code:
    """PRELU."""
    k = step.index
    fields: dict[str, int | str] = {
        "positive": f"positive{k}", "zero_point_a": step.zero_points[0], "zero_point_b": step.zero_points[1],
        "multiplier": step.multiplier, "shift": step.shift, "zero_point": step.output.zero_point,
    }  # fmt: skip
    constants = (Constant(f"positive{k}", "int8_t", step.positive),)
    return _binary(step, step.loops, "prelu", fields, constants, exact=1)


def _binary(
    step: Step,
    loops: Loops,
    kernel: str,
    fields: Mapping[str, int | str] | None,
    constants: tuple[Constant, ...] = (),
    suffix: str = "",
    proven: int = 0,
    exact: int = 0,
) -> Code:
    """Return the code of a kernel of two inputs, a nest of loops and perhaps parameters."""
    k = step.index
    parameters = () if fields is None else (struct(f"mg_{kernel}_params", f"parameters{k}", fields),)
    extra = "" if fields is None else f", &parameters{k}"
    return Code(
        call=f"mg_{kernel}{suffix}({{input0}}, {{input1}}, {{output0}}, loops{k}{extra});",
        constants=(*constants, loops_constant(f"loops{k}", loops)),
        declarations=parameters,
        headers=("elementwise.h",),
        files=(f"{kernel}.c",),
        overlaps=tuple(_in_place(step, j) for j in range(2)),
        proven=proven,
        exact=exact,
    )


def _in_place(step: Step, position: int) -> Overlap | None:
    """Allow it for an input that is read in the order of the output, each element once."""
    return IN_PLACE if step.inputs[position].elements == step.output.elements else None


def softmax(step: Softmax) -> Code:
    """SOFTMAX."""
    k = step.index
    depth = step.input.shape[-1]
    sizes = f"{step.input.elements // depth}, {depth}, exponentials{k}, {len(step.exponentials)}"
    return Code(
        call=f"mg_softmax({{input0}}, {{output0}}, {sizes});",
        constants=(Constant(f"exponentials{k}", "int32_t", step.exponentials),),
        headers=("softmax.h",),
        files=("softmax.c",),
        overlaps=(IN_PLACE,),
    )


def quantize(step: Quantize) -> Code:
    """QUANTIZE of float32."""
    v = step.output
    # An output is written behind all that is still to be read.
    return _convert(step, f"mg_quantize_{v.dtype}", v.scale, v.zero_point, "quantize.c", Overlap(None, 0))


def dequantize(step: Dequantize) -> Code:
    """DEQUANTIZE."""
    v = step.input
    return _convert(step, f"mg_dequantize_{v.dtype}", v.scale, v.zero_point, "dequantize.c", None)


def _convert(step: Step, function: str, scale: float, zero: int, file: str, overlap: Overlap | None) -> Code:
    number = float(np.float32(scale)).hex()
    return Code(
        call=f"{function}({{input0}}, {{output0}}, {step.output.elements}, {number}f, {zero});",
        headers=("quantize.h",),
        files=(file,),
        overlaps=(overlap,),
    )


def rescale(step: Rescale) -> Code:
    """QUANTIZE between integer types."""
    k = step.index
    low = "INT32_MIN" if step.low == -(2**31) else step.low
    params = struct("mg_rescale_params", f"parameters{k}", {
        "multiplier": step.multiplier, "shift": step.shift, "zero_point_in": step.input.zero_point,
        "zero_point_out": step.output.zero_point, "low": low, "high": step.high,
        "in_kind": _KINDS[step.input.dtype], "out_kind": _KINDS[step.output.dtype],
    })  # fmt: skip
    same = np.dtype(step.input.dtype).itemsize == np.dtype(step.output.dtype).itemsize
    return Code(
        call=f"mg_rescale({{input0}}, {{output0}}, {step.output.elements}, &parameters{k});",
        declarations=(params,),
        headers=("quantize.h",),
        files=("rescale.c",),
        overlaps=(IN_PLACE if same else None,),
        exact=1,
    )
