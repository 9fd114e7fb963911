"""Weights of four bits: layers that bear it get 15 values a channel, rounded for the inputs that they have.

The weights stay int8 in the .tflite, so that every runtime runs it: their values are -7 to 7, their scales larger. What
stores them in half a byte each saves the other half. Packed, they are INT4 tensors, two in a byte: TFLM unpacks those
of a layer into its arena each time it runs, so the file is smaller and the arena larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from .rounding import fields_of, four_bits

_SAMPLES = 48
_LEAST = 256  # weights that are worth it
_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")
_DEADLINE_S = 300.0
_ARENA = 1 << 24
_LARGE_ARENA = 1 << 26  # for all tensors
_MOST_DB = 120.0
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Rounded:
    """A layer in four bits; see `rounding.four_bits`."""

    weights: npt.NDArray[np.int8]
    factors: _Floats
    bias: _Floats


def with_int4_weights(
    quantized: Quantized, on_step: Callable[[str], None] = lambda step: None, *, packed: bool = False
) -> Quantized:
    """Return an int8 model with four bits a weight in the layers that bear it.

    Weights are rounded for calibration data, or for made-up samples where there are none (see `rounding`). All layers
    are taken if the outputs then keep a ratio of signal to noise of 20 dB against the int8 model. If they do not, each
    layer is tried alone. Then layers are taken by what they cost, for as long as the outputs keep this ratio.

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
            f"no CONV_2D or FULLY_CONNECTED layer has {_LEAST} int8 weights or more to convert to four bits",
            "keep int8: four bits save nothing in such small layers",
        )
    inputs = (
        quantize_samples(model, [_spread(values) for values in quantized.calibration])
        if quantized.calibration
        else make_samples(model, _SAMPLES, 0)
    )
    reference = _outputs(model, model.data, inputs)
    on_step("four bits a weight: rounding the weights")
    rounded = _rounded(model, layers, inputs)

    def outputs(data: bytes) -> list[_Floats]:
        return _outputs(model, data, inputs)

    alone: dict[int, float] = {}
    taken = layers
    data = _rewritten(model, rounded)
    best = outputs(data)
    left = _sqnr_db(reference, best)
    if left < WARN_DB:
        for n, k in enumerate(layers):
            on_step(f"four bits a weight: layer {n + 1} of {len(layers)} alone")
            alone[k] = _sqnr_db(reference, outputs(_rewritten(model, {k: rounded[k]})))
        taken, data, left, best = [], model.data, _MOST_DB, reference
        for k in sorted(layers, key=lambda k: -alone[k]):
            tried = _rewritten(model, {j: rounded[j] for j in sorted([*taken, k])})
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


def _spread(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return as many samples as are wanted, from everywhere: calibration data may be sorted by class."""
    return values[np.linspace(0, len(values) - 1, min(len(values), _SAMPLES)).astype(np.int64)]


def _rounded(model: TfliteModel, layers: Sequence[int], inputs: Sequence[npt.NDArray[Any]]) -> dict[int, _Rounded]:
    """Return the weights of layers in four bits, by the number of their operator."""
    operators, tensors = model.main.operators, model.main.tensors
    numbers = sorted({operators[k].inputs[0] for k in layers})
    request = tflm.TensorsRequest(model.data, tuple(inputs), _LARGE_ARENA, tuple(numbers))
    samples = workers.run(TFLM, tflm.tensors, request, deadline_s=_DEADLINE_S)
    found = {}
    for k in layers:
        op = operators[k]
        weights = tensors[op.inputs[1]]
        x = np.stack([sample[numbers.index(op.inputs[0])] for sample in samples])
        assert weights.quantization is not None
        w = model.constant(weights).astype(np.int8)
        has_bias = len(op.inputs) > 2 and op.inputs[2] >= 0
        rounded = four_bits(w, len(weights.quantization.scales), fields_of(op, x, tensors), has_bias=has_bias)
        found[k] = _Rounded(*rounded)
    return found


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


def _rewritten(model: TfliteModel, layers: Mapping[int, _Rounded]) -> bytes:
    """Return the .tflite with four bits a weight in some layers."""
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model.data, 0))
    graph = tree.subgraphs[0]
    for k, rounded in layers.items():
        op = graph.operators[k]
        kernel = graph.tensors[op.inputs[1]]
        scales = np.asarray(kernel.quantization.scale, np.float64)
        tree.buffers[kernel.buffer].data = np.frombuffer(rounded.weights.tobytes(), np.uint8)
        kernel.quantization.scale = (scales * rounded.factors).astype(np.float32)
        if len(op.inputs) > 2 and op.inputs[2] >= 0:
            _move_bias(tree, graph.tensors[op.inputs[2]], rounded)
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


def _move_bias(tree: Any, bias: Any, rounded: _Rounded) -> None:  # noqa: ANN401 - the schema has no types
    """Bring a bias to the scale of its layer's accumulators, and add what rounding has lost in the mean."""
    buffer = tree.buffers[bias.buffer]
    if buffer.data is None or not len(buffer.data):
        return
    values = np.frombuffer(bytes(bytearray(buffer.data)), np.int32)
    by = np.broadcast_to(rounded.factors, values.shape)
    buffer.data = np.frombuffer(np.rint((values + rounded.bias) / by).astype(np.int32).tobytes(), np.uint8)
    if bias.quantization is not None and bias.quantization.scale is not None:
        bias.quantization.scale = (np.asarray(bias.quantization.scale, np.float64) * rounded.factors).astype(np.float32)
