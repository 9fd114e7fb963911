"""Times a firmware's inferences on its own clock, and lets it test itself."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from .. import defaults
from ..devices import HOST, Client, SelfTest
from ..devices.emulator import EMULATOR
from ..errors import InputError, nearest_path
from ..projects import open_project
from ..projects.manifest import project_library, project_model, project_runtime
from ..support.files import write_file
from ..support.json import json_text, load_json
from ..verification import make_samples
from .count import counts_of
from .device import emulated, firmware_of, open_device

SCHEMA = 1
_SEED = 0
# A command to the board should come back within seconds, whatever an inference takes.
_US_PER_COMMAND = 2_000_000
_RUNS_PER_COMMAND = 50
# Nothing that is measured is larger, and a float64 still holds it exactly.
_LARGEST = 2**53


@dataclass(frozen=True)
class Bench:
    """How fast a model is on a device; two of them can be compared.

    Attributes:
        device: the board, as the firmware names it.
        on: "host", "emulator", or the port.
        model, model_sha256: what ran.
        tflm, kernels: the board's TFLM library, as the project names it.
        runs, warmups: inferences that were timed, and those before.
        median_us, p95_us, min_us, max_us: of one inference, in microseconds.
        inferences_per_s: from the median.
        arena_used_bytes, arena_bytes: of the tensor arena.
        times_us: each of them, in their order. On an emulated CPU these are estimates from the counts below.
        cpu and what follows: see `Counts`; "" and None where no CPU is emulated.
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
    cpu: str = ""
    emulator: str = ""
    instructions: int | None = None
    instructions_by_operator: tuple[dict[str, Any], ...] = ()
    instructions_outside: int | None = None
    stack_bytes: int | None = None
    firmware_stack_bytes: int | None = None
    estimated_ms: float | None = None
    estimate_error_percent: int | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    model_code_bytes: int | None = None
    model_constant_bytes: int | None = None
    model_ram_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data; the keys are the attributes."""
        return {"schema": SCHEMA, **asdict(self)}


def bench(
    path: str | Path,
    on: str = HOST,
    *,
    model: str | None = None,
    runs: int | None = None,
    warmups: int | None = None,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    on_step: Callable[[str], None] = lambda step: None,
) -> Bench:
    """Time inferences on a device, one by one, on one seeded random input.

    Args:
        path: the project's folder.
        on, baud, record: see `microgen.workflows.device.open_device`.
        model: the name of one of a firmware's models; None: the first.
        runs: how many to time; None: 100, on an emulated CPU 2, where one is like the other.
        warmups: how many to run before; None: 10, on an emulated CPU 0.
        on_step: called with what is done next, for a progress display.

    Raises:
        InputError: not a project, or a number is none.
        SetupError, EngineError: see `microgen.workflows.device.open_device`.
    """
    runs = runs if runs is not None else 2 if on == EMULATOR else 100
    warmups = warmups if warmups is not None else 0 if on == EMULATOR else 10
    for name, value, least in (("runs", runs, 1), ("warmups", warmups, 0)):
        if not least <= value <= 1_000_000:
            raise InputError(f"must be {least} to 1000000", "omit it for the default", option=name, value=value)
    opened = open_project(path).of(model)
    timed = project_model(opened)
    # The first samples are edges, where some kernels have less to do: take a random one.
    inputs = [np.ascontiguousarray(a[3]).tobytes() for a in make_samples(timed, 4, _SEED)]
    on_step(f"timing {runs} inferences on {on}")
    counted: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        if on == EMULATOR:
            client, board = stack.enter_context(emulated(firmware_of(opened), record=record))
        else:
            client, board = stack.enter_context(open_device(opened, timed, on, baud=baud, record=record)), None
        client.load(inputs)
        client.reset()
        times = _times(client, runs, warmups, lambda done: on_step(f"timed {done} of {runs} inferences on {on}"))
        name, (used, size) = client.name(), client.arena()
        if board is not None:
            counted = vars(counts_of(firmware_of(opened), board, board.log.inferences()[-runs:]))
    library = project_runtime(opened).library(None) if on == HOST else project_library(opened)
    median = statistics.median(times)
    return Bench(
        device=name,
        on=on,
        model=timed.name,
        model_sha256=timed.sha256,
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
        **counted,
    )


def _times(client: Client, runs: int, warmups: int, on_done: Callable[[int], None]) -> list[int]:
    """Return the microseconds of each of `runs` inferences after `warmups`."""
    once = client.time(1, 0)[0]
    batch = max(1, min(_RUNS_PER_COMMAND, _US_PER_COMMAND // max(once, 1)))
    for count in _parts(warmups, batch):
        client.time(1, count - 1)
    times: list[int] = []
    for count in _parts(runs, batch):
        times += client.time(count, 0)
        on_done(len(times))
    return times


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
        stored = load_json(path)
        if not isinstance(stored, dict) or stored.pop("schema", None) != SCHEMA:
            raise ValueError("of another schema")
        if unknown := set(stored) - set(Bench.__dataclass_fields__):
            raise ValueError(f"with '{min(unknown)}'")
        result = TypeAdapter(Bench).validate_json(json.dumps(stored), strict=True)
        _check_bench(result)
    except OSError as error:
        hint = nearest_path(path, "give a file that `microgen bench` wrote")
        raise InputError(f"{path}: cannot be read ({error.strerror})", hint, path=path) from None
    except ValueError as error:  # pydantic's is one, of several lines
        said = str(error)
        if isinstance(error, ValidationError):
            said = f"{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}"
        raise InputError(
            f"{path}: not a result of `microgen bench` ({said})", "give a file that `microgen bench` wrote", path=path
        ) from None
    return result


def _check_bench(result: Bench) -> None:
    """Raise ValueError where a table of results could not show one."""
    numbers = [value for value in vars(result).values() if isinstance(value, (int, float))]
    if not all(abs(number) <= _LARGEST for number in numbers):
        raise ValueError("a number is not a measurement")
    needed = [result.stack_bytes, result.firmware_stack_bytes, result.flash_bytes, result.ram_bytes]
    if result.model_code_bytes is not None:
        needed += [result.model_constant_bytes, result.model_ram_bytes]
    if result.cpu and None in needed:
        raise ValueError("sizes of the emulated firmware are missing")
    for entry in result.instructions_by_operator:
        kinds = {"index": int, "op": str, "instructions": int}
        if any(not isinstance(entry.get(name), kind) for name, kind in kinds.items()):
            raise ValueError("the instructions of an operator are damaged")


def selftest(
    path: str | Path,
    on: str = HOST,
    *,
    model: str | None = None,
    baud: int = defaults.BAUD,
    record: Path | None = None,
) -> SelfTest:
    """Let a firmware run the golden vectors that lie in its flash.

    Args:
        path: the project's folder.
        model: the name of one of a firmware's models; None: all, up to the first that fails.
        on, baud, record: see `microgen.workflows.device.open_device`.

    Raises:
        InputError: not a project.
        SetupError, EngineError: see `microgen.workflows.device.open_device`.
    """
    opened = open_project(path)
    tested = [opened.of(model)] if model else opened.models
    with open_device(tested[0], project_model(tested[0]), on, baud=baud, record=record) as client:
        passed = 0
        for one in tested:
            client.address(one.address)
            result = client.selftest()
            passed += result.vectors
            if not result.passed:
                where = f"{one.address.name}: " if len(tested) > 1 else ""
                return SelfTest(False, result.vectors, f"{where}{result.fault}")
        return SelfTest(True, passed, "")


def _parts(total: int, most: int) -> list[int]:
    return [min(most, total - i) for i in range(0, total, most)]
