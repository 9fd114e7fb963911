"""Quantizes a float .tflite with ai-edge-quantizer, without TensorFlow. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..converted import Scales

if TYPE_CHECKING:
    from ..rewriting.graph import Graph


@dataclass(frozen=True)
class QuantizeRequest:
    """A float .tflite to quantize.

    Attributes:
        model: the .tflite.
        data: the representative dataset, one array per input, samples first.
        scheme, per_channel_dense: as for `keras.converter.convert`.
        scales: what is kept of a model that was quantized already.
        same: names of inputs and outputs that get one scale and zero point.
    """

    model: bytes
    data: tuple[npt.NDArray[Any], ...]
    scheme: str
    per_channel_dense: bool
    scales: Scales = field(default_factory=Scales)
    same: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class QuantizeReply:
    """The quantized model in one flatbuffer, with integer inputs and outputs, and warnings for the user."""

    tflite: bytes
    warnings: tuple[str, ...] = ()


def quantize(request: QuantizeRequest) -> QuantizeReply:
    """Quantize a float .tflite to full integer."""
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    from ..rewriting.graph import Graph
    from . import kept
    from .standins import Standins

    bits = {"int8": 8, "int16x8": 16}[request.scheme]
    manager = recipe_manager.RecipeManager()
    # Inputs and outputs count as operators too, so integers go in and come out.
    manager.add_static_config(".*", qtyping.TFLOperationName.ALL_SUPPORTED, bits, 8)
    if not request.per_channel_dense:
        dense = qtyping.TFLOperationName.FULLY_CONNECTED
        manager.add_static_config(".*", dense, bits, 8, qtyping.QuantGranularity.TENSORWISE)
    source, key, names = _with_signature(_with_codes(request.model))
    samples = [
        {name: array[i : i + 1] for name, array in zip(names, request.data, strict=True)}
        for i in range(len(request.data[0]))
    ]
    standins = Standins(source, bits)
    # The range of each tensor over all samples: the moving average that Quantizer.calibrate takes instead forgets,
    # and let 9 % of a small CNN's values saturate.
    ranges = {}
    if not standins.has_state:  # which the calibrator does not reset between samples
        measured = calibrator.Calibrator(source, num_threads=1, qsv_update_func=qsv_utils.min_max_update)
        measured.calibrate({key: samples}, manager)
        ranges = measured.get_model_qsvs()
    if standins:
        standins.measure(request.data, ranges)
        source = standins.model()
    if bits == 8:
        ranges |= kept.ranges(Graph(source), request.scales)
    _unite(Graph(source), request.same, ranges, bits)
    result = quantizer.Quantizer(source, manager.get_quantization_recipe()).quantize(ranges)
    model = _in_one_flatbuffer(bytes(result.quantized_model))
    model = standins.restored(model) if standins else model
    if not request.scales:
        return QuantizeReply(model)
    return QuantizeReply(*kept.with_scales(model, source, request.scales))


def _unite(graph: Graph, same: Sequence[tuple[str, str]], ranges: dict[str, dict[str, Any]], bits: int) -> None:
    """Give an input and an output the range of both; of TANH, the only one that it may have."""
    number = {graph.label(i): i for i in range(len(graph.main.tensors))}
    for first, second in same:
        maker = graph.producer(number[second])
        low = np.minimum(ranges[first]["min"], ranges[second]["min"].reshape(ranges[first]["min"].shape))
        high = np.maximum(ranges[first]["max"], ranges[second]["max"].reshape(ranges[first]["max"].shape))
        if maker is not None and graph.name(maker) == "TANH":
            most = 2.0 ** (bits - 1)
            low, high = np.full(low.shape, -1.0), np.full(high.shape, (most - 1) / most)
        for name in (first, second):
            ranges[name] = {"min": low, "max": high}


def _with_codes(model: bytes) -> bytes:
    """Return the model with the operator codes that ai-edge-quantizer reads: converters before 2020 had others."""
    from ai_edge_litert import schema_py_generated as schema

    from ..rewriting.graph import Graph

    root = schema.Model.GetRootAs(model, 0)
    codes = [root.OperatorCodes(i) for i in range(root.OperatorCodesLength())]
    return Graph(model).pack() if any(c.BuiltinCode() < c.DeprecatedBuiltinCode() for c in codes) else model


def _with_signature(model: bytes) -> tuple[bytes, str, list[str]]:
    """Return the model with a signature, its key and its input names: ai-edge-quantizer feeds it by name."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_litert.tools import flatbuffer_utils as tools

    interpreter = Interpreter(model_content=model)
    signatures = interpreter.get_signature_list()
    if signatures:
        key = next(iter(signatures))
        order = {d["index"]: k for k, d in enumerate(interpreter.get_input_details())}
        runner = interpreter.get_signature_runner(key)
        details = runner.get_input_details()
        return model, key, sorted(details, key=lambda name: order[details[name]["index"]])
    from ai_edge_litert import schema_py_generated as schema

    read = tools.read_model_from_bytearray(bytearray(model))
    graph = read.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs, signature.outputs = [], []
    for prefix, tensors, target in (
        ("input", graph.inputs, signature.inputs),
        ("output", graph.outputs, signature.outputs),
    ):
        for k, tensor in enumerate(tensors):
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = f"{prefix}_{k}".encode(), int(tensor)
            target.append(entry)
    read.signatureDefs = [signature]
    return (
        bytes(tools.convert_object_to_bytearray(read)),
        "serving_default",
        [f"input_{k}" for k in range(len(graph.inputs))],
    )


def _in_one_flatbuffer(model: bytes) -> bytes:
    """Put all buffers back into the flatbuffer.

    From 256 KiB of weights on ai-edge-quantizer stores them behind it, where TFLM reads garbage: writing the object
    again brings them in.
    """
    from ai_edge_litert.tools import flatbuffer_utils as tools

    read: Any = tools.read_model_from_bytearray(bytearray(model))
    for buffer in read.buffers:
        buffer.offset = buffer.size = 0
    return bytes(tools.convert_object_to_bytearray(read))
