"""What a build made; see `microgen.workflows.build`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import defaults, quantization
from ..deployment import Deployment
from ..deployment.fit import Fit
from ..projects.drift import Drift
from ..projects.kind import Compiled
from ..projects.manifest import model_json
from ..verification import Verdict
from .count import ApplicationCounts, Counts, ModelMemory, model_memory


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
