"""Runs the engines and the firmware on the same samples and judges what they answered."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import toml, worker
from ..deployment import GOLDEN_MAX
from ..device import HOST, host_firmware
from ..dut import Client, DutError
from ..errors import EngineError
from ..tflite import TfliteModel
from .samples import Samples, output_lsb
from .verdict import BIT_EXACT, DIVERGED, WITHIN_BOUND, Device, LayerDifference, Verdict

_DEADLINE_S = 300.0
# The layer proof looks at every sample whose outputs differ, up to this many, and fills up with others.
_LAYER_SAMPLES = 16


@dataclass(frozen=True)
class Engines:
    """What the two interpreters answered, one array an output, samples first."""

    litert: Samples
    tflm: Samples
    arena_min_bytes: int


@dataclass(frozen=True)
class FirmwareRun:
    """What the firmware answered.

    Attributes:
        outputs: one array an output, samples first.
        array: the model's bytes as they lie in the compiled program; None for a board, where nobody can look.
        device: what it ran on; None for a program that does not answer because its model is another one.
    """

    outputs: Samples
    array: bytes | None
    device: Device | None


class EngineRun:
    """Samples under way in LiteRT (BUILTIN_REF) and TFLM's wheel, each in a process of its own.

    The arena is measured first, so that firmware can be compiled while the samples run.

    Attributes:
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
        self._model = model
        self._jobs = contextlib.ExitStack()
        module = "microgen.verification.engines"
        arrays = {"model": np.frombuffer(model.data, np.uint8), **{f"in{k}": a for k, a in enumerate(inputs)}}
        first = {k: v if k == "model" else v[:GOLDEN_MAX] for k, v in arrays.items()}
        try:
            self._litert = self._jobs.enter_context(worker.start("LiteRT", f"{module}:litert_run", {}, arrays))
            try:
                found = worker.call("TFLM", f"{module}:tflm_arena", {}, first, _DEADLINE_S)
            except EngineError:
                # LiteRT refuses nearly all broken files in words, where TFLM may crash: its reason is the better one.
                self._litert.result(_DEADLINE_S)
                raise
            self.arena_min_bytes = int(found.values["arena_min_bytes"])
            self.first = _outputs(found.arrays, model)
            values = {"arena_bytes": self.arena_min_bytes}
            self._tflm = self._jobs.enter_context(worker.start("TFLM", f"{module}:tflm_run", values, arrays))
        except BaseException:
            self._jobs.close()
            raise

    def __enter__(self) -> EngineRun:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.close()

    def result(self) -> Engines:
        """Wait for both engines; raises EngineError as the constructor does."""
        litert, tflm = (job.result(_DEADLINE_S) for job in (self._litert, self._tflm))
        return Engines(_outputs(litert.arrays, self._model), _outputs(tflm.arrays, self._model), self.arena_min_bytes)


def run_firmware(project: Path, model: TfliteModel, inputs: Samples, *, record: Path | None = None) -> FirmwareRun:
    """Compile a project for this machine, run it and feed it samples over its serial commands.

    Args:
        project: the project's folder.
        model: what it was built from.
        inputs: one array an input, samples first.
        record: file to write the session to.

    Raises:
        EngineError: the firmware crashed, hung or answered nonsense.
        InputError, SetupError: it does not compile; see `microgen.hostbuild`.
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
    answers = [
        client.infer([np.ascontiguousarray(a[s]).tobytes() for a in inputs], len(model.outputs))
        for s in range(len(inputs[0]))
    ]
    outputs = []
    for k, tensor in enumerate(model.outputs):
        data = b"".join(answer.outputs[k] for answer in answers)
        if len(data) != tensor.bytes * len(answers):
            raise EngineError("firmware", f"output {k} has the wrong size", "build the project again")
        outputs.append(np.frombuffer(data, tensor.numpy_dtype).reshape(len(answers), *tensor.shape))
    median = statistics.median(answer.time_us for answer in answers if answer.time_us is not None)
    device = Device(client.name(), on, sha256, *client.arena(), inference_us=median, retries=client.damaged)
    return FirmwareRun(tuple(outputs), None, device)


def judge(
    model: TfliteModel,
    inputs: Samples,
    engines: Engines,
    firmware: FirmwareRun | None,
    seed: int,
    obstacle: str = "",
) -> Verdict:
    """Compare firmware with TFLM and TFLM with LiteRT.

    Args:
        model: the model.
        inputs: the samples.
        engines: what LiteRT and TFLM answered.
        firmware: what the firmware answered, None where it could not run.
        seed: seed of the samples, for the record.
        obstacle: why the firmware could not run.
    """
    samples = len(inputs[0])
    differs = functools.reduce(
        np.logical_or, [_sample_differs(a, b) for a, b in zip(engines.tflm, engines.litert, strict=True)]
    )
    common: dict[str, Any] = {
        "samples": samples,
        "seed": seed,
        "differing_samples": int(differs.sum()),
        "max_abs_diff_lsb": max(
            _largest(a, b) / output_lsb(model, t)
            for t, a, b in zip(model.outputs, engines.tflm, engines.litert, strict=True)
        ),
        "engines": engine_versions(),
        "device": firmware.device if firmware else None,
    }
    fault = _firmware_fault(model, engines.tflm, firmware) if firmware else ""
    if fault:
        return Verdict(DIVERGED, firmware="differs", reason=fault, **common)
    common |= {"firmware": "equal"} if firmware else {"firmware": "not-run", "reason": obstacle}
    if not differs.any():
        return Verdict(BIT_EXACT, **common)
    layers, fault = prove_layers(model, inputs, differs, engines.arena_min_bytes)
    names = tuple(sorted({layer.op for layer in layers}))
    if fault:
        common["reason"] = fault
    return Verdict(DIVERGED if fault else WITHIN_BOUND, ops=names, layers=layers, **common)


def prove_layers(
    model: TfliteModel, inputs: Samples, differs: npt.NDArray[np.bool_], arena_min_bytes: int
) -> tuple[tuple[LayerDifference, ...], str]:
    """Run each operator alone, in both engines, on the inputs that it has in TFLM.

    Returns:
        The operators that differ, in their order, and why this is no proof of `within-bound`: "" when it is.
    """
    from ..tflite.cut import Cutter

    if len(model.subgraphs) > 1:
        return (), "outputs differ, and operators inside control flow cannot be compared one by one yet"
    order = np.argsort(~differs, kind="stable")[:_LAYER_SAMPLES]
    cutter = Cutter(model)
    operators: list[dict[str, Any]] = [
        {"index": op.index, "inputs": list(cutter.activations(op.index)), "outputs": list(op.outputs)}
        for op in model.main.operators
    ]
    cuts = {f"cut{op['index']}": np.frombuffer(cutter.cut(op["index"]), np.uint8) for op in operators}
    arena = arena_min_bytes * 2 + sum(t.bytes + 256 for t in model.main.tensors) + 65536
    arrays = {
        "model": np.frombuffer(model.data, np.uint8),
        **{f"in{k}": a[order] for k, a in enumerate(inputs)},
    }
    module = "microgen.verification.engines"
    tflm = worker.call(
        "TFLM",
        f"{module}:tflm_layers",
        {"arena_bytes": arena, "operators": operators},
        {**arrays, **cuts},
        _DEADLINE_S,
    )
    litert = worker.call(
        "LiteRT",
        f"{module}:litert_layers",
        {"operators": [op["index"] for op in operators], "samples": len(order)},
        {**cuts, **{k: v for k, v in tflm.arrays.items() if "_in" in k}},
        _DEADLINE_S,
    )
    found = []
    explained = ~differs[order]
    for op in model.main.operators:
        if str(op.index) in litert.values["refused"]:
            continue
        largest = 0.0
        for k in range(len(op.outputs)):
            ours, theirs = (r.arrays[f"op{op.index}_out{k}"] for r in (tflm, litert))
            explained = explained | _sample_differs(ours, theirs)
            largest = max(largest, _largest(ours, theirs))
        if largest:
            tensor = model.main.tensors[op.outputs[0]]
            bound = bounds().get(op.name, {}).get(tensor.dtype, 0)
            found.append(LayerDifference(op.index, op.name, tensor.name, tensor.shape, largest, bound))
    return tuple(found), _no_proof(model, found, explained, tflm.values["unfaithful"], litert.values["refused"])


@functools.cache
def bounds() -> dict[str, dict[str, int]]:
    """Return the bound of each operator that has one: {op: {dtype of its output: LSB}}."""
    table = toml.load(Path(__file__).with_name("bounds.toml"))
    return {op: {k: v for k, v in entry.items() if isinstance(v, int)} for op, entry in table.items()}


def engine_versions() -> dict[str, str]:
    """Return the versions of the two interpreters."""
    return {
        "litert": importlib.metadata.version("ai-edge-litert") + " BUILTIN_REF",
        "tflm": importlib.metadata.version("tflite-micro"),
    }


def _no_proof(
    model: TfliteModel,
    found: list[LayerDifference],
    explained: npt.NDArray[np.bool_],
    unfaithful: list[int],
    refused: dict[str, str],
) -> str:
    """Say what stands against `within-bound`; "" when nothing does."""
    for layer in found:
        if not layer.is_within:
            return (
                f"operator {layer.index} ({layer.op}, '{layer.tensor}' {list(layer.shape)}) differs by "
                f"{layer.max_abs_diff_lsb:g} LSB on the same inputs, its bound is {layer.bound_lsb}"
            )
    if unfaithful:
        op = model.main.operators[unfaithful[0]]
        return f"operator {op.index} ({op.name}) computes something else alone than in the model, so nothing is proven"
    if refused:
        index, why = next(iter(refused.items()))
        return f"operator {index} ({model.main.operators[int(index)].name}) does not run alone in LiteRT: {why}"
    if not explained.all():
        return "outputs differ, but on some sample no single operator does"
    return ""


def _firmware_fault(model: TfliteModel, tflm: Samples, firmware: FirmwareRun) -> str:
    """Say in what the firmware is not the model run by TFLM; "" when it is."""
    if firmware.array is not None and firmware.array != model.data:
        if len(firmware.array) != len(model.data):
            return f"the compiled array has {len(firmware.array)} bytes, the model {len(model.data)}"
        ours, theirs = (np.frombuffer(d, np.uint8) for d in (firmware.array, model.data))
        where = np.flatnonzero(ours != theirs)
        first = int(where[0])
        return (
            f"the compiled array is not the model: {len(where)} bytes differ, "
            f"the first is {model.describe_byte(first)}: {theirs[first]} in the model, {ours[first]} in the firmware"
        )
    if firmware.device is None or firmware.device.model_sha256 != hashlib.sha256(model.data).hexdigest():
        return "the firmware names another model's hash than its array has"
    for tensor, ours, theirs in zip(model.outputs, firmware.outputs, tflm, strict=True):
        differs = _sample_differs(ours, theirs)
        if differs.any():
            return (
                f"output '{tensor.name}' of the firmware is not TFLM's on {int(differs.sum())} of "
                f"{len(differs)} samples (first: sample {int(np.flatnonzero(differs)[0])})"
            )
    return ""


def _outputs(arrays: worker.Arrays, model: TfliteModel) -> Samples:
    found = tuple(arrays[f"out{k}"] for k in range(len(model.outputs)) if f"out{k}" in arrays)
    if len(found) != len(model.outputs):
        raise EngineError("TFLM", "it does not give all outputs", "report this model to microgen")
    return tuple(a.reshape(len(a), *t.shape) for a, t in zip(found, model.outputs, strict=True))


def _sample_differs(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether any byte differs."""
    a, b = (np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8) for x in (ours, theirs))
    return (a != b).any(axis=1) if a.shape == b.shape else np.ones(len(ours), np.bool_)


def _largest(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference of two arrays; infinite where one is not a number."""
    kind = np.float64 if ours.dtype.kind == "f" else np.int64
    difference = np.abs(ours.astype(kind) - theirs.astype(kind))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))
