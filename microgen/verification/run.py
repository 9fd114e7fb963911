"""Runs the engines and the firmware on the same samples."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import statistics
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .. import workers
from ..devices import HOST, ONLY, Address, Client, DeviceError, Inference, Sources, host_firmware
from ..errors import EngineError
from ..runtimes import reference
from ..support.background import in_background
from ..tflite import TfliteModel, is_flashed
from ..tflite.exposed import exposed
from ..tflite.normalise import normalise
from ..tflite.unwritten import clear_unwritten
from ..workers import LITERT, TFLM, Engine, litert, tflm
from ..workers.difference import sample_differs
from ..workers.samples import Answers
from .deadline import deadline
from .float32 import Bounds, bounds
from .layer_proof.prove import Proof, arena_of_all, keeps_all, prove_layers
from .samples import Samples
from .tensors import TENSOR_SAMPLES, KeptInference, read_tensors
from .verdict import Device

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")

# How many samples a model with state is also run on without a reset between them.
_SEQUENCE = 32


@dataclass(frozen=True)
class Engines:
    """The outputs of the two interpreters.

    Attributes:
        reference: TFLM's outputs, which every runtime must reproduce.
        litert: LiteRT's outputs, the result in Python; empty if LiteRT rejected the model.
        arena_min_bytes: the smallest arena with which TFLM runs the model on this machine.
        normalised: the changes in the copy that LiteRT ran.
        refusal: the reason why LiteRT does not run the model, "" if it does.
    """

    reference: Answers
    litert: Answers
    arena_min_bytes: int
    normalised: tuple[str, ...] = ()
    refusal: str = ""

    def differences(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return for each sample whether any output differs: each from a fresh state, and as one sequence.

        Without outputs of LiteRT, nothing differs.
        """
        pairs = ((self.reference.outputs, self.litert.outputs), (self.reference.sequence, self.litert.sequence))
        ours, theirs = (
            [sample_differs(a, b) for a, b in zip(*answers, strict=True)] if self.litert.outputs else []
            for answers in pairs
        )
        return _any(ours), _any(theirs)


def _any(flags: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.bool_]:
    return np.any(flags, axis=0) if flags else np.zeros(0, np.bool_)


@dataclass(frozen=True)
class _Measured:
    """The arena of a model, what TFLM answers to the first samples in it, and its run of all of them."""

    arena_min_bytes: int
    first: Samples
    run: workers.Job[Answers]


@dataclass(frozen=True)
class FirmwareRun:
    """The outputs of the firmware.

    Attributes:
        answers: one array per output, samples first.
        array: the model's bytes as they lie in the compiled program; None for a board, where nobody can look, and for
            a runtime whose firmware does not hold them.
        device: the device; None for a program that does not answer because it has a different model.
        tensors: what each operator wrote in the first inferences; None if the firmware does not keep that.
    """

    answers: Answers
    array: bytes | None
    device: Device | None
    tensors: tuple[KeptInference, ...] | None = None


class EngineRun:
    """Samples under way in LiteRT (BUILTIN_REF) and TFLM's wheel, each in its own process.

    The arena is measured first, so that firmware can be compiled while the samples run. Nothing is waited for before it
    is asked for. What the engines answered is kept: asking again costs nothing.

    Attributes:
        model, inputs: the model, and one array per input, samples first.
    """

    def __init__(self, model: TfliteModel, inputs: Samples, vectors: int = 1, steps: int = 1) -> None:
        """Start both engines.

        Args:
            model: the model.
            inputs: one array per input, samples first.
            vectors, steps: how many golden vectors `first` is for, and how many samples each of them has.
        """
        self.model = model
        self.inputs = inputs
        self._engines: Engines | EngineError | None = None
        self._measured: _Measured | EngineError | None = None
        self._proof: Proof | None = None
        self._early_proof: Future[Proof | None] | None = None
        self._lock = threading.RLock()
        self._deadline = deadline(model, len(inputs[0]))
        self._normalised = normalise(model)
        self._sequence = sequence_length(model, inputs)
        self._steps = steps
        self._bounds: Bounds | None = None
        self._jobs = contextlib.ExitStack()
        first = tuple(a[: vectors * steps] for a in inputs)
        try:
            self._litert = self._start(
                LITERT, litert.run, litert.RunRequest(self._normalised.data, inputs, self._sequence)
            )
            self._arena = self._start(
                TFLM, tflm.measure_arena, tflm.ArenaRequest(model.data, first, reference.host_arena_bytes(model), steps)
            )
        except BaseException:
            self._jobs.close()
            raise

    @property
    def arena_min_bytes(self) -> int:
        """The smallest arena with which TFLM runs the model on this machine; waited for.

        Raises:
            EngineError: an engine rejected the model, crashed or hung.
        """
        return self._measure().arena_min_bytes

    @property
    def first(self) -> Samples:
        """What TFLM answers to the first samples, of which golden vectors are made: one array per output; waited for.

        The state is fresh before each vector.

        Raises:
            EngineError: an engine rejected the model, crashed or hung.
        """
        return self._measure().first

    @property
    def bounds(self) -> Bounds | None:
        """How far correct float32 kernels may be from `first`; None for a model that computes in integers.

        Raises:
            EngineError: an engine rejected the model, crashed or hung.
        """
        with self._lock:
            if self._bounds is None:
                self._bounds = bounds(self.model, self.inputs, self.first, self._steps)
            return self._bounds

    def _start(self, engine: Engine, target: Callable[[RequestT], ReplyT], request: RequestT) -> workers.Job[ReplyT]:
        return self._jobs.enter_context(workers.start(engine, target, request))

    def _measure(self) -> _Measured:
        """Wait for the arena, then run all samples in TFLM; a failure is kept."""
        with self._lock:
            if self._measured is None:
                try:
                    self._measured = self._run_in_arena()
                except EngineError as error:
                    self._measured = error
                    self._jobs.close()
            if isinstance(self._measured, EngineError):
                raise self._measured
            return self._measured

    def _run_in_arena(self) -> _Measured:
        try:
            reply = self._arena.result(self._deadline)
        except EngineError:
            # LiteRT rejects nearly all broken files in words, where TFLM may crash: its reason is the better one.
            self._litert.result(self._deadline)
            raise
        size = reply.arena_min_bytes
        run = self._start(TFLM, tflm.run, tflm.RunRequest(self.model.data, self.inputs, size, self._sequence))
        return _Measured(size, _checked(TFLM, reply.outputs, self.model), run)

    def __enter__(self) -> EngineRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.close()

    def result(self) -> Engines:
        """Wait for both engines.

        Raises:
            EngineError: TFLM does not run the model. If LiteRT does not run it, the result reports that.
        """
        with self._lock:
            if self._engines is None:
                try:
                    self._engines = self._collect()
                except EngineError as error:
                    self._engines = error  # a second thread that asks gets the same
            if isinstance(self._engines, EngineError):
                raise self._engines
            return self._engines

    def prove_early(self) -> None:
        """Make the layer proof in the background once both engines have answered, where they differ."""
        if self._early_proof is None:
            self._early_proof = in_background(self._prove_where_they_differ)

    def prove(self, differs: npt.NDArray[np.bool_], drift: npt.NDArray[np.bool_]) -> Proof:
        """Make the layer proof of these samples, or wait for the one under way; see `prove_layers`."""
        if self._proof is None:
            early = self._early_proof.result() if self._early_proof is not None else None
            self._proof = early or prove_layers(self.model, self.inputs, differs, self.arena_min_bytes, drift)
        return self._proof

    def _prove_where_they_differ(self) -> Proof | None:
        engines = self.result()
        differs, drift = engines.differences()
        if not differs.any() and not drift.any():
            return None
        return prove_layers(self.model, self.inputs, differs, engines.arena_min_bytes, drift)

    def tensors(self, numbers: Sequence[int]) -> tuple[Samples, ...]:
        """Return what TFLM leaves in tensors of the main graph, on the first samples, each from a fresh state.

        Args:
            numbers: of the tensors.

        Returns:
            One array per tensor for each of at most `TENSOR_SAMPLES` samples.
        """
        first = tuple(a[:TENSOR_SAMPLES] for a in self.inputs)
        arena = arena_of_all(self.model, self.arena_min_bytes)
        if not keeps_all(self.model):
            shown = tflm.RunRequest(exposed(self.model.data, numbers), first, arena)
            found = workers.run(TFLM, tflm.run, shown, self._deadline).outputs[len(self.model.outputs) :]
            return tuple(tuple(array[sample] for array in found) for sample in range(len(first[0])))
        request = tflm.TensorsRequest(self.model.data, first, arena, tuple(numbers))
        return workers.run(TFLM, tflm.tensors, request, self._deadline)

    def _collect(self) -> Engines:
        running = self._measure().run
        answered: Answers | None = None
        refusal = ""
        try:
            answered = self._litert.result(self._deadline)
        except EngineError as error:
            refusal = error.message
        answers = running.result(self._deadline)
        compared = Answers(()) if answered is None else self._answers(LITERT, answered)
        return Engines(self._answers(TFLM, answers), compared, self.arena_min_bytes, self._normalised.changes, refusal)

    def _answers(self, engine: Engine, answers: Answers) -> Answers:
        sequence = _checked(engine, answers.sequence, self.model) if self.model.is_stateful else ()
        return Answers(_checked(engine, answers.outputs, self.model), sequence)


class EngineRuns:
    """The engines' runs by model and samples: boards that get the same .tflite share one."""

    def __init__(self) -> None:
        self._runs: dict[str, EngineRun] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> EngineRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def get(self, model: TfliteModel, inputs: Samples, vectors: int = 1, steps: int = 1) -> EngineRun:
        """Return the run of this model on these samples, started now or earlier; see `EngineRun`."""
        digest = hashlib.sha256(model.data)
        for sample in (sample for array in inputs for sample in array):
            digest.update(sample.tobytes())
        key = digest.hexdigest()
        if key not in self._runs:
            self._runs[key] = self._open.enter_context(EngineRun(model, inputs, vectors, steps))
        return self._runs[key]


@dataclass(frozen=True)
class Question:
    """The samples for one of a firmware's models.

    Attributes:
        model: what it has.
        inputs: one array per input, samples first.
        before: the number of inferences that the firmware may run by itself at the start, for golden vectors.
        address: of the model in the firmware.
    """

    model: TfliteModel
    inputs: Samples
    before: int = 0
    address: Address = ONLY


def run_firmware(
    project: Sources, model: TfliteModel, inputs: Samples, *, before: int = 0, record: Path | None = None
) -> FirmwareRun:
    """Run a firmware of one model on this machine; see `run_models`."""
    return run_models(project, [Question(model, inputs, before)], record=record)[0]


def run_models(project: Sources, questions: Sequence[Question], *, record: Path | None = None) -> list[FirmwareRun]:
    """Compile a project for this machine, run it and feed it samples over its serial commands.

    Args:
        project: the project's sources.
        questions: the samples for each of its models.
        record: file to write the session to.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
        InputError, SetupError: it does not compile; see `microgen.devices.host_build`.
    """
    kept = max(question.before for question in questions) + TENSOR_SAMPLES
    with host_firmware(project, record=record, kept_inferences=kept) as (client, files):
        arrays = [files.array_of(question.address) for question in questions]
        try:
            client.connect()
            compiled = [array.read_bytes() if array.exists() else None for array in arrays]
            # What it kept so far is of its golden vectors, whose later steps have another state than a sample has.
            at_start = files.tensors.stat().st_size if files.tensors.exists() else 0
            answered = ask_models(client, HOST, questions)
            data = files.tensors.read_bytes()[at_start:] if files.tensors.exists() else None
            tensors = [None if data is None else read_tensors(data, q.address.number) for q in questions]
            parts = zip(answered, compiled, tensors, strict=True)
            return [dataclasses.replace(run, array=array, tensors=kept) for run, array, kept in parts]
        except DeviceError:
            # A firmware with a different model need not answer: the different model is the result.
            found = [array.read_bytes() if array.exists() else None for array in arrays]
            if any(a is not None and not is_flashed(a, q.model) for a, q in zip(found, questions, strict=True)):
                return [FirmwareRun(Answers(()), array, None) for array in found]
            raise


def ask_firmware(client: Client, on: str, model: TfliteModel, inputs: Samples, cpu: str = "") -> FirmwareRun:
    """Feed samples to a firmware of one model; see `ask_models`."""
    return ask_models(client, on, [Question(model, inputs)], cpu)[0]


def ask_models(client: Client, on: str, questions: Sequence[Question], cpu: str = "") -> list[FirmwareRun]:
    """Feed samples to a firmware that runs somewhere.

    Models take turns, sample by sample: a model must not change the outputs of another.

    Args:
        client: the way to it.
        on: the device, as the user named it.
        questions: the samples for each of its models.
        cpu: the emulated CPU that it runs on; "" if none is emulated.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
    """

    def infer(question: Question, sample: int, fresh: bool) -> Inference:
        outputs = question.model.outputs
        raw = [np.ascontiguousarray(a[sample]).tobytes() for a in question.inputs]
        client.address(question.address)
        return client.infer(raw, len(outputs), fresh, output_bytes=sum(t.bytes for t in outputs))

    hashes = []
    for question in questions:
        client.address(question.address)
        hashes.append(client.hash())
    answers: list[list[Inference]] = [[] for _ in questions]
    steps: list[list[Inference]] = [[] for _ in questions]
    for sample in range(max(len(q.inputs[0]) for q in questions)):
        for question, answered in zip(questions, answers, strict=True):
            if sample < len(question.inputs[0]):
                answered.append(infer(question, sample, True))
    lengths = [sequence_length(q.model, q.inputs) for q in questions]
    for step in range(max(lengths)):
        for question, length, answered in zip(questions, lengths, steps, strict=True):
            if step < length:
                answered.append(infer(question, step, step == 0))
            else:
                infer(question, step % len(question.inputs[0]), True)  # between two steps of another model
    runs = []
    for question, sha256, given, in_sequence in zip(questions, hashes, answers, steps, strict=True):
        client.address(question.address)
        median = statistics.median(answer.time_us for answer in given if answer.time_us is not None)
        device = Device(
            client.name(), on, sha256, *client.arena(), inference_us=median, retries=client.damaged, cpu=cpu
        )
        outputs, sequence = (output_arrays(question.model, [a.outputs for a in some]) for some in (given, in_sequence))
        runs.append(FirmwareRun(Answers(outputs, sequence if in_sequence else ()), None, device))
    return runs


def output_arrays(model: TfliteModel, answers: Sequence[Sequence[bytes]]) -> Samples:
    """Turn the raw bytes of answers into one array per output, samples first; rows that no operator wrote are zero.

    Raises:
        EngineError: an output does not have the size that the model gives it.
    """
    outputs = []
    for k, tensor in enumerate(model.outputs):
        data = b"".join(answer[k] for answer in answers)
        if len(data) != tensor.bytes * len(answers):
            raise EngineError("firmware", f"output {k} has the wrong size", "build the project again")
        outputs.append(np.frombuffer(data, tensor.numpy_dtype).reshape(len(answers), *tensor.shape))
    return clear_unwritten(model, outputs)


def sequence_length(model: TfliteModel, inputs: Samples) -> int:
    """Return the number of samples that run as a sequence."""
    return min(_SEQUENCE, len(inputs[0])) if model.is_stateful else 0


def _checked(engine: Engine, answers: Samples, model: TfliteModel) -> Samples:
    """Return the outputs in the shapes that the file gives them, one array per output, samples first.

    Rows that no operator wrote are zero.

    Raises:
        EngineError: they are not the outputs that the file has.
    """
    if len(answers) != len(model.outputs):
        raise EngineError(engine.name, "it does not return all outputs", "report this model to microgen")
    for array, tensor in zip(answers, model.outputs, strict=True):
        if array[0].size != tensor.elements or array.dtype != tensor.numpy_dtype:
            raise EngineError(
                engine.name,
                f"output '{tensor.name}' is {array.dtype} {list(array.shape[1:])}, "
                f"but {tensor.dtype} {list(tensor.shape)} in the file",
                "the model is inconsistent; convert it again",
            )
    return clear_unwritten(model, [a.reshape(len(a), *t.shape) for a, t in zip(answers, model.outputs, strict=True)])
