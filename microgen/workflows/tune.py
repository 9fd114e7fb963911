"""Sets the tensor arena to what the board used: its kernels and its pointers need another one than the host's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import defaults
from ..devices import HOST, connected
from ..errors import InputError, option
from ..projects import Project, check_current, check_target, open_project
from ..projects.manifest import project_board, project_board_name, project_model, project_runtime, project_sources
from ..quantization import Quantized, quantize
from ..tflite import TfliteModel
from .build import build
from .build_result import BuildResult


@dataclass(frozen=True)
class Tuned:
    """What `tune` found and made.

    Attributes:
        device: the board, as the firmware names it.
        used_bytes: of the arena, on the board.
        before_bytes: the arena's size before.
        build: the project built again; its deployment has the new arena.
    """

    device: str
    used_bytes: int
    before_bytes: int
    build: BuildResult

    @property
    def arena_bytes(self) -> int:
        """The arena's size now."""
        return self.build.deployment.arena.bytes

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "device": self.device,
            "arena": {"used_bytes": self.used_bytes, "before_bytes": self.before_bytes, "bytes": self.arena_bytes},
            "build": self.build.to_json(),
        }


def tune(
    path: str | Path,
    on: str,
    *,
    calibration: str | Path | None = None,
    baud: int = defaults.BAUD,
    record: Path | None = None,
    force: bool = False,
    on_step: Callable[[str], None] = lambda step: None,
) -> Tuned:
    """Ask the board how much of the arena it uses, and build the project again with that and a margin.

    An interpreter needs more while it allocates than it reports as used. The runtime adds this too.

    Args:
        path: the project's folder; it must be what is flashed on the board.
        on, baud, record: see `microgen.devices.connected`; not "host", whose pointers are twice as long.
        calibration: the data that the project was built with, if any; golden vectors are chosen from it.
        force: overwrite generated files that were edited.
        on_step: called with what is done next, for a progress display.

    Raises:
        InputError: not a project, or it cannot be built again.
        SetupError, EngineError: see `microgen.devices.connected`.
    """
    if on == HOST:
        raise InputError(
            "only a board can measure its arena",
            f"give its port: {option('on', '/dev/ttyUSB0')}",
            option="on",
            value=on,
        )
    opened = open_project(path)
    check_current(opened)
    check_target(opened.path, force=force)
    if len(opened.models) > 1:
        raise InputError(
            f"{opened.path}: the arena of several models cannot be tuned",
            "keep the planned size",
            path=opened.path,
        )
    model = project_model(opened)
    board = project_board(opened)
    runtime = project_runtime(opened)
    on_step(f"asking {on}")
    with connected(project_sources(opened), model, on, baud=baud, record=record) as client:
        client.command("reset")  # is refused, with the reason, by a model that did not come up
        used, size = client.arena()
        device = client.name()
    if device != board.name:
        raise InputError(f"{on} is a {device}, the project is for {board.name}", "connect the project's board")
    built = build(
        _source(opened, model, calibration, on_step),
        project_board_name(opened),
        out=opened.path,
        name=model.name,
        labels=opened.required("labels") or None,
        allow_float=True,  # what is in the project was allowed when it was built
        samples=opened.required("verdict.samples") or defaults.SAMPLES,
        seed=opened.required("verdict.seed"),
        verify=opened.required("verdict.status") != "not-verified",
        force=force,
        application=opened.required("application"),
        application_options=opened.required("application_options"),
        project_kind=opened.required("project"),
        selftest_at_boot=opened.required("selftest_at_boot"),
        arena_bytes=runtime.tuned_arena_bytes(model, board, used),
        runtime=runtime.name,
        on_step=on_step,
    )
    return Tuned(device, used, size, built)


def _source(
    opened: Project, model: TfliteModel, calibration: str | Path | None, on_step: Callable[[str], None]
) -> Quantized:
    """Return the project's model with what its manifest records of where it comes from, such as a threshold.

    Args:
        opened, model: the project and its model.
        calibration: the data that the project was built with; images are scaled as the manifest records.
        on_step: called with the next step, for a progress display.
    """
    record = dict(opened.required("source"))
    warnings = record.pop("warnings", ())
    frontend = str(opened.manifest.get("frontend") or opened.required("source.kind"))
    if calibration is None:
        return Quantized(model, record=record, warnings=tuple(warnings), frontend=frontend)
    low, high = record.get("value_range", defaults.VALUE_RANGE)
    rate = record.get("sample_rate", defaults.SAMPLE_RATE)
    seed = opened.required("verdict.seed")
    read = quantize(
        opened.model_file(), calibration, value_range=(low, high), sample_rate=rate, seed=seed, on_step=on_step
    )
    return replace(
        read, model=model, record={**read.record, **record}, warnings=tuple(dict.fromkeys((*warnings, *read.warnings))),
        frontend=frontend,
    )  # fmt: skip
