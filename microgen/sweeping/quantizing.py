"""What happens to a quantization: quantize the model, and compare its answers with labels or the float model's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import datasets as calibrations
from .. import workers
from ..boards import Board
from ..compression.price import Price
from ..compression.task import DataSource, Reading, read_data
from ..datasets import ChannelsFirst, InputSpec, Sequences
from ..deployment import device_cost
from ..deployment.labels import output_classes
from ..errors import InputError, MicrogenError, option
from ..quantization import Quantized, quantize
from ..runtimes import reference
from ..support.files import gzip_bytes
from ..support.metrics import ACCURACY, MEAN_ABSOLUTE_ERROR, SQNR, Metric
from ..tflite import TfliteModel, parse
from ..tflite.macs import model_macs
from ..tflite.normalise import normalise
from ..verification import quantize_samples, real_values
from ..verification.deadline import deadline
from ..workers import LITERT, TFLM, litert, tflm
from .candidates import CONVERTERS, QUANTIZATIONS, Candidate, result_key
from .evaluation import Data, Result, failure

_Arrays = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True)
class QuantizeWork:
    """A quantization, and all that decides its result.

    Attributes:
        name: of the quantization, one of `QUANTIZATIONS`.
        path: of the model.
        calibration: as `microgen.quantize` takes it.
        data: labelled samples, as `microgen.compress` takes them; None: the float model is what it is compared with.
        reading: how images and WAV files are read.
        board, runtime: what must run the model.
        seed: as in `microgen.quantize`.
        model: the digest of the model.
    """

    name: str
    path: Path
    calibration: calibrations.Source
    data: DataSource | None
    reading: Reading
    board: Board
    runtime: str
    seed: int
    model: bytes

    # Each candidate stands alone: one that fails is a row, also the model in float32.
    needs_original = False

    @property
    def function(self) -> Callable[[QuantizeWork, Data | None], Result]:
        """What evaluates it."""
        return evaluate_quantization

    def of(self, candidate: Candidate, before: Price | None) -> QuantizeWork:
        """Return the work of a candidate."""
        return replace(self, name=candidate.name)

    def key(self, candidate: Candidate, data: dict[str, Any]) -> str:
        """Return the key of a candidate's result; see `result_key`."""
        settings = {
            "quantization": candidate.name,
            "board": self.board.name,
            "runtime": self.runtime,
            "seed": self.seed,
            "range": self.reading.value_range,
            "sample_rate": self.reading.sample_rate,
            "labels": self.reading.labels,
        }
        return result_key(candidate, self.model, data, settings, CONVERTERS)


def source_digest(source: Any) -> str:  # noqa: ANN401 - a path, arrays, or what is neither
    """Return the SHA-256 of a file, of a folder with all that is in it, or of arrays by name; of a text otherwise."""
    digest = hashlib.sha256()
    if isinstance(source, Mapping):
        for name, values in sorted(source.items()):
            array = np.ascontiguousarray(values)
            digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    elif isinstance(source, (str, Path)) and Path(source).exists():
        path = Path(source)
        files = [path, *_weights_of(path)] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{file.relative_to(path.parent)} {content}\n".encode())
    else:
        digest.update(str(source).encode())
    return digest.hexdigest()


def _weights_of(path: Path) -> list[Path]:
    """Return the files beside an ONNX file that hold its weights: those whose names it contains."""
    if path.suffix.lower() != ".onnx":
        return []
    content = path.read_bytes()
    named = [p for p in sorted(path.parent.iterdir()) if p != path and p.name.encode() in content]
    return [f for p in named for f in ([p] if p.is_file() else sorted(f for f in p.rglob("*") if f.is_file()))]


def evaluate_quantization(work: QuantizeWork, data: Data | None) -> Result:
    """Quantize a model, and measure it; a failure is a result too.

    Args:
        work: the quantization.
        data: not used: the model is read first, which says how data is read.
    """
    scheme, weights = QUANTIZATIONS[work.name]
    try:
        quantized = quantize(
            work.path, work.calibration, scheme=scheme, weights=weights, board=work.board, runtime=work.runtime,
            value_range=work.reading.value_range, sample_rate=work.reading.sample_rate, seed=work.seed,
        )  # fmt: skip
        price, metric = _measure(work, quantized)
    except MicrogenError as error:
        return failure(error)
    return Result(price, metric.name, tflite=quantized.model.data)


def _measure(work: QuantizeWork, quantized: Quantized) -> tuple[Price, Metric]:
    model, twin = quantized.model, parse(quantized.float_tflite, quantized.model.name)
    first, sequences = ChannelsFirst.of(quantized.record), Sequences.of(quantized.record)
    inputs, targets, steps = _samples(work, quantized, first, sequences)
    samples = quantize_samples(model, inputs)
    limit = deadline(model, len(samples[0]))
    smallest = tflm.ArenaRequest(
        model.data, tuple(a[:steps] for a in samples), reference.host_arena_bytes(model), steps
    )
    arena = workers.run(TFLM, tflm.measure_arena, smallest, limit).arena_min_bytes
    ours = workers.run(TFLM, tflm.run, tflm.RunRequest(model.data, samples, arena, steps=steps), limit).outputs
    theirs = _in_litert(model, normalise(model).data, samples, steps, limit)
    plain = _in_litert(twin, twin.data, quantize_samples(twin, inputs), steps, limit)

    def owned(run: TfliteModel, outputs: _Arrays) -> list[npt.NDArray[Any]]:
        real = [real_values(t, a) for t, a in zip(run.outputs, outputs, strict=True)]
        return sequences.owned(first.owned_outputs(real), steps) if sequences else first.owned_outputs(real)

    floats, answers, in_litert = owned(twin, plain), owned(model, ours), owned(model, theirs)
    metric = SQNR if targets is None else _metric_of(targets, floats[0], twin)
    if targets is not None and len(targets) != len(floats[0]):
        raise InputError(f"{len(targets)} targets for {len(floats[0])} samples", "give one for each")

    def score(outputs: _Arrays) -> float:
        if targets is not None:
            return metric.score(outputs[0], inputs[0], targets)
        return min(SQNR.score(a, inputs[0], b) for a, b in zip(outputs, floats, strict=True))

    constants = [model.constant(t) for g in model.subgraphs for t in g.tensors if t.is_constant]
    price = Price(
        sum(c.size for c in constants),
        sum(int(np.count_nonzero(c)) for c in constants),
        score(floats),
        score(in_litert),
        score(answers),
        len(model.data),
        gzip_bytes(model.data),
        model_macs(model),
        arena,
        device_cost(model, work.board),
    )
    return price, metric


def _samples(
    work: QuantizeWork, quantized: Quantized, first: ChannelsFirst, sequences: Sequences
) -> tuple[_Arrays, npt.NDArray[Any] | None, int]:
    """Return what is measured on, as the model takes it: one array per input, targets, and the steps of a sequence.

    Without labelled data, that is the calibration data, without targets.
    """
    model, steps = quantized.model, sequences.steps or 1
    if work.data is None:
        return quantized.calibration, None, steps
    read = read_data(work.data, work.seed, work.reading, lambda: _input_of(work.data, model, first), trains=False)
    inputs: _Arrays = (read["x_test"],)
    if len(model.inputs) > 1:
        raise InputError(
            f"the model has {len(model.inputs)} inputs, and labelled data is of one",
            f"omit {option('data')}: the quantizations are then compared with the float model",
        )
    if sequences:
        given, steps = sequences.deployed(inputs[0], model.inputs[0].shape)
        inputs = (given,)
    elif not _is_deployed(inputs[0], model, first):
        inputs = tuple(first.deployed_inputs(inputs))
    return inputs, read["y_test"], steps


def _in_litert(model: TfliteModel, data: bytes, samples: _Arrays, steps: int, limit: float) -> _Arrays:
    return workers.run(LITERT, litert.run, litert.RunRequest(data, tuple(samples), steps=steps), limit).outputs


def _input_of(data: DataSource | None, model: TfliteModel, first: ChannelsFirst) -> InputSpec:
    """Return the model's input as data in a file is read to it: rows of a CSV in their owner's order."""
    specs = [InputSpec(t.name, t.shape[1:], "float32") for t in model.inputs]
    is_table = isinstance(data, (str, Path)) and Path(data).suffix.lower() == ".csv"
    return (first.owned_specs(specs) if is_table else specs)[0]


def _is_deployed(values: npt.NDArray[Any], model: TfliteModel, first: ChannelsFirst) -> bool:
    """Return whether samples have the deployed model's shape and not their owner's; equal shapes are the owner's."""
    spec = InputSpec("", model.inputs[0].shape[1:], "float32")
    return values.shape[1:] == spec.shape != first.owned_specs([spec])[0].shape


def _metric_of(targets: npt.NDArray[Any], outputs: npt.NDArray[Any], twin: TfliteModel) -> Metric:
    """Return what targets are compared by: class numbers by accuracy, values by the mean absolute error.

    Raises:
        InputError: they do not fit the output.
    """
    elements = int(np.prod(outputs.shape[1:]))
    answer = next((op.name for op in twin.main.operators if twin.main.outputs[0] in op.outputs), "")
    if targets.dtype == np.int64 and (elements > 1 or answer == "LOGISTIC"):
        output_classes(targets, (), (), twin.outputs[0], "the data")
        return ACCURACY
    if int(np.prod(targets.shape[1:])) != elements:
        raise InputError(
            f"the output has the shape {list(outputs.shape[1:])}, the targets 'y' have {list(targets.shape[1:])}",
            "give class numbers (integers), or targets of the output's shape (floats)",
        )
    return MEAN_ABSOLUTE_ERROR
