"""TensorFlow's converter: from a loaded float model to a full-integer .tflite and its float twin. Runs in a worker."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ...datasets import Calibration, Request, resolve
from ...errors import EngineError, InputError, option
from ..converted import Converted, LayerNames
from ..frontend import FLOAT32
from ..tflite import other_signatures
from . import rules
from .cells import widen_cells
from .loading import Loaded, load

# The origin of the ranges of a model trained with quantization in the loop.
LEARNED = "quantization-aware training"
# Smaller data after the model's own scaling was most likely scaled twice.
_DROWNED = 0.1
_LOOPS = ("While", "StatelessWhile")


@dataclass(frozen=True)
class ConvertRequest:
    """A file of a float model to convert.

    Attributes:
        path: of the file or folder, as for `loading.load`.
        calibration: the data that its ranges come from; None if the model has learned its ranges, or keeps float32.
        scheme, per_channel_dense, allow_float: as for `convert`.
        seed: seed of all random generators.
    """

    path: Path
    calibration: Request | None
    scheme: str
    per_channel_dense: bool
    allow_float: bool
    seed: int


def convert_file(request: ConvertRequest) -> Converted:
    """Load a model, read its calibration data and convert it."""
    make_deterministic(request.seed)
    loaded = load(request.path, request.scheme)
    if request.calibration is None:
        if request.scheme == FLOAT32:
            return convert_loaded(loaded, Calibration(()), request.scheme, per_channel_dense=False)
        if loaded.is_quantization_aware:
            return convert_loaded(loaded, Calibration(()), request.scheme, per_channel_dense=False)
        raise InputError(
            f"{request.path}: a float model needs calibration data to be quantized", "give samples of its input"
        )
    data = resolve(request.calibration, loaded.inputs, seed=request.seed)
    return convert_loaded(
        loaded, data, request.scheme, per_channel_dense=request.per_channel_dense, allow_float=request.allow_float
    )


def convert_loaded(
    loaded: Loaded, data: Calibration, scheme: str, *, per_channel_dense: bool, allow_float: bool = False
) -> Converted:
    """Convert a loaded model; arguments and errors as for `convert`."""
    quantized, original = convert(loaded, data.arrays, scheme, per_channel_dense, allow_float=allow_float)
    if loaded.is_quantization_aware:
        data = replace(data, origin=LEARNED)
    warnings = (*_scaled_twice(loaded, data), *other_signatures(loaded.signatures))
    return Converted(quantized, original, data, loaded.layers, warnings)


def _scaled_twice(loaded: Loaded, data: Calibration) -> Iterator[str]:
    """Warn of data that was scaled already, for a model that begins with a Rescaling."""
    if data.is_made_up or loaded.input_scale == 1 or not data.arrays:
        return
    low, high = float(data.arrays[0].min()), float(data.arrays[0].max())
    if max(abs(low), abs(high)) * abs(loaded.input_scale) < _DROWNED:
        yield (
            f"the calibration data goes from {low:g} to {high:g}, and the model's first layer multiplies it by "
            f"{loaded.input_scale:.3g}, so it seems to be scaled twice: give unscaled data "
            "(images: a range of 0 to 255)"
        )


def make_deterministic(seed: int) -> None:
    """Seed everything random, and let the same seed give the same bytes."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)


def convert(
    loaded: Loaded,
    data: Sequence[npt.NDArray[Any]],
    scheme: str,
    per_channel_dense: bool,
    *,
    allow_float: bool = False,
) -> tuple[bytes, bytes]:
    """Convert to full integer, and to float32 with the same tensors for comparison; or to float32 alone.

    The batch is fixed to 1, which keeps SHAPE and PACK out of the graph and lets batch norm fold. Without the object
    that owns its variables the converter freezes the function, instead of saving the model and loading it again:
    several times as fast, but a fused LSTM is not recognised so.

    Args:
        loaded: the float model.
        data: the representative dataset, one array per input.
        scheme: "int8", "int16x8" for int16 activations and int8 weights, or "float32", which quantizes nothing.
        per_channel_dense: whether FULLY_CONNECTED gets one weight scale per channel.
        allow_float: let operators stay in float32 that have no integer kernel.

    Raises:
        EngineError: the converter rejects the model; names the layers that its message names.
        InputError: the model has a loop that the converter would crash on, or has learned the ranges of another
            scheme.
    """
    import tensorflow as tf

    owner = None
    if loaded.has_loops:
        # The variables alone: as the owner of a function that is saved, the model would have each layer traced again.
        owner = tf.Module()
        owner.kept = list(loaded.keep_alive.variables)
    if loaded.is_quantization_aware and scheme != "int8":
        raise InputError(
            f"the model was trained for int8, not for {scheme}", f"omit {option('scheme')}", option="scheme"
        )
    if not loaded.has_loops:
        _refuse_loops(loaded.function, loaded.layers)

    def representative() -> Iterator[list[npt.NDArray[Any]]]:
        for i in range(len(data[0])):
            yield [values[i : i + 1] for values in data]

    def converter() -> Any:  # noqa: ANN401
        return tf.lite.TFLiteConverter.from_concrete_functions([loaded.function], owner)

    if scheme == FLOAT32:
        original = _run(converter(), loaded.layers)
        return original, original
    integer = converter()
    integer.optimizations = [tf.lite.Optimize.DEFAULT]
    ops, kind = {
        "int8": (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
        "int16x8": (tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tf.int16),
    }[scheme]
    if not loaded.is_quantization_aware:  # the converter finds the ranges of one that is in its graph
        integer.representative_dataset = representative
        integer.target_spec.supported_ops = [ops, tf.lite.OpsSet.TFLITE_BUILTINS] if allow_float else [ops]
    integer.inference_input_type = integer.inference_output_type = kind
    integer._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel_dense
    quantized = widen_cells(_run(integer, loaded.layers))
    if loaded.is_quantization_aware:
        quantized = _named(quantized, [i.name for i in loaded.inputs])
    return quantized, _run(converter(), loaded.layers)


def _named(model: bytes, inputs: Sequence[str]) -> bytes:
    """Give the inputs of a .tflite their names; the converter calls them after their fake quantization."""
    from ai_edge_litert.tools import flatbuffer_utils as tools

    read: Any = tools.read_model_from_bytearray(bytearray(model))
    for tensor, name in zip(read.subgraphs[0].inputs, inputs, strict=True):
        read.subgraphs[0].tensors[tensor].name = name.encode()
    return bytes(tools.convert_object_to_bytearray(read))


def _run(converter: Any, layers: LayerNames) -> bytes:  # noqa: ANN401
    try:
        return bytes(converter.convert())
    except Exception as error:
        print(error)  # the whole dump, into the log
        message = str(error)
        # Of an MLIR dump only the operator and the layer that it speaks of go into the message.
        operator = re.search(r"'(tf[\w.]*\.\w+)' op", message)
        reason = f"it has no operator {operator[1]}" if operator else (message.strip().splitlines() or ["no reason"])[0]
        scopes = re.findall(r"[\w.]+(?:/[\w.]+)+", message)
        layer = next((name for name in map(layers.of, scopes) if name), "")
        where = f"layer '{layer}': " if layer else ""
        origin, hint = rules.advice(operator[1]) if operator else ("", "")
        if origin:
            reason += f", which comes from {origin}"
        else:
            hint = "use layers that TFLM has: docs/quantization.md has a table"
        if narrow := re.search(r"16x8-bit not yet supported for op: '(\w+)'", message):
            hint = rules.advice(narrow[1], "int16x8")[1]
        raise EngineError("converter", f"{where}{reason[:300]}", hint) from None


def _refuse_loops(function: Any, layers: LayerNames) -> None:  # noqa: ANN401
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for called in graph.library.function for node in called.node_def)]
    for node in nodes:
        if node.op in _LOOPS:
            layer = layers.of(node.name)
            what = f"layer '{layer}'" if layer else f"'{node.name}'"
            raise InputError(f"{what} is a loop, on which the converter crashes", rules.advice("WHILE")[1])
