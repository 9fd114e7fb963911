"""Runs the engines and the firmware on the same samples and judges what they answered."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..deployment import GOLDEN_MAX
from ..devices import HOST, Client, DutError, host_firmware
from ..errors import EngineError
from ..runtimes.tflm.planner import Target, plan
from ..tflite import TfliteModel
from ..tflite.compare import describe_difference
from ..tflite.normalise import normalise
from ..workers import process as worker
from ..workers.difference import largest, sample_differs
from .layer_proof.faults import model_faults
from .layer_proof.prove import JOBS, Proof, deadline, prove_layers
from .samples import Samples, output_lsb
from .verdict import BIT_EXACT, DIVERGED, UNREFERENCED, WITHIN_BOUND, Device, Verdict

# How many samples a model with state is also run on without a reset between them.
_SEQUENCE = 32


@dataclass(frozen=True)
class Engines:
    """What the two interpreters answered, one array an output, samples first.

    Attributes:
        litert, tflm: the answers, each sample from a fresh state; LiteRT's are empty when it refused the model.
        arena_min_bytes: the smallest arena with which TFLM runs the model on this machine.
        litert_sequence, tflm_sequence: the answers of a model with state to the first samples, one after the other
            without a reset; empty for others.
        normalised: what was changed in the copy that LiteRT ran.
        refusal: why LiteRT does not run the model, "" when it does.
    """

    litert: Samples
    tflm: Samples
    arena_min_bytes: int
    litert_sequence: Samples = ()
    tflm_sequence: Samples = ()
    normalised: tuple[str, ...] = ()
    refusal: str = ""


@dataclass(frozen=True)
class FirmwareRun:
    """What the firmware answered.

    Attributes:
        outputs: one array an output, samples first.
        array: the model's bytes as they lie in the compiled program; None for a board, where nobody can look.
        device: what it ran on; None for a program that does not answer because its model is another one.
        sequence: the answers of a model with state without a reset between samples, as in `Engines`.
    """

    outputs: Samples
    array: bytes | None
    device: Device | None
    sequence: Samples = ()


class EngineRun:
    """Samples under way in LiteRT (BUILTIN_REF) and TFLM's wheel, each in a process of its own.

    The arena is measured first, so that firmware can be compiled while the samples run. What the engines answered is
    kept: asking again costs nothing.

    Attributes:
        model, inputs: the model, and one array an input, samples first.
        arena_min_bytes: the smallest arena with which TFLM runs the model on this machine.
        first: what TFLM answers to the first samples, of which golden vectors are made: one array an output.
    """

    def __init__(self, model: TfliteModel, inputs: Samples) -> None:
        """Start both engines.

        Args:
            model: the model.
            inputs: one array an input, samples first.

        Raises:
            EngineError: an engine refused the model, crashed or hung.
        """
        self.model = model
        self.inputs = inputs
        self._engines: Engines | None = None
        self._proof: Proof | None = None
        self._deadline = deadline(model, len(inputs[0]))
        predicted = {"predicted_bytes": plan(model, Target.HOST).arena_min_bytes}
        self._jobs = contextlib.ExitStack()
        fed = {f"in{k}": a for k, a in enumerate(inputs)}
        arrays = {"model": np.frombuffer(model.data, np.uint8), **fed}
        self._reference = normalise(model)
        reference = {"model": np.frombuffer(self._reference.data, np.uint8), **fed}
        steps = {"sequence": _steps(model, inputs)}
        first = {k: v if k == "model" else v[:GOLDEN_MAX] for k, v in arrays.items()}
        try:
            self._litert = self._jobs.enter_context(worker.start("LiteRT", f"{JOBS}:litert_run", steps, reference))
            try:
                found = worker.call("TFLM", f"{JOBS}:tflm_arena", predicted, first, self._deadline)
            except EngineError:
                # LiteRT refuses nearly all broken files in words, where TFLM may crash: its reason is the better one.
                self._litert.result(self._deadline)
                raise
            self.arena_min_bytes = int(found.values["arena_min_bytes"])
            self.first = _outputs("TFLM", found.arrays, model)
            values = {"arena_bytes": self.arena_min_bytes, **steps}
            self._tflm = self._jobs.enter_context(worker.start("TFLM", f"{JOBS}:tflm_run", values, arrays))
        except BaseException:
            self._jobs.close()
            raise

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
        litert: worker.Arrays
        try:
            litert, refusal = self._litert.result(self._deadline).arrays, ""
        except EngineError as error:
            litert, refusal = {}, error.message
        tflm = self._tflm.result(self._deadline)
        model = self.model
        return Engines(
            () if refusal else _outputs("LiteRT", litert, model),
            _outputs("TFLM", tflm.arrays, model),
            self.arena_min_bytes,
            () if refusal or not model.is_stateful else _outputs("LiteRT", litert, model, "seq"),
            _outputs("TFLM", tflm.arrays, model, "seq") if model.is_stateful else (),
            self._reference.changes,
            refusal,
        )


class EngineRuns:
    """The engines' runs by model and samples: boards that get the same .tflite share one."""

    def __init__(self) -> None:
        self._runs: dict[str, EngineRun] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> EngineRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def get(self, model: TfliteModel, inputs: Samples) -> EngineRun:
        """Return the run of this model on these samples, started now or earlier; see `EngineRun`."""
        key = hashlib.sha256(b"".join((model.data, *(np.ascontiguousarray(a).tobytes() for a in inputs)))).hexdigest()
        if key not in self._runs:
            self._runs[key] = self._open.enter_context(EngineRun(model, inputs))
        return self._runs[key]


def run_firmware(project: Path, model: TfliteModel, inputs: Samples, *, record: Path | None = None) -> FirmwareRun:
    """Compile a project for this machine, run it and feed it samples over its serial commands.

    Args:
        project: the project's folder.
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
            return dataclasses.replace(ask_firmware(client, HOST, model, inputs), array=array.read_bytes())
        except DutError:
            # A firmware that has another model does not owe an answer: that it has is the finding.
            if array.exists() and array.read_bytes() != model.data:
                return FirmwareRun((), array.read_bytes(), None)
            raise


def ask_firmware(client: Client, on: str, model: TfliteModel, inputs: Samples) -> FirmwareRun:
    """Feed samples to a firmware that runs somewhere.

    Args:
        client: the way to it.
        on: what the user calls the place.
        model: what it has.
        inputs: one array an input, samples first.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
    """
    sha256 = client.hash()
    raw = [[np.ascontiguousarray(a[s]).tobytes() for a in inputs] for s in range(len(inputs[0]))]
    answers = [client.infer(data, len(model.outputs)) for data in raw]
    steps = [client.infer(d, len(model.outputs), fresh=s == 0) for s, d in enumerate(raw[: _steps(model, inputs)])]
    median = statistics.median(answer.time_us for answer in answers if answer.time_us is not None)
    device = Device(client.name(), on, sha256, *client.arena(), inference_us=median, retries=client.damaged)
    outputs, sequence = (_arrays(model, [answer.outputs for answer in found]) for found in (answers, steps))
    return FirmwareRun(outputs, None, device, sequence)


def _arrays(model: TfliteModel, answers: Sequence[Sequence[bytes]]) -> Samples:
    """Turn the raw bytes of answers into one array an output, samples first."""
    outputs = []
    for k, tensor in enumerate(model.outputs):
        data = b"".join(answer[k] for answer in answers)
        if len(data) != tensor.bytes * len(answers):
            raise EngineError("firmware", f"output {k} has the wrong size", "build the project again")
        outputs.append(np.frombuffer(data, tensor.numpy_dtype).reshape(len(answers), *tensor.shape))
    return tuple(outputs)


def _steps(model: TfliteModel, inputs: Samples) -> int:
    """Return how many samples are run as a sequence."""
    return min(_SEQUENCE, len(inputs[0])) if model.is_stateful else 0


@dataclass(frozen=True)
class Judgement:
    """A verdict, and the layer proof behind it where one was made."""

    verdict: Verdict
    proof: Proof | None = None


def judge(
    running: EngineRun,
    firmware: FirmwareRun | None,
    seed: int,
    obstacle: str = "",
    all_layers: bool = False,
) -> Judgement:
    """Compare firmware with TFLM and TFLM with LiteRT.

    Args:
        running: the model and its samples in LiteRT and TFLM; it is waited for.
        firmware: what the firmware answered, None where it could not run.
        seed: seed of the samples, for the record.
        obstacle: why the firmware could not run.
        all_layers: make the layer proof in any case, and list every operator.
    """
    model, inputs, engines = running.model, running.inputs, running.result()
    common: dict[str, Any] = {
        "samples": len(inputs[0]),
        "seed": seed,
        "engines": engine_versions(),
        "sequence": _steps(model, inputs),
        "normalised": engines.normalised,
        "faults": model_faults(model),
        "device": firmware.device if firmware else None,
    }
    fault = _firmware_fault(model, engines, firmware) if firmware else ""
    if fault:
        return Judgement(Verdict(DIVERGED, firmware="differs", reason=fault, **common))
    common["firmware"] = "equal" if firmware else "not-run"
    if engines.refusal:
        return Judgement(Verdict(UNREFERENCED, reason=f"TFLM runs the model, and {engines.refusal}", **common))
    differs, drift = (
        _differing(engines.tflm, engines.litert),
        _differing(engines.tflm_sequence, engines.litert_sequence),
    )
    common |= {
        "differing_samples": int(differs.sum()),
        "max_abs_diff_lsb": max(
            largest(a, b) / output_lsb(model, t)
            for answers in ((engines.tflm, engines.litert), (engines.tflm_sequence, engines.litert_sequence))
            for t, a, b in zip(model.outputs, *answers, strict=False)
        ),
        "reason": "" if firmware else obstacle,
    }
    is_equal = not differs.any() and not drift.any()
    if is_equal and not all_layers:
        return Judgement(Verdict(BIT_EXACT, **common))
    proof = running.prove(differs, drift)
    differing = [layer for layer in proof.layers if layer.differs or not layer.is_within]
    common["ops"] = tuple(sorted({layer.op for layer in differing}))
    common["layers"] = proof.layers if all_layers else tuple(differing)
    # Equal outputs on these samples prove nothing where an operator is beyond its bound.
    if proof.culprit is not None or (proof.objection and not is_equal):
        return Judgement(Verdict(DIVERGED, **{**common, "reason": proof.objection}), proof)
    return Judgement(Verdict(BIT_EXACT if is_equal else WITHIN_BOUND, **common), proof)


def engine_versions() -> dict[str, str]:
    """Return the versions of the two interpreters."""
    return {
        "litert": importlib.metadata.version("ai-edge-litert") + " BUILTIN_REF",
        "tflm": importlib.metadata.version("tflite-micro"),
    }


def _differing(ours: Samples, theirs: Samples) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether any output differs."""
    found = [sample_differs(a, b) for a, b in zip(ours, theirs, strict=True)]
    return np.any(found, axis=0) if found else np.zeros(0, np.bool_)


def _firmware_fault(model: TfliteModel, engines: Engines, firmware: FirmwareRun) -> str:
    """Say in what the firmware is not the model run by TFLM; "" when it is."""
    if firmware.array is not None and firmware.array != model.data:
        return _array_fault(model, firmware.array)
    if firmware.device is None or firmware.device.model_sha256 != hashlib.sha256(model.data).hexdigest():
        return "the firmware names another model's hash than its array has"
    for how, found, expected in (
        ("", firmware.outputs, engines.tflm),
        (", without a reset between samples", firmware.sequence, engines.tflm_sequence),
    ):
        for tensor, ours, theirs in zip(model.outputs, found, expected, strict=False):
            differs = sample_differs(ours, theirs)
            if differs.any():
                return (
                    f"output '{tensor.name}' of the firmware is not TFLM's on {int(differs.sum())} of "
                    f"{len(differs)} samples (first: sample {int(np.flatnonzero(differs)[0])}){how}"
                )
    return ""


def _array_fault(model: TfliteModel, array: bytes) -> str:
    """Say in what the compiled array is not the model."""
    if len(array) != len(model.data):
        return f"the compiled array has {len(array)} bytes, the model {len(model.data)}"
    ours, theirs = (np.frombuffer(d, np.uint8) for d in (array, model.data))
    where = np.flatnonzero(ours != theirs)
    first = int(where[0])
    differ = "byte differs" if len(where) == 1 else "bytes differ"
    return (
        f"the compiled array is not the model: {len(where)} {differ}, "
        + (f"{found}; " if (found := describe_difference(model, array)) else "")
        + f"the first is {model.describe_byte(first)}: {theirs[first]} in the model, {ours[first]} in the firmware"
    )


def _outputs(engine: str, arrays: worker.Arrays, model: TfliteModel, prefix: str = "out") -> Samples:
    found = tuple(arrays[f"{prefix}{k}"] for k in range(len(model.outputs)) if f"{prefix}{k}" in arrays)
    if len(found) != len(model.outputs):
        raise EngineError(engine, "it does not give all outputs", "report this model to microgen")
    for array, tensor in zip(found, model.outputs, strict=True):
        if array[0].size != tensor.elements or array.dtype != tensor.numpy_dtype:
            raise EngineError(
                engine,
                f"output '{tensor.name}' came as {array.dtype} {list(array.shape[1:])}, "
                f"the file says {tensor.dtype} {list(tensor.shape)}",
                "the model contradicts itself; convert it again",
            )
    return tuple(a.reshape(len(a), *t.shape) for a, t in zip(found, model.outputs, strict=True))
