"""Quantizes a model of any kind to a full-integer .tflite that has run in TFLM, and reports the loss."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import datasets as calibrations
from .. import defaults
from ..boards import Board, load_board
from ..deployment.labels import check_labels
from ..errors import InputError, option
from ..frontends import source as sources
from ..frontends.converted import AlreadyQuantized
from ..frontends.frontend import FLOAT32, RECURRENT, ConvertOptions, Frontend, Source
from ..frontends.source import slug
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import QuantizationLimits
from ..support.files import check_out, write_file
from ..tflite import TfliteModel
from ..verification import quantize_samples
from .accept import Quantized, finish
from .int4 import with_int4_weights

# Some outliers saturate in every data set.
_FEW = 0.01
SCHEMES = ("int8", "int16x8", FLOAT32)
WEIGHTS = ("int8", "int4", "int4-packed")
_CALIBRATE_HINT = (
    f"give samples of its input: {option('calibration', 'DATA')} (.npy, .npz, .csv, a folder of images or WAV files), "
    f"or {option('calibration', 'random')} for a trial; {option('scheme', FLOAT32)} keeps it in float32"
)


def quantize(
    model: Any,  # noqa: ANN401 - a path, or a Keras object, which has no types
    calibration: calibrations.Source | None = None,
    *,
    scheme: str = defaults.SCHEME,
    weights: str = defaults.WEIGHTS,
    board: str | Path | Board | None = None,
    runtime: str = DEFAULT_RUNTIME,
    out: str | Path | None = None,
    name: str | None = None,
    labels: Sequence[str] = (),
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
    allow_float: bool = False,
    example: Any = None,  # noqa: ANN401 - a tensor of a framework
    recurrent: str = defaults.RECURRENT,
    seed: int = 0,
    force: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Quantized:
    """Quantize a model to full integer, and check that TFLM runs all of its operators.

    Args:
        model: a file or folder that a frontend reads (a .keras, .h5, .pt2 or .tflite, a SavedModel, a C array of a
            .tflite), or a model object: Keras 3, tf_keras, or a torch.nn.Module in eval mode. A quantized .tflite is
            used unchanged.
        calibration: the representative dataset; see `microgen.datasets.request`. "random" generates values.
        scheme: "int8", "int16x8" for int16 activations with int8 weights, or "float32", which quantizes nothing and
            needs no calibration data.
        weights: "int8", or "int4" for weights of four bits in the layers that bear it (`int4.with_int4_weights`);
            "int4-packed" stores them as INT4 tensors.
        board: the board that must run the model; by default, the result runs on every board.
        runtime: the runtime that must run it there.
        out: the .tflite to write; None writes nothing.
        name: the model's name; by default, from the file.
        labels: the names of the first output's elements.
        value_range: the values of black and white in an image.
        sample_rate: sample rate of the model's audio in Hz; WAV files must have the same.
        allow_float: let layers that have no integer operator stay in float32, where TFLM runs them so; the result
            names them. Without calibration data nothing is quantized: the scheme is then "float32".
        example: of a torch.nn.Module: an input, or a tuple of several, of which one sample is taken; otherwise the
            first sample of `calibration`, where that is an array.
        recurrent: how GRU and RNN layers of PyTorch and ONNX are converted: "step" for a model that runs one step of
            a sequence per inference and keeps its state until it is reset, "unroll" for the operators of all steps.
        seed: seed of all random generators.
        force: overwrite `out`.
        on_step: called with the name of the next step.

    Raises:
        InputError: the model or the data cannot be used, or `out` already exists; nothing was written.
        EngineError: the converter or TFLM rejected the model or crashed.
        SetupError: a package is missing.
    """
    if scheme not in SCHEMES:
        raise InputError(f"no scheme '{scheme}'", f"schemes: {', '.join(SCHEMES)}", option="scheme")
    if weights not in WEIGHTS:
        raise InputError(f"no weights '{weights}'", f"weights: {', '.join(WEIGHTS)}", option="weights")
    if weights != defaults.WEIGHTS and scheme != defaults.SCHEME:
        raise InputError(
            f"{weights} weights need the scheme {defaults.SCHEME}",
            f"omit {option('scheme', scheme)}",
            option="weights",
        )
    if recurrent not in RECURRENT:
        raise InputError(f"no conversion '{recurrent}'", f"use {' or '.join(RECURRENT)}", option="recurrent")
    if out is not None:
        check_out(Path(out), force=force)
    target = board if isinstance(board, Board) or board is None else load_board(str(board))
    limits = RUNTIMES.get(runtime).quantization_limits(target)
    options = _Options(scheme, limits, value_range, sample_rate, allow_float, seed, on_step, tuple(labels), recurrent)
    if sources.is_object(model):
        on_step("saving the model")
        with tempfile.TemporaryDirectory(prefix="microgen-model-") as folder:
            quantized = _from_source(
                *sources.save(model, Path(folder), example_of(example, calibration)),
                calibration,
                name or slug(sources.name_of(model)),
                options,
            )
    else:
        frontend, source = sources.find(model)
        quantized = _from_source(frontend, source, calibration, name or slug(source.path.stem), options)
    if weights != defaults.WEIGHTS:
        quantized = with_int4_weights(quantized, on_step, packed=weights == "int4-packed")
    check_labels(quantized.model, labels or quantized.labels)
    if out is not None:
        write_file(Path(out), quantized.model.data)
    return quantized


def example_of(given: Any, calibration: calibrations.Source | None) -> Any:  # noqa: ANN401
    """Return an example input: the one given, or the first sample of an array."""
    if given is not None or not isinstance(calibration, np.ndarray) or calibration.ndim < 2:
        return given
    first = calibration[:1]
    return first.astype(np.float32 if first.dtype.kind == "f" else np.int64)


@dataclass(frozen=True)
class _Options:
    scheme: str
    limits: QuantizationLimits
    value_range: tuple[float, float]
    sample_rate: int
    allow_float: bool
    seed: int
    on_step: Callable[[str], None]
    labels: tuple[str, ...]
    recurrent: str


def _from_source(
    frontend: Frontend,
    source: Source,
    calibration: calibrations.Source | None,
    name: str,
    options: _Options,
) -> Quantized:
    wanted = None
    if calibration is not None:
        wanted = calibrations.request(calibration, options.value_range, options.sample_rate)
    if wanted is None and options.scheme != FLOAT32 and frontend.needs_calibration(source):
        if not options.allow_float:
            raise InputError(
                f"{source.path}: a float model needs calibration data to be quantized",
                _CALIBRATE_HINT,
                option="calibration",
                path=source.path,
            )
        options = replace(options, scheme=FLOAT32)
    dense = options.scheme in options.limits.per_channel_dense
    how = ConvertOptions(options.scheme, dense, options.allow_float, options.seed, options.on_step, options.recurrent)
    converted = frontend.convert(source, wanted, how)
    kind = frontend.kind(source)
    if isinstance(converted, AlreadyQuantized):
        quantized = _as_it_is(converted, name, kind)
    else:
        options.on_step("running LiteRT and TFLM on the calibration data")
        quantized = finish(
            converted, name, kind, options.scheme, options.limits, labels=options.labels,
            allow_float=options.allow_float,
        )  # fmt: skip
    record = quantized.record
    # Later commands must read images or audio in the same way as for this model.
    if wanted is not None and wanted.values["kind"] == "images":
        record = {**record, "value_range": list(options.value_range)}
    elif wanted is not None and wanted.values["kind"] == "wav":
        record = {**record, "sample_rate": options.sample_rate}
    return replace(quantized, record=record, frontend=frontend.name)


def _as_it_is(taken: AlreadyQuantized, name: str, kind: str) -> Quantized:
    model = replace(taken.model, name=name)
    samples = quantize_samples(model, taken.data) if taken.data else ()
    warnings = (*taken.warnings, *_beyond(model, taken.data))
    return Quantized(model, samples, record={"kind": kind}, warnings=warnings)


def _beyond(model: TfliteModel, data: Sequence[npt.NDArray[Any]]) -> Iterator[str]:
    """Warn of values that a quantized input cannot represent, most likely because of a different scaling."""
    for tensor, values in zip(model.inputs, data, strict=False):
        if values.dtype.kind != "f" or not tensor.quantization:
            continue
        limits = np.iinfo(np.dtype(tensor.dtype))
        low, high = ((q - tensor.zero_point) * tensor.scale for q in (limits.min, limits.max))
        share = ((values < low - tensor.scale) | (values > high + tensor.scale)).mean()
        if share > _FEW:
            yield (
                f"{share:.0%} of the calibration data is outside the range of input '{tensor.name}', {low:.4g} to "
                f"{high:.4g}: check that it is scaled as in training"
            )
