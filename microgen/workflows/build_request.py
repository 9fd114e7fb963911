"""What a build is asked for, and what it made; see `microgen.workflows.build`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import datasets as calibrations
from .. import defaults, quantization
from ..deployment import Deployment
from ..deployment.fit import Fit
from ..devices import HOST
from ..devices.emulator import EMULATOR
from ..errors import InputError, option
from ..frontends import source as sources
from ..projects.drift import Drift
from ..projects.kind import Compiled
from ..projects.manifest import model_json
from ..runtimes.runtime import CodeOptions
from ..verification import Verdict, check_count
from .count import Counts, ModelMemory, model_memory

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What is to be built; the fields are the arguments of `build`.

    Raises:
        InputError: arguments that contradict each other, or cannot be used whatever the model is.
    """

    model: Any = None
    board: str | Path = defaults.BOARD
    out: str | Path | None = None
    name: str | None = None
    labels: str | Path | Sequence[str] | None = None
    calibration: calibrations.Source | None = None
    scheme: str = defaults.SCHEME
    value_range: tuple[float, float] = defaults.VALUE_RANGE
    sample_rate: int = defaults.SAMPLE_RATE
    allow_float: bool = False
    accept_noise: bool = False
    recipe: str | None = None
    samples: int = defaults.SAMPLES
    seed: int = 0
    verify: bool = True
    verify_on: str = HOST
    compile: bool = False
    force: bool = False
    check: bool = False
    mlperf: str | None = None
    selftest_at_boot: bool | None = None
    arena_bytes: int | None = None
    runtime: str = defaults.RUNTIME
    optimize: str | None = None
    flash_budget: int | None = None
    count: bool = False
    project_kind: str = defaults.PROJECT
    application: str | None = None
    application_options: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check_count(self.samples)
        if self.verify_on not in (HOST, EMULATOR):
            raise InputError(
                "a build is verified elsewhere", f"{HOST} or {EMULATOR}", option="verify_on", value=self.verify_on
            )
        if self.model is not None and self.recipe is not None:
            raise InputError(f"a model and the recipe '{self.recipe}'", "give one of them")
        if self.model is None and self.calibration is not None:
            raise InputError(
                f"{option('calibration')} without a model",
                "leave it out: a recipe brings its own data",
                option="calibration",
            )
        for is_asked, switch in ((self.force, "force"), (self.compile, "compile")):
            if self.check and is_asked:
                raise InputError(
                    f"{option('check', True)} with {option(switch, True)}: a check writes nothing",
                    "give one of them",
                    option=switch,
                )
        if not _NAME.fullmatch(self.firmware_name):
            raise InputError(
                f"name {self.firmware_name!r} cannot be a firmware's name",
                "use letters, digits, dot, dash and underscore, at most 63",
                option="name",
            )

    @property
    def code(self) -> CodeOptions:
        """What generated code is to be good at."""
        return CodeOptions(self.optimize, self.flash_budget)

    @property
    def firmware_name(self) -> str:
        """The firmware's name: the one given, else the code of `mlperf`, the model's, the recipe's."""
        if self.name or self.mlperf:
            return str(self.name or self.mlperf)
        if self.model is None:
            return self.recipe or defaults.RECIPE
        if isinstance(self.model, quantization.Quantized):
            return self.model.model.name
        return sources.slug(sources.name_of(self.model))


@dataclass(frozen=True)
class Progress:
    """Called with how far a build is.

    Attributes:
        on_step: what is done next.
        on_epoch: how many epochs of how many of a recipe's training are done.
    """

    on_step: Callable[[str], None] = lambda step: None
    on_epoch: Callable[[int, int], None] | None = None


@dataclass(frozen=True)
class BuildResult:
    """What `build` made.

    Attributes:
        project: the project's folder.
        deployment: what it was rendered from.
        fit: what it takes of the board's memories.
        verdict: what the verification found.
        compiled: what the project's tool made of it, where it was asked to.
        drift: how the project that is there differs, where it was to be checked; None where it was written.
        source: the quantized model, and what a training or quantization measured.
        timings_s: wall time of each step.
        counts: what an inference takes on the board's CPU, emulated, where that was asked for and can be found out.
        runtime_reason: why the runtime was taken where the choice was left open; "" otherwise.
        accepts_noise: whether a model that quantization has destroyed is taken.
        project_kind: the kind of the project.
    """

    project: Path
    deployment: Deployment
    fit: Fit
    verdict: Verdict
    compiled: Compiled | None
    source: quantization.Quantized
    timings_s: dict[str, float]
    drift: Drift | None = None
    counts: Counts | None = None
    runtime_reason: str = ""
    accepts_noise: bool = False
    project_kind: str = defaults.PROJECT

    @property
    def is_destroyed(self) -> bool:
        """Whether quantization has destroyed the model, and that was not accepted."""
        return self.source.is_destroyed and not self.accepts_noise

    @property
    def memory(self) -> ModelMemory:
        """What the model with the code that computes it takes of flash and RAM."""
        return model_memory(self.deployment, self.counts)

    @property
    def passed(self) -> bool:
        """Whether nothing was found against the model or its firmware, nor, where that was asked, the project."""
        return self.verdict.passed and not self.drift and not self.is_destroyed

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "project": str(self.project),
            "model": model_json(self.deployment.name, self.deployment.model),
            "board": self.deployment.board.name,
            "runtime": self.deployment.plan.runtime,
            "runtime_reason": self.runtime_reason,
            "arena_bytes": self.deployment.arena.bytes,
            "arena": self.deployment.plan.record().get("arena"),
            "memory": self.memory.to_json(),
            "counts": self.counts.to_json() if self.counts else None,
            "fit": self.fit.to_json(),
            "verdict": self.verdict.to_json(),
            "compiled": self.compiled.to_json() if self.compiled else None,
            "drift": self.drift.to_json() if self.drift is not None else None,
            "warnings": [*self.source.warnings, *self.deployment.warnings],
            "metrics": self.source.metrics,
            "source": self.source.record,
            "quality": self.source.quality.to_json() if self.source.quality else None,
            "timings_s": self.timings_s,
        }
