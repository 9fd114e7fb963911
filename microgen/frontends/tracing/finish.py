"""Quantizes a converted float model that was compared with its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...tflite import parse
from ..converted import Converted, LayerNames
from ..float_tflite.frontend import quantize_model
from ..frontend import ConvertOptions
from ..rewriting.memory import remember
from .convert import FloatModel
from .packages import ENGINE


def quantized(converted: FloatModel, name: str, warnings: Sequence[str], options: ConvertOptions) -> Converted:
    """Quantize a converted model, unless it is to stay in float32.

    Args:
        converted: the model, and its data.
        name: of the model, for messages.
        warnings: the warnings so far.
        options: as for `Frontend.convert`.

    Raises:
        InputError, EngineError, SetupError: see `quantize_model`.
    """
    model = replace(parse(converted.tflite, name, "the converted model"), name=name)
    pairs = [(a.name, b.name) for a, b in zip(model.inputs[::-1], model.outputs[::-1], strict=False)]
    same = tuple(pairs[: converted.states])
    result = quantize_model(model, converted.calibration, options, ENGINE, converted.scales, same)
    first = converted.channels_first
    notes = []
    for numbers, tensors, what in ((first.inputs, model.inputs, "input"), (first.outputs, model.outputs, "output")):
        for number in numbers:
            tensor = tensors[number]
            notes.append(
                f"{what} '{tensor.name}' has its channels last on the device, {list(tensor.shape)}: microgen "
                "transposes the data"
            )
    return replace(
        result,
        tflite=remember(result.tflite, converted.states),
        float_tflite=remember(result.float_tflite, converted.states),
        calibration=replace(
            result.calibration, arrays=result.calibration.arrays[: len(model.inputs) - converted.states]
        ),
        layers=LayerNames(converted.layers),
        warnings=(*warnings, *notes, *converted.warnings, *result.warnings),
        channels_first=first,
        sequences=converted.sequences,
    )
