"""Weights of four bits: layers that bear it get 15 values a channel, the least sensitive first.

The weights stay int8 in the .tflite, so that every runtime runs it: their values are -7 to 7, their scales larger. What
stores them in half a byte each saves the other half. Packed, they are INT4 tensors, two in a byte: TFLM unpacks those
of a layer into its arena each time it runs, so the file is smaller and the arena larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import workers
from ..errors import EngineError, InputError
from ..tflite import Operator, TfliteModel, parse
from ..tflite.pack import pack
from ..verification import make_samples, quantize_samples, real_values
from ..workers import TFLM, tflm
from .accept import Quantized
from .damage import WARN_DB

_LARGEST = 7
# A channel's scale may cut its largest weights off where that makes the others better.
_SHARES = np.linspace(0.5, 1.0, 11)
_SAMPLES = 24
_LEAST = 256  # weights that are worth it
_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")
_DEADLINE_S = 300.0
_ARENA = 1 << 24
_MOST_DB = 120.0
_Floats = npt.NDArray[np.float64]


def with_int4_weights(
    quantized: Quantized, on_step: Callable[[str], None] = lambda step: None, *, packed: bool = False
) -> Quantized:
    """Return an int8 model with four bits a weight in the layers that bear it.

    Each layer is tried alone on calibration data, or on made-up samples where there are none; then layers are taken by
    what they cost, for as long as the outputs keep a ratio of signal to noise of 20 dB against the int8 model.

    Args:
        packed: store them as INT4 tensors where TFLM takes these: no fully connected layer with a scale a channel.

    Raises:
        InputError: no layer has int8 weights that could be taken.
        EngineError: TFLM does not run the model, or gives other outputs for INT4 tensors.
    """
    model = quantized.model
    layers = [k for k, op in enumerate(model.main.operators) if _is_able(model, op)]
    if not layers:
        raise InputError(
            "no layer has int8 weights to convert to four bits", "CONV_2D and FULLY_CONNECTED layers can have them"
        )
    inputs = (
        quantize_samples(model, [values[:_SAMPLES] for values in quantized.calibration])
        if quantized.calibration
        else make_samples(model, _SAMPLES, 0)
    )
    reference = _outputs(model, model.data, inputs)

    def outputs(data: bytes) -> list[_Floats]:
        return _outputs(model, data, inputs)

    alone: dict[int, float] = {}
    for n, k in enumerate(layers):
        on_step(f"four bits a weight: layer {n + 1} of {len(layers)} alone")
        alone[k] = _sqnr_db(reference, outputs(_rewritten(model, [k])))
    taken: list[int] = []
    data, left, best = model.data, _MOST_DB, reference
    for k in sorted(layers, key=lambda k: -alone[k]):
        tried = _rewritten(model, sorted([*taken, k]))
        got = outputs(tried)
        ratio = _sqnr_db(reference, got)
        if ratio >= WARN_DB:
            taken, data, left, best = [*taken, k], tried, ratio, got
    names = [f"{model.main.operators[k].name} {k}" for k in sorted(taken)]
    kept = [f"{model.main.operators[k].name} {k} ({alone[k]:.1f} dB alone)" for k in layers if k not in taken]
    warnings = quantized.warnings
    if kept:
        warnings = (*warnings, f"these layers keep int8 weights, because four bits cost too much: {', '.join(kept)}")
    if not taken:
        return replace(quantized, warnings=warnings)
    if packed:
        data = _with_int4_tensors(model, data, taken)
        if any(not np.array_equal(a, b) for a, b in zip(outputs(data), best, strict=True)):
            raise EngineError(
                "TFLM",
                "its outputs with INT4 tensors are not those with the same int8 weights",
                "take int4, not packed",
            )
    record = {**quantized.record, "int4": {"layers": names, "sqnr_db": round(left, 2), "packed": packed}}
    return replace(quantized, model=parse(data, model.name), record=record, warnings=warnings)


def _is_able(model: TfliteModel, op: Operator) -> bool:
    """Return whether a layer has int8 weights of its own and an int8 input."""
    if op.name not in _OPERATORS or op.is_custom:
        return False
    graph = model.main
    weights = graph.tensors[op.inputs[1]]
    users = sum(list(other.inputs).count(op.inputs[1]) for other in graph.operators)
    is_int8 = weights.dtype == "int8" and graph.tensors[op.inputs[0]].dtype == "int8"
    return is_int8 and weights.is_constant and weights.elements >= _LEAST and users == 1


def _outputs(model: TfliteModel, data: bytes, inputs: Sequence[npt.NDArray[Any]]) -> list[_Floats]:
    reply = workers.run(TFLM, tflm.run, tflm.RunRequest(data, tuple(inputs), _ARENA), deadline_s=_DEADLINE_S)
    return [
        np.asarray(real_values(t, values), np.float64) for t, values in zip(model.outputs, reply.outputs, strict=True)
    ]


def _sqnr_db(reference: Sequence[_Floats], got: Sequence[_Floats]) -> float:
    """Return the lowest ratio among the outputs, at most 120 dB."""
    ratios = []
    for x, y in zip(reference, got, strict=True):
        noise, signal = float(((x - y) ** 2).sum()), float((x**2).sum())
        ratios.append(_MOST_DB if noise == 0 else 10 * np.log10(max(signal, 1e-30) / noise))
    return float(min(*ratios, _MOST_DB))


def _rewritten(model: TfliteModel, layers: Sequence[int]) -> bytes:
    """Return the .tflite with four bits a weight in some layers."""
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model.data, 0))
    graph = tree.subgraphs[0]
    for k in layers:
        op = graph.operators[k]
        kernel = graph.tensors[op.inputs[1]]
        w = np.frombuffer(bytes(bytearray(tree.buffers[kernel.buffer].data)), np.int8).reshape(kernel.shape)
        scales = np.asarray(kernel.quantization.scale, np.float64)
        small, factors = four_bits(w, len(scales))
        tree.buffers[kernel.buffer].data = np.frombuffer(small.tobytes(), np.uint8)
        kernel.quantization.scale = (scales * factors).astype(np.float32)
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            _rescale_bias(tree, graph.tensors[op.inputs[2]], factors)
    return pack(tree)


def _with_int4_tensors(model: TfliteModel, data: bytes, layers: Sequence[int]) -> bytes:
    """Return a .tflite with the weights of some layers, -7 to 7, as INT4 tensors."""
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    graph = tree.subgraphs[0]
    for k in layers:
        kernel = graph.tensors[graph.operators[k].inputs[1]]
        if model.main.operators[k].name == "FULLY_CONNECTED" and len(kernel.quantization.scale) > 1:
            continue
        stored = np.frombuffer(bytes(bytearray(tree.buffers[kernel.buffer].data)), np.uint8)
        halves = np.pad(stored, (0, len(stored) % 2)) & 15
        tree.buffers[kernel.buffer].data = (halves[::2] | halves[1::2] << 4).astype(np.uint8)
        kernel.type = schema.TensorType.INT4
    return pack(tree)


def four_bits(w: npt.NDArray[np.int8], scales: int) -> tuple[npt.NDArray[np.int8], _Floats]:
    """Return int8 weights rounded to -7 to 7, and by what their scales grow.

    Args:
        w: weights, output channels first.
        scales: how many scales they have: one, or one per channel. Each is the best of some by the squared error.
    """
    flat = w.reshape(scales, -1).astype(np.float64)
    largest = np.maximum(np.abs(flat).max(1), 1.0) / _LARGEST
    best = np.full(scales, np.inf)
    factors = largest.copy()
    for share in _SHARES:
        tried = largest * share
        q = np.clip(np.rint(flat / tried[:, None]), -_LARGEST, _LARGEST)
        error = ((flat - q * tried[:, None]) ** 2).sum(1)
        better = error < best
        best, factors = np.where(better, error, best), np.where(better, tried, factors)
    small = np.clip(np.rint(flat / factors[:, None]), -_LARGEST, _LARGEST)
    return small.astype(np.int8).reshape(w.shape), factors


def _rescale_bias(tree: Any, bias: Any, factors: _Floats) -> None:  # noqa: ANN401 - the schema has no types
    """Bring a bias to the scale of its layer's accumulators."""
    buffer = tree.buffers[bias.buffer]
    if buffer.data is None or not len(buffer.data):
        return
    values = np.frombuffer(bytes(bytearray(buffer.data)), np.int32)
    by = factors if len(factors) == len(values) else np.full(len(values), factors[0])
    buffer.data = np.frombuffer(np.rint(values / by).astype(np.int32).tobytes(), np.uint8)
    if bias.quantization is not None and bias.quantization.scale is not None:
        bias.quantization.scale = (np.asarray(bias.quantization.scale, np.float64) * factors).astype(np.float32)
