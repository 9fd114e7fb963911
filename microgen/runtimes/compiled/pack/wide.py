"""Code of operators with int16 activations, for any CPU."""

from __future__ import annotations

from ..path import IN_PLACE, Code, Constant
from ..steps import Binary16, Conv16, Curve16, LeakyRelu16, Softmax16
from .elementwise import loops_constant
from .recurrent import SIGMOID
from .text import struct

_HEADERS, _FILES = ("elementwise16.h",), ("elementwise16.c",)


def conv16(step: Conv16) -> Code:
    """CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED."""
    k = step.index
    co, kh, kw, ci = step.filter.shape
    n, h, w, _ = step.shape
    kernel = "transpose_conv16" if step.transposed else "conv16_long" if step.is_long else "conv16"
    params = struct("mg_conv16_params", f"conv{k}", {
        "weights": f"weights{k}", "bias": f"bias{k}", "multiplier": f"multiplier{k}", "shift": f"shift{k}",
        "batches": n, "groups": step.groups, "in_h": h, "in_w": w, "in_c": ci,
        "out_h": step.out[1], "out_w": step.out[2], "out_c": co // step.groups, "kernel_h": kh, "kernel_w": kw,
        "stride_h": step.strides[0], "stride_w": step.strides[1],
        "dilation_h": step.dilations[0], "dilation_w": step.dilations[1],
        "pad_h": step.padding[0], "pad_w": step.padding[1], "low": step.low, "high": step.high,
    })  # fmt: skip
    return Code(
        call=f"mg_{kernel}({{input0}}, {{output0}}, &conv{k});",
        constants=(
            Constant(f"weights{k}", "int8_t", step.filter),
            Constant(f"bias{k}", "int64_t", step.bias, 8),
            Constant(f"multiplier{k}", "int16_t", step.multiplier),
            Constant(f"shift{k}", "uint8_t", step.shift),
        ),
        declarations=(params,),
        headers=("conv16.h",),
        files=(f"{kernel}.c", *(("conv16.c",) if kernel == "conv16_long" else ())),
        exact=co,
    )


def binary16(step: Binary16) -> Code:
    """ADD, SUB, MUL, MINIMUM, MAXIMUM."""
    k = step.index
    fields: dict[str, int | str] = {"low": step.low, "high": step.high}
    factors = [f"{{{m}, {e}}}" for m, e in step.factors]
    declarations: tuple[str, ...] = ()
    if step.kind == "sum":
        fields |= {"a": factors[0], "b": factors[1], "out": factors[2], "sign": step.sign}
    elif step.kind == "product":
        fields["out"] = factors[0]
    extra = ""
    if step.factors:
        declarations, extra = (struct(f"mg_{step.kind}16_params", f"parameters{k}", fields),), f", &parameters{k}"
    overlaps = tuple(IN_PLACE if v.elements == step.output.elements else None for v in step.inputs)
    return Code(
        call=f"mg_{step.kind}16({{input0}}, {{input1}}, {{output0}}, loops{k}{extra});",
        constants=(loops_constant(f"loops{k}", step.loops, 2),),
        declarations=declarations,
        headers=_HEADERS,
        files=_FILES,
        overlaps=overlaps,
        exact=1,
    )


def leaky_relu16(step: LeakyRelu16) -> Code:
    """LEAKY_RELU."""
    k = step.index
    params = struct("mg_leaky_relu16_params", f"parameters{k}", {
        "above": f"{{{step.above[0]}, {step.above[1]}}}", "below": f"{{{step.below[0]}, {step.below[1]}}}",
        "zero_point_in": step.input.zero_point, "zero_point_out": step.output.zero_point, "sign": step.sign,
    })  # fmt: skip
    return Code(
        call=f"mg_leaky_relu16({{input0}}, {{output0}}, {step.output.elements}, &parameters{k});",
        declarations=(params,),
        headers=_HEADERS,
        files=_FILES,
        overlaps=(IN_PLACE,),
        exact=1,
    )


def curve16(step: Curve16) -> Code:
    """LOGISTIC and TANH."""
    factor = f"{step.multiplier}, {step.shift}"
    return Code(
        call=f"mg_{step.kind}_all16({{input0}}, {{output0}}, {step.output.elements}, mg_sigmoid, {factor});",
        shared=(SIGMOID,),
        headers=_HEADERS,
        files=_FILES,
        overlaps=(IN_PLACE,),
    )


def softmax16(step: Softmax16) -> Code:
    """SOFTMAX."""
    k, depth = step.index, step.input.shape[-1]
    params = struct("mg_softmax16_params", f"parameters{k}", {
        "exponential": f"exponential{k}", "reciprocal": f"reciprocal{k}", "depth": depth,
        "rows": step.input.elements // depth, "in": f"{{{step.factor[0]}, {step.factor[1]}}}",
    })  # fmt: skip
    return Code(
        call=f"mg_softmax16({{input0}}, {{output0}}, &parameters{k});",
        constants=(
            Constant(f"exponential{k}", "int16_t", step.exponential),
            Constant(f"reciprocal{k}", "int16_t", step.reciprocal),
        ),
        declarations=(params,),
        headers=_HEADERS,
        files=_FILES,
        overlaps=(IN_PLACE,),
    )
