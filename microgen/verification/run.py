"""Runs the engines and the firmware on the same samples: what each of them answered."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .. import workers
from ..devices import HOST, Client, DeviceError, Sources, host_firmware
from ..errors import EngineError
from ..runtimes import reference
from ..tflite import TfliteModel
from ..tflite.normalise import normalise
from ..workers import LITERT, TFLM, Engine, litert, tflm
from ..workers.samples import Answers
from .deadline import deadline
from .layer_proof.prove import Proof, prove_layers
from .samples import Samples
from .verdict import Device

RequestT = TypeVar("RequestT")

# How many samples a model with state is also run on without a reset between them.
_SEQUENCE = 32


@dataclass(frozen=True)
class Engines:
    """What the two interpreters answered.

    Attributes:
        reference: TFLM's answers, which are those of every runtime.
        litert: LiteRT's answers, which are what Python computes; empty when it refused the model.
        arena_min_bytes: the smallest arena with which TFLM runs the model on this machine.
        normalised: what was changed in the copy that LiteRT ran.
        refusal: why LiteRT does not run the model, "" when it does.
    """

    reference: Answers
    litert: Answers
    arena_min_bytes: int
    normalised: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class FirmwareRun:
    """What the firmware answered.

    Attributes:
        answers: one array per output, samples first.
        array: the model's bytes as they lie in the compiled program; None for a board, where nobody can look, and for
            a runtime whose firmware does not hold them.
        device: what it ran on; None for a program that does not answer because its model is another one.
    """

    answers: Answers
    array: bytes | None
    device: Device | None


class EngineRun:
    """Samples under way in LiteRT (BUILTIN_REF) and TFLM's wheel, each in a process of its own.

    The arena is measured first, so that firmware can be compiled while the samples run. What the engines answered is
    kept: asking again costs nothing.

    Attributes:
        model, inputs: the model, and one array an input, samples first.
        arena_min_bytes: the smallest arena with which TFLM runs the model on this machine.
        first: what TFLM answers to the first samples, of which golden vectors are made: one array an output.
    """

    def __init__(self, model: TfliteModel, inputs: Samples, early: int = 1) -> None:
        """Start both engines.

        Args:
            model: the model.
            inputs: one array an input, samples first.
            early: how many samples `first` is for.

        Raises:
            EngineError: an engine refused the model, crashed or hung.
        """
        self.model = model
        self.inputs = inputs
        self._engines: Engines | None = None
        self._proof: Proof | None = None
        self._deadline = deadline(model, len(inputs[0]))
        self._normalised = normalise(model)
        self._jobs = contextlib.ExitStack()
        sequence = sequence_length(model, inputs)
        try:
            self._litert = self._start(LITERT, litert.run, litert.RunRequest(self._normalised.data, inputs, sequence))
            try:
                measured = self._measure_arena(early)
            except EngineError:
                # LiteRT refuses nearly all broken files in words, where TFLM may crash: its reason is the better one.
                self._litert.result(self._deadline)
                raise
            self.arena_min_bytes = measured.arena_min_bytes
            self.first = _checked(TFLM, measured.outputs, model)
            self._tflm = self._start(
                TFLM, tflm.run, tflm.RunRequest(model.data, inputs, self.arena_min_bytes, sequence)
            )
        except BaseException:
            self._jobs.close()
            raise

    def _start(self, engine: Engine, target: Callable[[RequestT], Answers], request: RequestT) -> workers.Job[Answers]:
        return self._jobs.enter_context(workers.start(engine, target, request))

    def _measure_arena(self, early: int) -> tflm.ArenaReply:
        first = tuple(a[:early] for a in self.inputs)
        predicted = reference.host_arena_bytes(self.model)
        request = tflm.ArenaRequest(self.model.data, first, predicted)
        return workers.run(TFLM, tflm.measure_arena, request, self._deadline)

    def __enter__(self) -> EngineRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.close()

    def result(self) -> Engines:
        """Wait for both engines.

        Raises:
            EngineError: TFLM does not run the model. That LiteRT does not is a finding, and is returned.
        """
        if self._engines is None:
            self._engines = self._collect()
        return self._engines

    def prove(self, differs: npt.NDArray[np.bool_], drift: npt.NDArray[np.bool_]) -> Proof:
        """Make the layer proof of these samples; see `prove_layers`."""
        if self._proof is None:
            self._proof = prove_layers(self.model, self.inputs, differs, self.arena_min_bytes, drift)
        return self._proof

    def _collect(self) -> Engines:
        answered: Answers | None = None
        refusal = ""
        try:
            answered = self._litert.result(self._deadline)
        except EngineError as error:
            refusal = error.message
        answers = self._tflm.result(self._deadline)
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

    def get(self, model: TfliteModel, inputs: Samples, early: int = 1) -> EngineRun:
        """Return the run of this model on these samples, started now or earlier; see `EngineRun`."""
        key = hashlib.sha256(b"".join((model.data, *(np.ascontiguousarray(a).tobytes() for a in inputs)))).hexdigest()
        if key not in self._runs:
            self._runs[key] = self._open.enter_context(EngineRun(model, inputs, early))
        return self._runs[key]


def run_firmware(project: Sources, model: TfliteModel, inputs: Samples, *, record: Path | None = None) -> FirmwareRun:
    """Compile a project for this machine, run it and feed it samples over its serial commands.

    Args:
        project: the project's sources.
        model: what it was built from.
        inputs: one array an input, samples first.
        record: file to write the session to.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
        InputError, SetupError: it does not compile; see `microgen.devices.host_build`.
    """
    with host_firmware(project, record=record) as (client, array):
        try:
            client.connect()
            compiled = array.read_bytes() if array.exists() else None
            return dataclasses.replace(ask_firmware(client, HOST, model, inputs), array=compiled)
        except DeviceError:
            # A firmware that has another model does not owe an answer: that it has is the finding.
            if array.exists() and array.read_bytes() != model.data:
                return FirmwareRun(Answers(()), array.read_bytes(), None)
            raise


def ask_firmware(client: Client, on: str, model: TfliteModel, inputs: Samples, cpu: str = "") -> FirmwareRun:
    """Feed samples to a firmware that runs somewhere.

    Args:
        client: the way to it.
        on: what the user calls the place.
        model: what it has.
        inputs: one array an input, samples first.
        cpu: the emulated CPU that it runs on; "" where none is emulated.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
    """
    sha256 = client.hash()
    raw = [[np.ascontiguousarray(a[s]).tobytes() for a in inputs] for s in range(len(inputs[0]))]
    answers = [client.infer(data, len(model.outputs)) for data in raw]
    steps = [
        client.infer(d, len(model.outputs), fresh=s == 0) for s, d in enumerate(raw[: sequence_length(model, inputs)])
    ]
    median = statistics.median(answer.time_us for answer in answers if answer.time_us is not None)
    device = Device(client.name(), on, sha256, *client.arena(), inference_us=median, retries=client.damaged, cpu=cpu)
    outputs, sequence = (_arrays(model, [answer.outputs for answer in some]) for some in (answers, steps))
    return FirmwareRun(Answers(outputs, sequence if steps else ()), None, device)


def _arrays(model: TfliteModel, answers: Sequence[Sequence[bytes]]) -> Samples:
    """Turn the raw bytes of answers into one array an output, samples first."""
    outputs = []
    for k, tensor in enumerate(model.outputs):
        data = b"".join(answer[k] for answer in answers)
        if len(data) != tensor.bytes * len(answers):
            raise EngineError("firmware", f"output {k} has the wrong size", "build the project again")
        outputs.append(np.frombuffer(data, tensor.numpy_dtype).reshape(len(answers), *tensor.shape))
    return tuple(outputs)


def sequence_length(model: TfliteModel, inputs: Samples) -> int:
    """Return how many samples are run as a sequence."""
    return min(_SEQUENCE, len(inputs[0])) if model.is_stateful else 0


def _checked(engine: Engine, answers: Samples, model: TfliteModel) -> Samples:
    """Return the outputs in the shapes that the file gives them, one array per output, samples first.

    Raises:
        EngineError: they are not the outputs that the file has.
    """
    if len(answers) != len(model.outputs):
        raise EngineError(engine.name, "it does not give all outputs", "report this model to microgen")
    for array, tensor in zip(answers, model.outputs, strict=True):
        if array[0].size != tensor.elements or array.dtype != tensor.numpy_dtype:
            raise EngineError(
                engine.name,
                f"output '{tensor.name}' came as {array.dtype} {list(array.shape[1:])}, "
                f"the file says {tensor.dtype} {list(tensor.shape)}",
                "the model contradicts itself; convert it again",
            )
    return tuple(a.reshape(len(a), *t.shape) for a, t in zip(answers, model.outputs, strict=True))
