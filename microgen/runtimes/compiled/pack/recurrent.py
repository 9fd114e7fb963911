"""Code of operators that keep state, for any CPU."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from ..arithmetic import sigmoid_table
from ..emit import array
from ..path import Code, Constant
from ..steps import Lstm, Svdf
from .text import struct


def svdf(step: Svdf) -> Code:
    """SVDF."""
    k = step.index
    units, depth = len(step.bias), step.features.shape[1]
    state = step.inputs[1].dtype
    kernel = "svdf8" if state == "int8" else "svdf"
    params = struct("mg_svdf_params", f"svdf{k}", {
        "features": f"features{k}", "time": f"time{k}", "feature_bias": f"feature_bias{k}", "bias": f"bias{k}",
        "batches": step.input.elements // depth, "depth": depth, "units": units, "rank": step.rank,
        "memory": step.time.shape[1],
        "multiplier_state": step.to_state[0], "shift_state": step.to_state[1],
        "multiplier_out": step.to_output[0], "shift_out": step.to_output[1],
        "zero_point_out": step.output.zero_point,
    })  # fmt: skip
    return Code(
        call=f"mg_{kernel}({{input0}}, {{state1}}, {{output0}}, &svdf{k});",
        constants=(
            Constant(f"features{k}", "int8_t", step.features),
            Constant(f"time{k}", f"{state}_t", step.time),
            Constant(f"feature_bias{k}", "int32_t", step.feature_bias),
            Constant(f"bias{k}", "int32_t", step.bias),
        ),
        declarations=(params,),
        headers=("svdf.h",),
        files=tuple(sorted({"svdf.c", f"{kernel}.c"})),
        exact=2,
    )


def lstm(step: Lstm) -> Code:
    """UNIDIRECTIONAL_SEQUENCE_LSTM."""
    k = step.index
    is_wide = step.input.dtype == "int16"
    kernel, bias = ("lstm16", "int64_t") if is_wide else ("lstm", "int32_t")
    constants: list[Constant] = []
    fields: dict[str, int | str] = {}
    for name, gate in zip(("input", "forget", "cell", "output"), step.gates, strict=True):
        parts: dict[str, tuple[str, npt.NDArray[Any]]] = {
            "input_weights": ("int8_t", gate.input_weights), "state_weights": ("int8_t", gate.state_weights),
            "input_bias": (bias, gate.input_bias), "state_bias": (bias, gate.state_bias),
        }  # fmt: skip
        constants += [
            Constant(f"{name}_{part}{k}", ctype, values, 8 if ctype == "int64_t" else 4)
            for part, (ctype, values) in parts.items()
        ]
        numbers = [*gate.input_factor, *gate.state_factor]
        text = ", ".join([*(f"{name}_{part}{k}" for part in parts), *(str(x) for x in numbers)])
        fields[name] = f"{{{text}}}"
    units, depth = step.gates[0].input_weights.shape
    first, second = step.input.shape[:2]
    steps, batches = (first, second) if step.time_major else (second, first)
    in_strides, out_strides = ((n, n * batches) if step.time_major else (n * steps, n) for n in (depth, units))
    params = struct("mg_lstm_params", f"lstm{k}", {
        **fields, "sigmoid": "mg_sigmoid", "batches": batches, "steps": steps, "depth": depth, "units": units,
        "in_batch": in_strides[0], "in_step": in_strides[1], "out_batch": out_strides[0], "out_step": out_strides[1],
        "forget_multiplier": step.forget[0], "forget_shift": step.forget[1],
        "update_multiplier": step.update[0], "update_shift": step.update[1],
        "hidden_multiplier": step.hidden[0], "hidden_shift": step.hidden[1],
        "hidden_zero_point": step.inputs[1].zero_point,
        "tanh_multiplier": step.tanh[0], "tanh_shift": step.tanh[1], "clip": step.clip,
    })  # fmt: skip
    return Code(
        call=f"mg_{kernel}({{input0}}, {{state1}}, {{state2}}, {{output0}}, {{scratch}}, &lstm{k});",
        constants=tuple(constants),
        declarations=(params,),
        shared=(SIGMOID,),
        headers=("lstm.h",),
        files=tuple(sorted({"lstm.c", f"{kernel}.c"})),
        scratch_bytes=2 * units if is_wide else units,
        exact=8,
    )


SIGMOID = array(Constant("mg_sigmoid", "uint16_t", sigmoid_table()))
