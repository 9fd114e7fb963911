"""What a build is asked for, and what it made; see `microgen.workflows.build`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from .. import datasets as calibrations
from .. import defaults, quantization
from ..deployment import Deployment, check_names
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
from .count import ApplicationCounts, Counts, ModelMemory, model_memory

Labels: TypeAlias = "str | Path | Sequence[str]"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What is to be built; the fields are the arguments of `build`.

    Attributes:
        model: a model, or a tuple of several; a list of one is taken for that one.

    Raises:
        InputError: arguments that contradict each other, or cannot be used whatever the model is.
    """

    model: Any = None
    board: str | Path = defaults.BOARD
    out: str | Path | None = None
    name: str | Sequence[str] | None = None
    labels: Labels | Mapping[str, Labels] | None = None
    calibration: calibrations.Source | Mapping[str, calibrations.Source] | None = None
    scheme: str = defaults.SCHEME
    value_range: tuple[float, float] = defaults.VALUE_RANGE
    sample_rate: int = defaults.SAMPLE_RATE
    allow_float: bool = False
    example: Any = None
    recurrent: str = defaults.RECURRENT
    accept_noise: bool = False
    recipe: str | None = None
    phrase: str | None = None
    samples: int = defaults.SAMPLES
    seed: int = 0
    verify: bool = True
    verify_on: str = HOST
    compile: bool = False
    force: bool = False
    accept_interface: bool = False
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
        if isinstance(self.model, list | tuple):
            if not self.model:
                raise InputError("no model", "give at least one")
            one, several = self.model[0], tuple(self.model)
            object.__setattr__(self, "model", several if len(several) > 1 else one)
        check_count(self.samples)
        if self.verify_on not in (HOST, EMULATOR):
            raise InputError(
                "a build cannot be verified there",
                f"use {HOST} or {EMULATOR}",
                option="verify_on",
                value=self.verify_on,
            )
        if self.model is not None and self.recipe is not None:
            raise InputError(f"a model and the recipe '{self.recipe}'", "give one of them")
        if self.phrase is not None and self.recipe is None:
            raise InputError(
                "only a recipe uses it", f"give {option('recipe', 'wakeword')}", option="phrase", value=self.phrase
            )
        if self.model is None and self.calibration is not None:
            raise InputError(
                f"{option('calibration')} needs a model",
                "omit it; a recipe has its own data",
                option="calibration",
            )
        for is_asked, switch in ((self.force, "force"), (self.compile, "compile")):
            if self.check and is_asked:
                raise InputError(
                    f"{option('check', True)} and {option(switch, True)} exclude each other: a check writes nothing",
                    "give one of them",
                    option=switch,
                )
        if isinstance(self.model, tuple):
            self._check_several()
        elif self.name is not None and not isinstance(self.name, str):
            raise InputError("several names for one model", "give one name", option="name")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise InputError(
                    f"name {name!r} is not a valid firmware name",
                    "use at most 63 letters, digits, dots, dashes and underscores",
                    option="name",
                )

    def _check_several(self) -> None:
        """Refuse what is said of one model where there are several."""
        for name in ("arena_bytes", "flash_budget"):
            if (value := getattr(self, name)) is not None:
                raise InputError("only works for a firmware with one model", "omit it", option=name, value=value)
        given = [self.name] if isinstance(self.name, str) else self.name
        if given is not None and len(given) != len(self.model):
            names = f"{len(given)} name{'' if len(given) == 1 else 's'}"
            raise InputError(
                f"{len(self.model)} models and {names}", "give one name per model, in the same order", option="name"
            )
        check_names(self.names)
        for by_name, what in ((self.labels, "labels"), (self.calibration, "calibration")):
            if by_name is None or (what == "calibration" and isinstance(by_name, str) and by_name == "random"):
                continue
            unknown = sorted(set(by_name) - set(self.names)) if isinstance(by_name, Mapping) else [""]
            if unknown:
                raise InputError(
                    f"there is no model '{unknown[0]}'" if unknown[0] else f"there are {len(self.model)} models",
                    f"name one of {', '.join(self.names)}",
                    option=what,
                )

    @property
    def model_labels(self) -> Labels | None:
        """The labels of the only model."""
        return None if isinstance(self.labels, Mapping) else self.labels

    @property
    def of_models(self) -> tuple[BuildRequest, ...]:
        """What is asked for each model, by its number."""
        if not isinstance(self.model, tuple):
            return (self,)
        labels: Mapping[str, Any] = self.labels if isinstance(self.labels, Mapping) else {}
        data = self.calibration
        return tuple(
            replace(
                self,
                model=model,
                name=name,
                labels=labels.get(name),
                calibration=data.get(name) if isinstance(data, Mapping) else data,
            )
            for model, name in zip(self.model, self.names, strict=True)
        )

    @property
    def code(self) -> CodeOptions:
        """What generated code is to be good at."""
        return CodeOptions(self.optimize, self.flash_budget)

    @property
    def firmware_name(self) -> str:
        """The firmware's name: that of its model, or those of all."""
        return "-".join(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names: those given, else the code of `mlperf` for the first, the models' own, the recipe's."""
        if isinstance(self.model, tuple):
            first, *others = self.model
            if self.name is not None:
                return tuple(map(str, self.name))
            return (self.mlperf or _name_of(first), *map(_name_of, others))
        if self.name or self.mlperf:
            return (str(self.name or self.mlperf),)
        return (self.recipe or defaults.RECIPE if self.model is None else _name_of(self.model),)


def _name_of(model: Any) -> str:  # noqa: ANN401 - a path, or a Keras object
    if isinstance(model, quantization.Quantized):
        return model.model.name
    return sources.slug(sources.name_of(model))


@dataclass(frozen=True)
class Progress:
    """Called with how far a build is.

    Attributes:
        on_step: what is done next.
        on_epoch: how many epochs of how many of a recipe's training are done.
    """

    on_step: Callable[[str], None] = lambda step: None
    on_epoch: Callable[[int, int], None] | None = None


class Clock:
    """Laps of wall time."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a lap, and give it a name."""
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


@dataclass(frozen=True)
class BuiltModel:
    """What `build` found of one of several models.

    Attributes:
        deployment, verdict, source, counts: see `BuildResult`.
    """

    deployment: Deployment
    verdict: Verdict
    source: quantization.Quantized
    counts: Counts | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "model": model_json(self.deployment.name, self.deployment.model),
            "labels": list(self.deployment.labels),
            "counts": self.counts.to_json() if self.counts else None,
            "verdict": self.verdict.to_json(),
            "warnings": [*self.source.warnings, *self.deployment.plan.warnings],
            "metrics": self.source.metrics,
            "source": self.source.record,
            "quality": self.source.quality.to_json() if self.source.quality else None,
        }


@dataclass(frozen=True)
class BuildResult:
    """What `build` made. What is said of a model is said of the first; `models` has each.

    Attributes:
        project: the project's folder.
        deployment: what it was rendered from.
        fit: the use of the board's memories.
        verdict: what the verification found.
        compiled: sizes that the project's tool reports, if `compile` was set.
        drift: differences from the existing project, if `check` was set; None if it was written.
        source: the quantized model, and what a training or quantization measured.
        timings_s: wall time of each step.
        counts: what an inference takes on the board's CPU, emulated, where that was asked for and can be found out.
        runtime_reason: why the runtime was taken where the choice was left open; "" otherwise.
        accepts_noise: whether a model that quantization has destroyed is taken.
        project_kind: the kind of the project.
        further: what was found of the models after the first.
        application: what an application with a sensor takes while it listens, where `counts` were requested.
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
    further: tuple[BuiltModel, ...] = ()
    application: ApplicationCounts | None = None

    @property
    def models(self) -> tuple[BuiltModel, ...]:
        """What was found of each model, by its number."""
        return (BuiltModel(self.deployment, self.verdict, self.source, self.counts), *self.further)

    @property
    def is_destroyed(self) -> bool:
        """Whether quantization has destroyed a model, and that was not accepted."""
        return any(m.source.is_destroyed for m in self.models) and not self.accepts_noise

    @property
    def memory(self) -> ModelMemory:
        """What the models with the code that computes them take of flash and RAM."""
        return model_memory(self.deployment, self.counts)

    @property
    def passed(self) -> bool:
        """Whether nothing was found against a model or the firmware, nor, where that was asked, the project."""
        return all(m.verdict.passed for m in self.models) and not self.drift and not self.is_destroyed

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
            **({"application": self.application.to_json()} if self.application else {}),
            "fit": self.fit.to_json(),
            "verdict": self.verdict.to_json(),
            "compiled": self.compiled.to_json() if self.compiled else None,
            "drift": self.drift.to_json() if self.drift is not None else None,
            "warnings": [*self.source.warnings, *self.deployment.warnings],
            "metrics": self.source.metrics,
            "source": self.source.record,
            "quality": self.source.quality.to_json() if self.source.quality else None,
            "timings_s": self.timings_s,
            **({"models": [m.to_json() for m in self.models]} if self.further else {}),
        }
