"""From a model of any kind to a full-integer .tflite that TFLM was seen to run, with a report of what it lost."""

from __future__ import annotations

import importlib.util
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
from ..datasets import InputSpec
from ..deployment.labels import check_labels
from ..errors import InputError
from ..frontends import float_tflite
from ..frontends import source as sources
from ..frontends.converted import Converted
from ..frontends.keras.converter import ConvertRequest, convert_file
from ..frontends.keras.file import read_keras_file
from ..frontends.source import slug
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import QuantizationLimits
from ..support.files import check_out, write_file
from ..tflite import TfliteModel, load
from ..verification import quantize_samples
from ..workers import converter
from .accept import Quantized, finish

# Some outliers saturate in every data set.
_FEW = 0.01
SCHEMES = ("int8", "int16x8")
_CALIBRATE_HINT = (
    "give samples of its input: --calibration DATA (.npy, .npz, .csv, a folder of images or WAV files), "
    "or --calibration random for a trial"
)


def quantize(
    model: Any,  # noqa: ANN401 - a path, or a Keras object, which has no types
    calibration: calibrations.Source | None = None,
    *,
    scheme: str = defaults.SCHEME,
    board: str | Path | Board | None = None,
    runtime: str = DEFAULT_RUNTIME,
    out: str | Path | None = None,
    name: str | None = None,
    labels: Sequence[str] = (),
    value_range: tuple[float, float] = (0.0, 1.0),
    allow_float: bool = False,
    seed: int = 0,
    force: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Quantized:
    """Bring a model to full integer, and check that TFLM runs every operator of it.

    Args:
        model: a .keras, .h5 or .tflite file, the folder of a SavedModel, or a Keras 3 or tf_keras model object. A
            quantized .tflite is taken as it is.
        calibration: the representative dataset; see `microgen.datasets.request`. "random" makes up values.
        scheme: "int8", or "int16x8" for int16 activations with int8 weights.
        board: the board that must run it; without one, what every board runs is chosen.
        runtime: what must run it there.
        out: where to write the .tflite; None writes nothing.
        name: the model's name; from the file otherwise.
        labels: what the elements of the first output stand for.
        value_range: what black and white of an image become.
        allow_float: let layers that have no integer operator stay in float32, where TFLM runs them so; the result
            names them.
        seed: seed of everything random.
        force: overwrite `out`.
        on_step: is told what is done next.

    Raises:
        InputError: the model or the data cannot be used, or `out` is there already; nothing was written.
        EngineError: the converter or TFLM refused or crashed.
        SetupError: a package is missing.
    """
    if scheme not in SCHEMES:
        raise InputError(f"no scheme '{scheme}'", f"schemes: {', '.join(SCHEMES)}")
    if out is not None:
        check_out(Path(out), force=force)
    target = board if isinstance(board, Board) or board is None else load_board(str(board))
    limits = RUNTIMES.get(runtime).quantization_limits(target)
    options = _Options(scheme, limits, value_range, allow_float, seed, on_step, tuple(labels))
    if sources.is_object(model):
        on_step("saving the model")
        with tempfile.TemporaryDirectory(prefix="microgen-model-") as folder:
            found = _from_source(sources.save(model, Path(folder)), calibration, name or slug(model.name), options)
    else:
        source = sources.find(model)
        found = _from_source(source, calibration, name or slug(source.path.stem), options)
    check_labels(found.model, labels or found.labels)
    if out is not None:
        write_file(Path(out), found.model.data)
    return found


@dataclass(frozen=True)
class _Options:
    scheme: str
    limits: QuantizationLimits
    value_range: tuple[float, float]
    allow_float: bool
    seed: int
    on_step: Callable[[str], None]
    labels: tuple[str, ...]


def _from_source(
    source: sources.Source, calibration: calibrations.Source | None, name: str, options: _Options
) -> Quantized:
    wanted = calibrations.request(calibration, options.value_range) if calibration is not None else None
    if source.kind == sources.TFLITE:
        quantized = _from_tflite(load(source.path, name), source.path, wanted, options)
    else:
        quantized = _from_keras(source, wanted, name, options)
    if wanted is not None and wanted.values["kind"] == "images":
        # Whoever reads the same images again must scale them as for this model.
        quantized = replace(quantized, record={**quantized.record, "value_range": list(options.value_range)})
    return quantized


def _from_keras(source: sources.Source, wanted: calibrations.Request | None, name: str, options: _Options) -> Quantized:
    if wanted is None and not _has_learned_ranges(source):
        raise InputError(f"{source.path}: a float model needs calibration data to be quantized", _CALIBRATE_HINT)
    request = ConvertRequest(
        source.kind,
        str(source.path.absolute()),
        wanted,
        options.scheme,
        options.scheme in options.limits.per_channel_dense,
        options.allow_float,
        options.seed,
    )
    options.on_step("converting the model")
    converted = converter.run(convert_file, request)
    options.on_step("running LiteRT and TFLM on the calibration data")
    return finish(
        converted, name, source.kind, options.scheme, options.limits, labels=options.labels,
        allow_float=options.allow_float,
    )  # fmt: skip


def _has_learned_ranges(source: sources.Source) -> bool:
    """Tell whether a file holds a model after quantization-aware training, which needs no calibration data."""
    if source.kind == sources.H5 and importlib.util.find_spec("h5py") is None:
        return True  # nobody can tell; whoever loads it says what is missing
    return (
        source.kind in (sources.KERAS, sources.H5) and read_keras_file(source.kind, source.path).is_quantization_aware
    )


def _from_tflite(model: TfliteModel, path: Path, wanted: calibrations.Request | None, options: _Options) -> Quantized:
    inputs = [InputSpec(t.name, t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape, t.dtype) for t in model.inputs]
    if not _is_float(model):
        if options.scheme == "int16x8" and not any(t.dtype == "int16" for t in model.inputs):
            raise InputError(f"{path}: is quantized already, and not to int16", "give the float model it was made from")
        record = {"kind": "tflite"}
        if wanted is None:
            return Quantized(model, record=record)
        real = [InputSpec(i.name, i.shape, "float32") for i in inputs]
        if wanted.values["kind"] == "arrays":
            # Values already quantized to the input's dtype are taken too.
            ordered, _ = calibrations.split_targets(wanted.arrays, [i.name for i in inputs])
        else:
            ordered = list(calibrations.resolve(wanted, real, seed=options.seed, must_vary=False).arrays)
        beyond = tuple(_beyond(model, ordered))
        return Quantized(model, quantize_samples(model, ordered), record=record, warnings=beyond)
    if wanted is None:
        raise InputError(f"{path}: computes in float32 and needs calibration data to be quantized", _CALIBRATE_HINT)
    for tensor in model.inputs:
        if any(d < 0 for d in tensor.signature[1:]):
            raise InputError(
                f"{path}: input '{tensor.name}' has the dynamic shape {list(tensor.signature)}",
                "TFLM needs fixed shapes: convert it again with a fixed input shape",
            )
    data = calibrations.resolve(wanted, inputs, seed=options.seed)
    options.on_step("quantizing the model")
    dense = options.scheme in options.limits.per_channel_dense
    request = float_tflite.QuantizeRequest(model.data, data.arrays, options.scheme, dense)
    reply = converter.run(float_tflite.quantize, request, packages=("ai_edge_quantizer",), extra="quantize")
    options.on_step("running LiteRT and TFLM on the calibration data")
    return finish(
        Converted(reply.tflite, model.data, data), model.name, "tflite-float", options.scheme, options.limits,
        labels=options.labels, allow_float=options.allow_float,
    )  # fmt: skip


def _beyond(model: TfliteModel, data: Sequence[npt.NDArray[Any]]) -> Iterator[str]:
    """Warn of values that a quantized input cannot represent: data that was scaled otherwise, most likely."""
    for tensor, values in zip(model.inputs, data, strict=False):
        if values.dtype.kind != "f" or not tensor.quantization:
            continue
        limits = np.iinfo(np.dtype(tensor.dtype))
        low, high = ((q - tensor.zero_point) * tensor.scale for q in (limits.min, limits.max))
        share = ((values < low - tensor.scale) | (values > high + tensor.scale)).mean()
        if share > _FEW:
            yield (
                f"{share:.0%} of the calibration data lies beyond input '{tensor.name}', which takes {low:.4g} to "
                f"{high:.4g}: was it scaled as for the training?"
            )


def _is_float(model: TfliteModel) -> bool:
    """Tell a float model, which can be quantized, from one that is quantized, wholly or in part."""
    tensors = [t for graph in model.subgraphs for t in graph.tensors]
    return not any(t.quantization for t in tensors) and any(
        model.main.tensors[i].dtype == "float32" for op in model.main.operators for i in op.outputs
    )
