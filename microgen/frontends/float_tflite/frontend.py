"""The frontend for float .tflite files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError
from ...workers import CONVERTER, Engine
from ..frontend import FLOAT32, ConvertOptions, Frontend, Source
from ..tflite import SUFFIXES, TRUST, input_specs, is_float, other_signatures, readable

if TYPE_CHECKING:
    from ...datasets import Calibration, Request
    from ...tflite import TfliteModel
    from ..converted import Converted, Scales


class _FloatTflite(Frontend):
    """See `Frontend`."""

    name = "float_tflite"
    title = "a float .tflite"
    suffixes = SUFFIXES
    trust = TRUST
    packages = ("ai_edge_quantizer",)
    extra = "quantize"

    def matches(self, source: Source) -> bool:
        model = readable(source)
        return model is not None and is_float(model)

    def kind(self, source: Source) -> str:
        return "tflite-float"

    def needs_calibration(self, source: Source) -> bool:
        return True

    def convert(self, source: Source, calibration: Request | None, options: ConvertOptions) -> Converted:
        return convert_model(source.tflite, source.path, calibration, options)

    def read(self, source: Source) -> TfliteModel:
        return source.tflite


FRONTEND = _FloatTflite()


def convert_model(model: TfliteModel, path: Path, calibration: Request | None, options: ConvertOptions) -> Converted:
    """Quantize a float model, or take it as it is.

    Args:
        model: the model.
        path: where it comes from, for messages.
        calibration, options: as for `Frontend.convert`.

    Raises:
        InputError: it has an input of a dynamic shape, or the data does not fit.
        EngineError: ai-edge-quantizer rejected it.
        SetupError: ai-edge-quantizer is not installed.
    """
    from ...datasets import Calibration, resolve

    for tensor in model.inputs:
        if any(d < 0 for d in tensor.signature[1:]):
            raise InputError(
                f"{path}: input '{tensor.name}' has the dynamic shape {list(tensor.signature)}",
                "TFLM needs fixed shapes: convert it again with a fixed input shape",
            )
    as_it_is = options.scheme == FLOAT32
    data = Calibration(())
    if calibration is not None:
        data = resolve(calibration, input_specs(model), seed=options.seed, must_vary=not as_it_is)
    return quantize_model(model, data, options)


def quantize_model(
    model: TfliteModel,
    data: Calibration,
    options: ConvertOptions,
    engine: Engine = CONVERTER,
    scales: Scales | None = None,
    same: tuple[tuple[str, str], ...] = (),
) -> Converted:
    """Rewrite what TFLM lacks, and quantize a float model, unless it is to stay in float32.

    Args:
        model: the model, of fixed shapes.
        data: its calibration data; without arrays where it stays in float32.
        options: as for `Frontend.convert`.
        engine: in whose processes ai-edge-quantizer runs.
        scales: what the model was quantized with before, which is kept.
        same: names of inputs and outputs that get one scale and zero point.

    Raises:
        InputError: a rewrite computes something else on the data.
        EngineError: ai-edge-quantizer rejected it.
        SetupError: ai-edge-quantizer is not installed.
    """
    from ...workers import converter
    from ..converted import Converted, Scales
    from ..rewriting import rewrite_warnings, rewritten
    from .quantizer import QuantizeRequest, quantize

    others = other_signatures(model.signatures)
    model, changes = rewritten(model, data.arrays, options.seed)
    warnings = (*rewrite_warnings(changes), *others)
    if options.scheme == FLOAT32:
        return Converted(model.data, model.data, data, warnings=warnings)
    options.on_step("quantizing the model")
    request = QuantizeRequest(
        model.data, data.arrays, options.scheme, options.per_channel_dense, scales or Scales(), same
    )
    reply = converter.run(quantize, request, packages=FRONTEND.packages, extra=FRONTEND.extra, engine=engine)
    return Converted(reply.tflite, model.data, data, warnings=(*warnings, *reply.warnings))
