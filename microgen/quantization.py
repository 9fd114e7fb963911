"""From a model of any kind to a full-integer .tflite that TFLM was seen to run, with a report of what it lost."""

from __future__ import annotations

import importlib.util
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import calibration as calibrations
from . import conversion, quality, sources, worker
from .boards import Board, TflmSnapshot, load_board
from .calibration import Calibration, InputSpec
from .conversion import rules
from .conversion.keras_file import read_keras_file
from .errors import EngineError, InputError
from .quality import Quality
from .tflite import Operator, Subgraph, TfliteModel, load, parse, schema
from .tflite.check import float_operators, requantizing
from .verification import make_samples, quantize_samples

SCHEMES = ("int8", "int16x8")
_DEADLINE_S = 300.0
_LARGE_ARENA = 64 * 2**20
_CALIBRATE_HINT = (
    "give samples of its input: --calibration DATA (.npy, .npz, .csv, a folder of images or WAV files), "
    "or --calibration random for a trial"
)


@dataclass(frozen=True)
class Quantized:
    """A full-integer model with the data that it was calibrated on.

    Attributes:
        model: the .tflite.
        calibration: arrays, one an input, samples first; empty when there are none.
        labels: what the outputs stand for.
        metrics: what the training measured on held-out data, by name; empty when nothing was trained.
        quality: what quantization cost; None when the model came quantized.
        record: where it comes from, as plain data for a project's manifest.
        warnings: what its user should know.
        float_bytes: size of the float .tflite that it was made from; 0 when it came quantized.
    """

    model: TfliteModel
    calibration: tuple[npt.NDArray[Any], ...] = ()
    labels: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    quality: Quality | None = None
    record: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    float_bytes: int = 0

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


def quantize(
    model: Any,  # noqa: ANN401 - a path, or a Keras object, which has no types
    calibration: calibrations.Source | None = None,
    *,
    scheme: str = "int8",
    board: str | Path | Board | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    labels: Sequence[str] = (),
    value_range: tuple[float, float] = (0.0, 1.0),
    allow_float: bool = False,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda step: None,
) -> Quantized:
    """Bring a model to full integer, and check that TFLM runs every operator of it.

    Args:
        model: a .keras, .h5 or .tflite file, the folder of a SavedModel, or a Keras 3 or tf_keras model object. A
            quantized .tflite is taken as it is.
        calibration: the representative dataset; see `microgen.calibration.request`. "random" makes up values.
        scheme: "int8", or "int16x8" for int16 activations with int8 weights.
        board: the board whose TFLM must run it; without one, what every board runs is chosen.
        out: where to write the .tflite; None writes nothing.
        name: the model's name; from the file otherwise.
        labels: what the elements of the first output stand for.
        value_range: what black and white of an image become.
        allow_float: let layers that have no integer operator stay in float32, where TFLM runs them so; the result
            names them.
        seed: seed of everything random.
        on_step: is told what is done next.

    Raises:
        InputError: the model or the data cannot be used; nothing was written.
        EngineError: the converter or TFLM refused or crashed.
        SetupError: a package is missing.
    """
    if scheme not in SCHEMES:
        raise InputError(f"no scheme '{scheme}'", f"schemes: {', '.join(SCHEMES)}")
    if out is not None:
        check_out(Path(out))
    target = board if isinstance(board, Board) or board is None else load_board(str(board))
    options = _Options(scheme, target.snapshot if target else None, value_range, allow_float, seed, on_step)
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


def check_labels(model: TfliteModel, labels: Sequence[str]) -> None:
    """Refuse labels that do not match the first output.

    Raises:
        InputError: their number is another.
    """
    classes = model.outputs[0].elements
    if labels and len(labels) != classes:
        raise InputError(
            f"{len(labels)} labels for the {classes} elements of output '{model.outputs[0].name}'",
            "give one label a line, in the order of the output's elements",
        )


def per_channel_dense(snapshot: TflmSnapshot | None, scheme: str) -> bool:
    """Tell whether FULLY_CONNECTED may have one scale a channel; without a board: what every board runs."""
    if snapshot is None:
        return False
    support = snapshot.per_channel_fully_connected if scheme == "int8" else snapshot.per_channel_fully_connected_int16
    return support == "supported"


def finish(
    reply: worker.Reply,
    name: str,
    kind: str,
    scheme: str,
    snapshot: TflmSnapshot | None,
    twin: bytes,
    *,
    allow_float: bool = False,
) -> Quantized:
    """Check what a conversion returned, and measure what it cost.

    Args:
        reply: of `conversion.converter.reply`.
        name: the model's name.
        kind: what it came as, for the record.
        scheme: of the quantization.
        snapshot: the TFLM that must run it, None for any.
        twin: the float .tflite.
        allow_float: see `quantize`.

    Raises:
        InputError: an operator does not run in TFLM; names its layer and what to use instead.
        EngineError: an engine refused the model.
    """
    model = parse(reply.arrays["tflite"].tobytes(), name, "the converted model")
    layers = rules.LayerNames(**reply.values["layers"])
    names = [f"calibration{k}" for k in range(len(model.inputs))]
    data = tuple(reply.arrays[n] for n in names if n in reply.arrays)
    in_float = check_graph(model, layers, snapshot, allow_float=allow_float)
    quantized = quantize_samples(model, data) if data else make_samples(model, 1, seed=0)
    run_once(model, quantized, layers)
    targets = reply.arrays.get("targets")
    classes, outputs = reply.values["classes"], model.outputs[0].elements
    warnings = []
    if in_float:
        warnings.append(f"stay in float32, which is slow without a floating-point unit: {', '.join(in_float)}")
    if classes and len(classes) != outputs:
        warnings.append(f"the data names {len(classes)} classes, the model has {outputs} outputs: no accuracy is told")
        targets = None
    if outputs == 1:
        targets = None  # values of a regression, or the two classes of one sigmoid: the largest output says nothing
    if targets is not None and not ((targets >= 0) & (targets < model.outputs[0].elements)).all():
        raise InputError(
            f"the calibration data has classes {int(targets.min())} to {int(targets.max())}, output "
            f"'{model.outputs[0].name}' has {model.outputs[0].elements} elements",
            "number the classes from 0, in the order of the output's elements",
        )
    cost = quality.measure(model, twin, data, quantized, targets, layers.of) if data else None
    found = Calibration(data, targets, tuple(reply.values["classes"]), reply.values["origin"])
    if found.is_made_up:
        warnings.append(
            "the calibration data is random: the ranges of all tensors are made up, and real inputs may saturate or "
            "drown in rounding; quantize again with real data"
        )
    record = {
        "kind": kind,
        "scheme": scheme,
        "calibration": {"origin": found.origin, "samples": len(data[0]) if data else 0, "made_up": found.is_made_up},
        "sqnr_db": cost.output_sqnr_db if cost else None,
        "float_layers": list(in_float),
        "requantized": [_layer_of(graph, op, layers) for graph, op in requantizing(model)],
    }
    labels = found.classes if len(found.classes) == model.outputs[0].elements else ()
    return Quantized(model, data, labels, {}, cost, record, tuple(warnings), len(twin))


def check_graph(
    model: TfliteModel, layers: rules.LayerNames, snapshot: TflmSnapshot | None, *, allow_float: bool = False
) -> tuple[str, ...]:
    """Refuse operators that TFLM lacks and, unless that is allowed, those that were left in float32.

    QUANTIZE from one integer scale to another is an integer operator like any other, and is taken.

    Args:
        model: the quantized model.
        layers: the names of its layers.
        snapshot: the TFLM that must run it, None for any.
        allow_float: take operators in float32 where TFLM has them.

    Returns:
        The layers that stay in float32, by name, with their operators.

    Raises:
        InputError: names the layer and what to use instead.
    """
    for graph in model.subgraphs:
        for op in graph.operators:
            known = schema.CUSTOM_RESOLVER_METHODS if op.is_custom else schema.RESOLVER_METHODS
            allowed = (snapshot.custom_ops if op.is_custom else snapshot.ops) if snapshot else known
            if op.name not in known or op.name not in allowed:
                title = snapshot.title if snapshot and op.name in known else "TFLM"
                raise _refusal(model, graph, op, layers, f"is not among the operators of {title}")
    in_float = float_operators(model)
    if not allow_float:
        # The float32 operator itself is the one to name, not the DEQUANTIZE before it.
        for graph, op in in_float or _excursions(model):
            raise _refusal(model, graph, op, layers, "stays in float32", "; or take it as it is: --allow-float")
    return tuple(dict.fromkeys(f"{_layer_of(graph, op, layers)} ({op.name})" for graph, op in in_float))


def _excursions(model: TfliteModel) -> list[tuple[Subgraph, Operator]]:
    """Return the operators that touch float32 anywhere but at the model's inputs and outputs."""
    edges = {*model.main.inputs, *model.main.outputs}
    found = [
        (graph, op)
        for graph in model.subgraphs
        for op in graph.operators
        for i in (*op.inputs, *op.outputs)
        if i >= 0 and graph.tensors[i].dtype == "float32" and not (graph.index == 0 and i in edges)
    ]
    return sorted(found, key=lambda place: place[1].name in ("QUANTIZE", "DEQUANTIZE"))


def run_once(model: TfliteModel, samples: Sequence[npt.NDArray[Any]], layers: rules.LayerNames) -> None:
    """Run one sample in TFLM: some operators are refused only there.

    Raises:
        InputError: TFLM names the operator that it refuses.
        EngineError: it refuses without saying which.
    """
    arrays = {"model": np.frombuffer(model.data, np.uint8), **{f"in{k}": a[:1] for k, a in enumerate(samples)}}
    try:
        worker.call("TFLM", "microgen.engines.jobs:tflm_run", {"arena_bytes": _LARGE_ARENA}, arrays, _DEADLINE_S)
    except EngineError as error:
        said = re.search(r"Node (\w+) \(number", error.log)
        refused = [op for op in model.main.operators if said is not None and op.name == said[1]]
        if not refused:
            raise
        raise _refusal(model, model.main, refused[0], layers, f"is refused by TFLM ({error.reason[:200]})") from None


def _layer_of(graph: Subgraph, op: Operator, layers: rules.LayerNames) -> str:
    """Name an operator's layer, or its tensor where the layer is not known."""
    tensor = graph.tensors[op.outputs[0]].name if op.outputs else ""
    layer = layers.of(tensor)
    # The converter joins the names of all that it fused.
    return f"layer '{layer}'" if layer else f"tensor '{tensor.partition(';')[0]}'"


def _refusal(
    model: TfliteModel, graph: Subgraph, op: Operator, layers: rules.LayerNames, what: str, otherwise: str = ""
) -> InputError:
    origin, hint = rules.advice(op.name)
    comes = f"; it comes from {origin}" if origin else ""
    where = _layer_of(graph, op, layers)
    return InputError(f"{model.name}: {where}: its operator {op.name} {what}{comes}", hint + otherwise)


@dataclass(frozen=True)
class _Options:
    scheme: str
    snapshot: TflmSnapshot | None
    value_range: tuple[float, float]
    allow_float: bool
    seed: int
    on_step: Callable[[str], None]


def _from_source(
    source: sources.Source, calibration: calibrations.Source | None, name: str, options: _Options
) -> Quantized:
    if source.kind == sources.TFLITE:
        return _from_tflite(load(source.path, name), source.path, calibration, options)
    if calibration is None and not _has_learned_ranges(source):
        raise InputError(f"{source.path}: a float model needs calibration data to be quantized", _CALIBRATE_HINT)
    wanted = calibrations.request(calibration, options.value_range) if calibration is not None else None
    values = {
        "kind": source.kind,
        "path": str(source.path.absolute()),
        "calibration": wanted.values if wanted else None,
        "names": list(wanted.arrays) if wanted else [],
        "scheme": options.scheme,
        "per_channel_dense": per_channel_dense(options.snapshot, options.scheme),
        "allow_float": options.allow_float,
        "seed": options.seed,
    }
    options.on_step("converting the model")
    reply = conversion.run(
        "conversion.converter:convert_job",
        values,
        {f"data{k}": a for k, a in enumerate(wanted.arrays.values())} if wanted else {},
    )
    options.on_step("running LiteRT and TFLM on the calibration data")
    twin = reply.arrays["float"].tobytes()
    return finish(reply, name, source.kind, options.scheme, options.snapshot, twin, allow_float=options.allow_float)


def _has_learned_ranges(source: sources.Source) -> bool:
    """Tell whether a file holds a model after quantization-aware training, which needs no calibration data."""
    if source.kind == sources.H5 and importlib.util.find_spec("h5py") is None:
        return False  # whoever loads it says what is missing
    return (
        source.kind in (sources.KERAS, sources.H5) and read_keras_file(source.kind, source.path).is_quantization_aware
    )


def _from_tflite(
    model: TfliteModel, path: Path, calibration: calibrations.Source | None, options: _Options
) -> Quantized:
    inputs = [InputSpec(t.name, t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape, t.dtype) for t in model.inputs]
    if not _is_float(model):
        if options.scheme == "int16x8" and not any(t.dtype == "int16" for t in model.inputs):
            raise InputError(f"{path}: is quantized already, and not to int16", "give the float model it was made from")
        record = {"kind": "tflite"}
        if calibration is None:
            return Quantized(model, record=record)
        wanted = calibrations.request(calibration, options.value_range)
        real = [InputSpec(i.name, i.shape, "float32") for i in inputs]
        if wanted.values["kind"] == "arrays":
            # Values already quantized to the input's dtype are taken too.
            stored = list(wanted.arrays.values())
            names = [i.name for i in inputs]
            ordered = [wanted.arrays[n] for n in names] if set(names) == set(wanted.arrays) else stored
        else:
            ordered = list(calibrations.resolve(wanted, real, seed=options.seed, must_vary=False).arrays)
        return Quantized(model, quantize_samples(model, ordered), record=record)
    if calibration is None:
        raise InputError(f"{path}: computes in float32 and needs calibration data to be quantized", _CALIBRATE_HINT)
    for tensor in model.inputs:
        if any(d < 0 for d in tensor.signature[1:]):
            raise InputError(
                f"{path}: input '{tensor.name}' has the dynamic shape {list(tensor.signature)}",
                "TFLM needs fixed shapes: convert it again with a fixed input shape",
            )
    wanted = calibrations.request(calibration, options.value_range)
    data = calibrations.resolve(wanted, inputs, seed=options.seed)
    options.on_step("quantizing the model")
    arrays = {"model": np.frombuffer(model.data, np.uint8), **{f"data{k}": a for k, a in enumerate(data.arrays)}}
    reply = conversion.run(
        "conversion.float_tflite:quantize_job",
        {"scheme": options.scheme, "per_channel_dense": per_channel_dense(options.snapshot, options.scheme)},
        arrays,
        packages=("ai_edge_quantizer",),
        extra="quantize",
    )
    filled = worker.Reply(
        {"layers": {}, "classes": list(data.classes), "origin": data.origin},
        {
            **reply.arrays,
            **{f"calibration{k}": a for k, a in enumerate(data.arrays)},
            **({} if data.targets is None else {"targets": data.targets}),
        },
        reply.log,
    )
    options.on_step("running LiteRT and TFLM on the calibration data")
    return finish(
        filled,
        model.name,
        "tflite-float",
        options.scheme,
        options.snapshot,
        model.data,
        allow_float=options.allow_float,
    )


def _is_float(model: TfliteModel) -> bool:
    """Tell a float model, which can be quantized, from one that is quantized, wholly or in part."""
    tensors = [t for graph in model.subgraphs for t in graph.tensors]
    return not any(t.quantization for t in tensors) and any(
        model.main.tensors[i].dtype == "float32" for op in model.main.operators for i in op.outputs
    )


def slug(stem: str) -> str:
    """Return a name for a firmware from a file's or a model's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:63] or "model"


def check_out(path: Path) -> None:
    """Refuse a file's name where no file can be written.

    Raises:
        InputError: says why.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder", "give the name of a file: -o model_int8.tflite")
    parent = path.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{path}: {parent} is not a folder that can be written", "choose another place with -o")


def write_file(path: Path, data: bytes) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        InputError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.microgen-{os.getpid()}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})", "choose another place with -o") from None
    finally:
        beside.unlink(missing_ok=True)
