"""What the serial protocol costs an inference: 1,000 on the host program through it, against TFLM called directly.

Both run the same TFLM (the tflite-micro package's) on the same input. An inference through the protocol loads the
input in hex, resets the state, infers, and reads the output back in hex, with a CRC on everything. The overhead is
what each inference took through the protocol less what its call of TFLM took by the firmware's own clock, so that
both are of the same moment; TFLM called from Python stands beside it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import microgen
from microgen import workers
from microgen.devices import host_firmware
from microgen.projects import open_project
from microgen.projects.manifest import project_sources
from microgen.verification import make_samples
from microgen.workers import TFLM

RUNS = 1000
NAMES = ("kws_ref_model", "pretrainedResnet_quant", "ad01_int8")


@dataclass
class Cost:
    """Microseconds an inference, medians of RUNS."""

    model: str
    bytes_in: int
    bytes_out: int
    python_us: float
    firmware_us: float
    protocol_us: float
    overhead_us: float


@dataclass(frozen=True)
class Sample:
    """One sample for a model with one input."""

    model: bytes
    values: npt.NDArray[Any]
    arena_bytes: int


@dataclass(frozen=True)
class Times:
    """The median time of an inference."""

    us: float


def tflm_times(sample: Sample) -> Times:
    """Call TFLM's Python package directly, in a worker: set the input, infer, get the output."""
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(sample.model, arena_size=sample.arena_bytes)
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        interpreter.reset()
        interpreter.set_input(sample.values, 0)
        interpreter.invoke()
        interpreter.get_output(0)
        times.append(time.perf_counter() - started)
    return Times(statistics.median(times) * 1e6)


def measure(path: Path) -> Cost:
    model = microgen.load(path)
    sample = make_samples(model, 4, 0)[0][3]
    with tempfile.TemporaryDirectory() as folder:
        built = microgen.build(path, "pico", out=Path(folder) / "p", samples=4, verify=False)
        request = Sample(model.data, sample, built.deployment.arena.host_bytes)
        direct = workers.run(TFLM, tflm_times, request).us
        data = [np.ascontiguousarray(sample).tobytes()]
        through, inside = [], []  # microseconds
        with host_firmware(project_sources(open_project(built.project))) as (client, _):
            client.connect()
            for _ in range(RUNS):
                started = time.perf_counter()
                found = client.infer(data, 1)
                through.append((time.perf_counter() - started) * 1e6)
                inside.append(found.time_us or 0)
    return Cost(
        path.stem,
        model.inputs[0].bytes,
        model.outputs[0].bytes,
        direct,
        statistics.median(inside),
        statistics.median(through),
        statistics.median(a - b for a, b in zip(through, inside, strict=True)),
    )


def costs(models: Path, problems: list[str]) -> list[Cost]:
    """Measure the models that are there; which are not is said in `problems`."""
    here = [name for name in NAMES if (models / f"{name}.tflite").is_file()]
    problems += [f"{name} is not here: shared/models beside the project" for name in NAMES if name not in here]
    return [measure(models / f"{name}.tflite") for name in here]
