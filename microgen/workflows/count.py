"""Counts what an inference costs on the emulated CPU of a board."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..applications.application import ApplicationPart
from ..deployment import Deployment, Golden
from ..devices.emulator import EmulatedBoard, InferenceCount, missing_packages
from ..devices.trace import read_trace
from ..projects import DEFAULT_PROJECT, PROJECTS, write_all
from ..projects.kind import Parts
from ..runtimes import RUNTIMES
from ..tflite import TfliteModel
from ..verification import make_samples
from .device import Firmware, emulated, firmware_to_be
from .emulated_recording import emulate


@dataclass(frozen=True)
class Counts:
    """What one inference takes on an emulated CPU.

    Attributes:
        cpu, emulator: the CPU, and the program and machine that emulate it.
        instructions: from the call of model::Invoke() to its return; exact.
        instructions_by_operator: {"index", "op", "instructions"} per operator in the order of their running; empty
            where the runtime does not report them.
        instructions_outside: those that no operator took.
        stack_bytes, firmware_stack_bytes: largest stack use of an inference, and of the firmware.
        estimated_ms, estimate_error_percent: time of an inference at the board's clock, and how far it may be off.
        flash_bytes, ram_bytes: of the firmware as it was linked, without its stack.
        model_code_bytes, model_constant_bytes, model_ram_bytes: what of that is the model with its runtime, as far as
            their sources lie in the project.
    """

    cpu: str
    emulator: str
    instructions: int
    instructions_by_operator: tuple[dict[str, Any], ...]
    instructions_outside: int
    stack_bytes: int
    firmware_stack_bytes: int
    estimated_ms: float
    estimate_error_percent: int
    flash_bytes: int
    ram_bytes: int
    model_code_bytes: int
    model_constant_bytes: int
    model_ram_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Return the counts as plain data; the keys are the attributes."""
        return asdict(self)


@dataclass(frozen=True)
class ModelMemory:
    """What a model with the code that computes it takes of flash and RAM, in bytes.

    Attributes:
        code_bytes: code, and constants that are no weights.
        weights_bytes: weights and tables of the compiled runtime; the whole .tflite for one that interprets it.
        ram_bytes: the memory of its tensors, and what else its sources keep.
        stack_bytes: largest stack use of an inference; None where none was run.
        source: "linked" for the board's CPU, or "estimated" where this machine cannot.
    """

    code_bytes: int
    weights_bytes: int
    ram_bytes: int
    stack_bytes: int | None
    source: str

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; the keys are the attributes."""
        return asdict(self)


def model_memory(deployment: Deployment, counts: Counts | None) -> ModelMemory:
    """Return what a deployment's models take: as they were linked where that was counted, else as planned."""
    plan = deployment.firmware
    weights = sum(part.bytes for part in plan.model_parts())
    if counts is None:
        return ModelMemory(plan.code_bytes, weights, plan.arena.bytes, None, "estimated")
    code = counts.model_code_bytes + counts.model_constant_bytes - weights
    return ModelMemory(code, weights, counts.model_ram_bytes, counts.stack_bytes, "linked")


def counts_of(firmware: Firmware, board: EmulatedBoard, inferences: Sequence[InferenceCount]) -> Counts:
    """Return what inferences of one model took; where they differ, the most."""
    image, model = board.image, firmware.model
    part = image.part(firmware.folder / firmware.layout.model)
    # A model with state, or one that stops early, may take another way each time.
    largest = max(inferences, key=lambda count: count.instructions)
    operators = model.main.operators
    cost = image.cpu.cost
    assert cost is not None
    return Counts(
        cpu=image.cpu.title,
        emulator=f"{image.machine.program} -M {image.machine.name}",
        instructions=largest.instructions,
        instructions_by_operator=tuple(
            {"index": index, "op": operators[index].name, "instructions": count} for index, count in largest.operators
        ),
        instructions_outside=largest.outside_operators,
        stack_bytes=max(count.stack_bytes for count in inferences),
        firmware_stack_bytes=max(count.firmware_stack_bytes for count in inferences),
        estimated_ms=largest.instructions * cost.cycles_per_instruction / firmware.board.mcu.clock_hz * 1000,
        estimate_error_percent=cost.error_percent,
        flash_bytes=image.flash_bytes,
        ram_bytes=image.ram_bytes,
        model_code_bytes=part.code,
        model_constant_bytes=part.constants,
        model_ram_bytes=part.ram_bytes,
    )


def uncounted(deployment: Deployment) -> str:
    """Say why an inference cannot be counted: the runtime does not run there, or this machine lacks something."""
    cpu = deployment.board.processor
    runtime = RUNTIMES.get(deployment.plan.runtime)
    if obstacle := runtime.emulator_obstacle(cpu) or cpu.obstacle:
        return obstacle
    missing = missing_packages([cpu])
    return f"needs {', '.join(missing)}" if missing else ""


def count_inference(deployment: Deployment) -> Counts | None:
    """Return the counts of a deployment's (first) model; see `count_inferences`."""
    return count_inferences(deployment)[0]


def count_inferences(deployment: Deployment) -> list[Counts | None]:
    """Compile a deployment's firmware for its board's CPU and count an inference of each model, on seeded random input.

    Returns:
        The counts of each model; None where `uncounted` says why.

    Raises:
        InputError, EngineError: the firmware does not compile, or fails.
    """
    if uncounted(deployment):
        return [None for _ in deployment.models]
    kind = PROJECTS.get(DEFAULT_PROJECT)
    # Nobody runs the golden vectors here.
    first, *others = (_zeros(d.model) for d in deployment.models)
    parts = Parts(deployment, first, tuple(others))
    with tempfile.TemporaryDirectory(prefix="microgen-count-") as folder:
        write_all(Path(folder), {**kind.files(parts), **kind.user_files(parts)})
        whole = firmware_to_be(Path(folder), kind.layout(deployment.application), deployment)
        counts: list[Counts | None] = []
        with emulated(whole[0]) as (client, board):
            for firmware in whole:
                # The first samples are edges, where some kernels have less to do: take a random one.
                inputs = [np.ascontiguousarray(a[3]).tobytes() for a in make_samples(firmware.model, 4, 0)]
                client.address(firmware.address)
                client.load(inputs)
                client.reset()
                client.time(1, 0)
                counts.append(counts_of(firmware, board, board.log.inferences()[-1:]))
        return counts


@dataclass(frozen=True)
class ApplicationCounts:
    """What an application with a sensor takes while it listens.

    Attributes:
        application: its name.
        parts: what it takes of flash and RAM, besides the serial commands and the model.
        instructions: a second, without the model: preprocessing, queue and detection.
        inferences: of the model, a second; None where it was not run, as `load` and `estimate_error_percent`.
        load: the part of its time that the CPU works, with the model.
        estimate_error_percent: how far `load` may be off.
        lost: the part of the sensor's values that found the queue full, as inferences take too long.
        uncounted: why instructions are estimated; "" where they were counted on an emulated CPU.
    """

    application: str
    parts: tuple[ApplicationPart, ...]
    instructions: int
    inferences: float | None = None
    load: float | None = None
    estimate_error_percent: int | None = None
    lost: float | None = None
    uncounted: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; the keys are the attributes."""
        return asdict(self)


def count_application(deployment: Deployment, counts: Counts | None) -> ApplicationCounts | None:
    """Let a deployment's firmware listen to noise on its board's CPU, and count what that takes.

    Args:
        deployment: of one model.
        counts: what an inference takes; None where that cannot be counted.

    Returns:
        What was counted, or estimated where `counts` is None; None where the application has no sensor.

    Raises:
        InputError, EngineError: the firmware does not compile, or fails.
    """
    application, model = deployment.application, deployment.model
    recording = application.trial(model)
    if recording is None:
        return None
    parts = application.parts(model)
    if counts is None:
        return ApplicationCounts(
            application.name, parts, sum(part.instructions for part in parts), uncounted=uncounted(deployment)
        )
    kind = PROJECTS.get(DEFAULT_PROJECT)
    with tempfile.TemporaryDirectory(prefix="microgen-count-") as folder:
        whole = Parts(deployment, _zeros(model))
        write_all(Path(folder), {**kind.files(whole), **kind.user_files(whole)})
        (firmware,) = firmware_to_be(Path(folder), kind.layout(deployment.application), deployment)
        work = Path(folder) / "work"
        work.mkdir()
        trace = read_trace(emulate(firmware, work, recording)[1])
    cost = deployment.board.processor.cost
    assert cost is not None and trace.busy_us is not None
    a_second = deployment.board.mcu.clock_hz / cost.cycles_per_instruction
    positions = trace.score_positions
    heard = (len(recording.values) - trace.lost) / recording.rate_hz
    own = max(0.0, trace.busy_us / 1e6 * a_second - len(positions) * counts.instructions) / heard
    rate = (len(positions) - 1) * recording.rate_hz / (positions[-1] - positions[0]) if len(positions) > 1 else 0.0
    return ApplicationCounts(
        application.name,
        parts,
        round(own),
        round(float(rate), 3),
        round((own + float(rate) * counts.instructions) / a_second, 4),
        cost.error_percent,
        round(trace.lost / len(recording.values), 4),
    )


def _zeros(model: TfliteModel) -> Golden:
    """Return a golden vector of zeros."""
    inputs, outputs = (bytes(sum(t.bytes for t in tensors)) for tensors in (model.inputs, model.outputs))
    return Golden((inputs,), (outputs,))
