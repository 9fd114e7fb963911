"""Checks the result of a conversion, runs it once in TFLM and measures its quality."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import workers
from ..datasets import Calibration
from ..deployment.labels import output_classes
from ..errors import EngineError, InputError, command, option
from ..frontends import DEFAULT_FRONTEND
from ..frontends.converted import Converted, LayerNames
from ..frontends.frontend import FLOAT32
from ..frontends.keras import rules
from ..runtimes.runtime import QuantizationLimits
from ..tflite import Operator, Subgraph, Tensor, TfliteModel, parse
from ..tflite.check import float_operators, requantizing
from ..verification import make_samples, quantize_samples
from ..workers import TFLM, tflm
from . import quality
from .damage import damage, guesses, is_destroyed
from .quality import Quality

_DEADLINE_S = 300.0
_LARGE_ARENA = 64 * 2**20


@dataclass(frozen=True)
class Quantized:
    """A model for a board, full-integer unless float32 was requested, and its calibration data.

    Attributes:
        model: the .tflite.
        calibration: arrays, one per input, samples first; empty if there are none.
        labels: the names of the output's elements.
        metrics: metrics on held-out data, by name; empty if the model was not trained here.
        quality: the loss by quantization; None if the model was already quantized.
        record: the model's origin, as plain data for a project's manifest.
        warnings: warnings for the user.
        float_tflite: the float .tflite before quantization; empty if the model was already quantized.
        frontend: the name of the frontend that it came through.
    """

    model: TfliteModel
    calibration: tuple[npt.NDArray[Any], ...] = ()
    labels: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    quality: Quality | None = None
    record: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    float_tflite: bytes = b""
    frontend: str = DEFAULT_FRONTEND

    @property
    def float_bytes(self) -> int:
        """The size of the float .tflite before quantization; 0 if the model was already quantized."""
        return len(self.float_tflite)

    @property
    def is_float(self) -> bool:
        """Whether the model is in float32 because of the scheme."""
        return self.record.get("scheme") == FLOAT32

    @property
    def is_destroyed(self) -> bool:
        """Whether the output has less than 10 dB of signal to quantization noise."""
        return is_destroyed(self.quality)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data, without the bytes."""
        return {
            "name": self.model.name,
            "sha256": self.model.sha256,
            "bytes": len(self.model.data),
            "float_bytes": self.float_bytes,
            "ops": dict(sorted(self.model.ops.items())),
            "labels": list(self.labels),
            **self.record,
            "quality": self.quality.to_json() if self.quality else None,
            "warnings": list(self.warnings),
        }


def finish(
    converted: Converted,
    name: str,
    kind: str,
    scheme: str,
    limits: QuantizationLimits,
    *,
    labels: Sequence[str] = (),
    allow_float: bool = False,
) -> Quantized:
    """Check the result of a conversion, and measure the loss.

    Args:
        converted: the result of a frontend.
        name: the model's name.
        kind: the model's format, for the record.
        scheme: of the quantization.
        limits: the limits of the runtime that must run the model.
        labels: the names of the first output's elements, if they are known.
        allow_float: see `quantize`.

    Raises:
        InputError: an operator does not run in TFLM; names its layer and what to use instead.
        EngineError: an engine rejected the model.
    """
    model = parse(converted.tflite, name, "the converted model")
    layers, calibration = converted.layers, converted.calibration
    data = calibration.arrays
    is_float = scheme == FLOAT32
    in_float = check_graph(model, layers, limits, scheme, allow_float=allow_float or is_float)
    quantized = quantize_samples(model, data) if data else make_samples(model, 1, seed=0)
    run_once(model, quantized, layers, scheme)
    warnings = list(converted.warnings)
    if in_float and not is_float:
        warnings.append(f"layers in float32, which are slow without a floating-point unit: {', '.join(in_float)}")
    targets, unclear = _targets(calibration, model.outputs[0], labels)
    warnings += unclear
    twin, sequences = converted.float_tflite, converted.sequences
    cost = (
        quality.measure(model, twin, data, quantized, targets, layers.of, sequences.steps or 1)
        if data and not is_float
        else None
    )
    if cost is not None:
        warnings += damage(cost, model, scheme)
    if cost is not None and cost.accuracy is not None:
        warnings += guesses(cost.accuracy[0], model.outputs[0].elements)
    if calibration.is_made_up and not is_float:
        warnings.append(
            "the calibration data is random, and so are the ranges of all tensors: real inputs may saturate or lose "
            "precision; quantize again with real data"
        )
    record = {
        "kind": kind,
        "scheme": scheme,
        "calibration": {
            "origin": calibration.origin,
            "samples": len(data[0]) if data else 0,
            "made_up": calibration.is_made_up,
        },
        "sqnr_db": cost.output_sqnr_db if cost else None,
        "float_layers": list(in_float),
        **({"channels_first": converted.channels_first.to_json()} if converted.channels_first else {}),
        **({"sequences": sequences.to_json()} if sequences else {}),
        "requantized": [_layer_of(graph, op, layers) for graph, op in requantizing(model)],
    }
    by_data = calibration.classes if len(calibration.classes) == model.outputs[0].elements else ()
    return Quantized(model, data, tuple(labels) or by_data, {}, cost, record, tuple(warnings), twin)


def _targets(
    data: Calibration, output: Tensor, labels: Sequence[str]
) -> tuple[npt.NDArray[np.int64] | None, list[str]]:
    """Return the expected output element for each sample, and a reason if there are none although there could be."""
    targets = data.targets
    if output.elements == 1:
        return None, []  # a regression, or the two classes of one sigmoid: the largest element has no meaning
    if data.has_values:
        return None, ["the data's targets are not class numbers; accuracy not computed"]
    if targets is None:
        return None, []
    classes, warning = output_classes(targets, data.classes, labels, output, "the calibration data")
    return classes, [warning] if warning else []


def check_graph(
    model: TfliteModel,
    layers: LayerNames,
    limits: QuantizationLimits,
    scheme: str = "int8",
    *,
    allow_float: bool = False,
) -> tuple[str, ...]:
    """Reject operators that TFLM lacks and, unless that is allowed, those that were left in float32.

    QUANTIZE from one integer scale to another is accepted like any integer operator.

    Args:
        model: the quantized model.
        layers: the names of its layers.
        limits: the limits of the runtime that must run the model.
        scheme: of the quantization.
        allow_float: accept operators in float32 if TFLM has them.

    Returns:
        The layers that stay in float32, by name, with their operators.

    Raises:
        InputError: names the layer and what to use instead.
    """
    for graph in model.subgraphs:
        for op in graph.operators:
            if title := limits.lacking(op):
                raise _refusal(model, graph, op, layers, scheme, f"is not supported by {title}")
    in_float = float_operators(model)
    if not allow_float:
        # The float32 operator itself is the one to name, not the DEQUANTIZE before it.
        for graph, op in in_float or _excursions(model):
            raise _refusal(
                model,
                graph,
                op,
                layers,
                scheme,
                "stays in float32",
                f"; or keep it in float32: {command('build', 'MODEL', option('allow_float', True))}",
            )
    return tuple(dict.fromkeys(f"{_layer_of(graph, op, layers)} ({op.name})" for graph, op in in_float))


def _excursions(model: TfliteModel) -> list[tuple[Subgraph, Operator]]:
    """Return the operators that touch float32 anywhere but at the model's inputs and outputs."""
    edges = {*model.main.inputs, *model.main.outputs}
    places = [
        (graph, op)
        for graph in model.subgraphs
        for op in graph.operators
        for i in (*op.inputs, *op.outputs)
        if i >= 0 and graph.tensors[i].dtype == "float32" and not (graph.index == 0 and i in edges)
    ]
    return sorted(places, key=lambda place: place[1].name in ("QUANTIZE", "DEQUANTIZE"))


def run_once(model: TfliteModel, samples: Sequence[npt.NDArray[Any]], layers: LayerNames, scheme: str) -> None:
    """Run one sample in TFLM: some operators are rejected only there.

    Raises:
        InputError: TFLM names the operator that it rejects.
        EngineError: TFLM rejects the model without naming an operator.
    """
    request = tflm.RunRequest(model.data, tuple(a[:1] for a in samples), _LARGE_ARENA)
    try:
        workers.run(TFLM, tflm.run, request, _DEADLINE_S)
    except EngineError as error:
        named = re.search(r"Node (\w+) \(number", error.log)
        refused = [op for op in model.main.operators if named is not None and op.name == named[1]]
        if not refused:
            _blame_vanished(model, layers)
            raise
        raise _refusal(
            model, model.main, refused[0], layers, scheme, f"is rejected by TFLM ({error.reason[:200]})"
        ) from None


def _blame_vanished(model: TfliteModel, layers: LayerNames) -> None:
    """Report a SOFTMAX whose input has lost all but rounding noise, which crashes TFLM.

    TFLM's kernel needs a multiplier above 1 (`QuantizeMultiplierGreaterThanOne`), which is the input's scale times
    2^26 (kernels/internal/quantization_util.cc, `PreprocessSoftmaxScaling`).
    """
    for op in model.main.operators:
        scale = model.main.tensors[op.inputs[0]].scale if op.name == "SOFTMAX" else 1.0
        if 0 < scale * 2**26 <= 1:
            raise InputError(
                f"{model.name}: {_layer_of(model.main, op, layers)}: on the calibration data, all values that its "
                f"SOFTMAX gets lie within {256 * scale:.1g}, and TFLM crashes on such a small scale",
                "check that the model is trained and that the data is its training data",
                operator=op.name,
                layer=layers.of(model.main.tensors[op.outputs[0]].name) or None,
            )


def _layer_of(graph: Subgraph, op: Operator, layers: LayerNames) -> str:
    """Return the name of an operator's layer, or of its tensor if the layer is not known."""
    tensor = graph.tensors[op.outputs[0]].name if op.outputs else ""
    layer = layers.of(tensor)
    # The converter joins the names of all that it fused.
    return f"layer '{layer}'" if layer else f"tensor '{tensor.partition(';')[0]}'"


def _refusal(
    model: TfliteModel, graph: Subgraph, op: Operator, layers: LayerNames, scheme: str, what: str, otherwise: str = ""
) -> InputError:
    origin, hint = rules.advice(op.name, scheme, in_keras=bool(layers.names))
    tensor = graph.tensors[op.outputs[0]].name if op.outputs else None
    if activation := rules.activation_of(tensor or "", layers.activation_of(tensor or "")):
        origin = f"the activation {activation}"
    comes = f"; it comes from {origin}" if origin else ""
    where = _layer_of(graph, op, layers)
    return InputError(
        f"{model.name}: {where}: its operator {op.name} {what}{comes}",
        hint + otherwise,
        tensor=tensor,
        operator=op.name,
        layer=layers.of(tensor or "") or None,
    )
