"""Times a firmware's inferences on its own clock, and lets it test itself."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import defaults
from ..devices import HOST, SelfTest, connected
from ..errors import InputError
from ..projects import open_project
from ..projects.manifest import project_library, project_model, project_runtime, project_sources
from ..support.files import write_file
from ..support.json import json_text
from ..verification import make_samples

SCHEMA = 1
_SEED = 0
# A command to the board should come back within seconds, whatever an inference takes.
_US_PER_COMMAND = 2_000_000
_RUNS_PER_COMMAND = 50


@dataclass(frozen=True)
class Bench:
    """How fast a model is on a device; two of them can be compared.

    Attributes:
        device: the board, as the firmware names it.
        on: "host", or the port.
        model, model_sha256: what ran.
        tflm, kernels: the board's TFLM library, as the project names it.
        runs, warmups: inferences that were timed, and those before.
        median_us, p95_us, min_us, max_us: of one inference, in microseconds.
        inferences_per_s: from the median.
        arena_used_bytes, arena_bytes: of the tensor arena.
        times_us: each of them, in their order.
    """

    device: str
    on: str
    model: str
    model_sha256: str
    tflm: str
    kernels: str
    runs: int
    warmups: int
    median_us: float
    p95_us: float
    min_us: float
    max_us: float
    inferences_per_s: float
    arena_used_bytes: int
    arena_bytes: int
    times_us: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data; the keys are the attributes."""
        return {"schema": SCHEMA, **asdict(self)}


def bench(
    path: str | Path,
    on: str = HOST,
    *,
    runs: int = 100,
    warmups: int = 10,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Bench:
    """Time inferences on a device, one by one, on one seeded random input.

    Args:
        path: the project's folder.
        on, baud, record: see `microgen.devices.connected`.
        runs: how many to time.
        warmups: how many to run before.
        on_step: is told what is done next, for a progress display.

    Raises:
        InputError: not a project, or a number is none.
        SetupError, EngineError: see `microgen.devices.connected`.
    """
    for option, value, least in (("--runs", runs, 1), ("--warmups", warmups, 0)):
        if not least <= value <= 1_000_000:
            raise InputError(f"{option} {value}: must be {least} to 1000000", "leave it out for the default")
    opened = open_project(path)
    model = project_model(opened)
    # The first samples are edges, where some kernels have less to do: take a random one.
    inputs = [np.ascontiguousarray(a[3]).tobytes() for a in make_samples(model, 4, _SEED)]
    on_step(f"timing {runs} inferences on {on}")
    runtime = project_runtime(opened)
    with connected(project_sources(opened), model.sha256, on, baud=baud, record=record) as client:
        client.load(inputs)
        once = client.time(1, 0)[0]
        batch = max(1, min(_RUNS_PER_COMMAND, _US_PER_COMMAND // max(once, 1)))
        for count in _parts(warmups, batch):
            client.time(1, count - 1)
        times: list[int] = []
        for count in _parts(runs, batch):
            times += client.time(count, 0)
            on_step(f"timed {len(times)} of {runs} inferences on {on}")
        name, (used, size) = client.name(), client.arena()
    library = runtime.library(None) if on == HOST else project_library(opened)
    median = statistics.median(times)
    return Bench(
        device=name,
        on=on,
        model=model.name,
        model_sha256=model.sha256,
        tflm=library.name,
        kernels=library.kernels,
        runs=runs,
        warmups=warmups,
        median_us=median,
        p95_us=percentile(times, 95),
        min_us=min(times),
        max_us=max(times),
        inferences_per_s=round(1e6 / max(median, 1), 3),
        arena_used_bytes=used,
        arena_bytes=size,
        times_us=tuple(times),
    )


def percentile(values: list[int], percent: float) -> int:
    """Return the smallest value that at least `percent` of all are not above (nearest rank)."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def write_bench(result: Bench, path: Path) -> None:
    """Write a result to a JSON file.

    Raises:
        InputError: it cannot be written.
    """
    write_file(path, json_text(result.to_json()).encode(), "choose another file")


def read_bench(path: Path) -> Bench:
    """Read what `write_bench` wrote.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        stored = json.loads(path.read_text("utf-8"))
        if stored.pop("schema") != SCHEMA:
            raise ValueError("of another schema")
        return Bench(**{**stored, "times_us": tuple(stored["times_us"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a result of microgen bench ({error})", "write one: microgen bench PROJECT --out FILE"
        ) from None


def selftest(path: str | Path, on: str = HOST, *, baud: int = defaults.BAUD, record: Path | None = None) -> SelfTest:
    """Let a firmware run the golden vectors that lie in its flash.

    Args:
        path: the project's folder.
        on, baud, record: see `microgen.devices.connected`.

    Raises:
        InputError: not a project.
        SetupError, EngineError: see `microgen.devices.connected`.
    """
    opened = open_project(path)
    with connected(project_sources(opened), project_model(opened).sha256, on, baud=baud, record=record) as client:
        return client.selftest()


def _parts(total: int, most: int) -> list[int]:
    return [min(most, total - i) for i in range(0, total, most)]
