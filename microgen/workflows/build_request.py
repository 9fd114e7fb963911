"""What a build is asked for; see `microgen.workflows.build`."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from .. import datasets as calibrations
from .. import defaults, quantization
from ..deployment import check_names
from ..devices import HOST
from ..devices.emulator import EMULATOR
from ..errors import InputError, option
from ..frontends import source as sources
from ..runtimes.runtime import CodeOptions
from ..verification import check_count

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
