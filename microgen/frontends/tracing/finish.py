"""Quantizes a converted float model that was compared with its original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...tflite import parse
from ..converted import Converted, LayerNames
from ..float_tflite.frontend import quantize_model
from ..frontend import ConvertOptions
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
    result = quantize_model(model, converted.calibration, options, ENGINE, converted.scales)
    first = converted.channels_first
    told = []
    for numbers, tensors, what in ((first.inputs, model.inputs, "input"), (first.outputs, model.outputs, "output")):
        for number in numbers:
            tensor = tensors[number]
            told.append(
                f"{what} '{tensor.name}' has its channels last on the device, {list(tensor.shape)}: microgen "
                "transposes the data"
            )
    return replace(
        result,
        layers=LayerNames(converted.layers),
        warnings=(*warnings, *told, *converted.warnings, *result.warnings),
        channels_first=first,
    )
