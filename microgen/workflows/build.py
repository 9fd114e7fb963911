"""The public function `build`: the whole way from a model to a verified project, one step after the other."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import datasets as calibrations
from .. import projects as project
from .. import quantization
from ..applications.mlperf import task_options
from ..boards import load_board
from ..deployment import Deployment, Options, choose_golden, deploy, known_issues
from ..deployment import check as check_model
from ..deployment.fit import DoesNotFit, Fit, memory_fit
from ..deployment.labels import read_labels
from ..devices import host_build as hostbuild
from ..errors import InputError
from ..frontends import source as sources
from ..projects.drift import Drift, find_drift
from ..projects.manifest import manifest, model_json
from ..projects.platformio import tool as platformio
from ..projects.platformio.files import USER_FILES, check_edges, own_board, render_golden, render_project, render_readme
from ..training.train import train
from ..verification import NOT_VERIFIED, EngineRuns, Verdict, judge, make_samples, run_firmware
from .build_cache import Shared

DEFAULT_SAMPLES = 100
DEFAULT_RECIPE = "sine"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class BuildResult:
    """What `build` made.

    Attributes:
        project: the project's folder.
        deployment: what it was rendered from.
        fit: what it takes of the board's memories.
        verdict: what the verification found.
        compiled: what PlatformIO made of it, where it was asked to.
        drift: how the project that is there differs, where it was to be checked; None where it was written.
        source: the quantized model, and what a training or quantization measured.
        timings_s: wall time of each step.
    """

    project: Path
    deployment: Deployment
    fit: Fit
    verdict: Verdict
    compiled: platformio.Compiled | None
    source: quantization.Quantized
    timings_s: dict[str, float]
    drift: Drift | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing was found against the firmware, nor, where that was asked, against the project."""
        return self.verdict.passed and not self.drift

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {
            "project": str(self.project),
            "model": model_json(self.deployment.name, self.deployment.model),
            "board": self.deployment.board.name,
            "arena_bytes": self.deployment.arena.bytes,
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


def build(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    board: str | Path = "esp32",
    *,
    out: str | Path | None = None,
    name: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    calibration: calibrations.Source | None = None,
    scheme: str = "int8",
    value_range: tuple[float, float] = (0.0, 1.0),
    allow_float: bool = False,
    recipe: str | None = None,
    samples: int = DEFAULT_SAMPLES,
    seed: int = 0,
    verify: bool = True,
    compile: bool = False,
    force: bool = False,
    check: bool = False,
    mlperf: str | None = None,
    selftest_at_boot: bool | None = None,
    arena_bytes: int | None = None,
    shared: Shared | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> BuildResult:
    """Make a firmware project from a model, and verify it.

    Args:
        model: a .tflite; a .keras, .h5, SavedModel or Keras object together with `calibration`, see
            `microgen.quantize`; what `microgen.quantize` returned; None trains `recipe`.
        board: a board's name or alias, or the path of a board file.
        out: the project's folder; `NAME-BOARD` in the current folder otherwise.
        name: the firmware's name: letters, digits, dot, dash, underscore; otherwise the code of `mlperf`, or from
            the file.
        labels: names of the first output's elements, or a text file with one a line.
        calibration: samples of the inputs, see `microgen.datasets.request`.
        scheme, value_range, allow_float: of the quantization; see `microgen.quantize`.
        recipe: what is trained when there is no model; "sine" otherwise.
        samples: how many inputs the verification runs.
        seed: seed of training and samples.
        verify: whether to compile the firmware for this machine and compare it.
        compile: whether to let PlatformIO compile the project for its board; the project stays if that fails.
        force: overwrite edited generated files, src/main.cpp and .gitignore.
        check: write nothing, and compare the project that is there with what would be written.
        mlperf: answer the serial commands as this task of MLPerf Tiny asks for; see `microgen.applications.mlperf`.
        selftest_at_boot: run the golden vectors whenever the board starts, and say what came out; None: where the
            board's kernels are known to be wrong for an operator of the model.
        arena_bytes: size of the tensor arena, where a board has shown what it needs.
        shared: what is made once for several builds that differ in nothing but the board.
        on_step: is told what is done next, for a progress display.
        on_epoch: is told how many epochs of how many of a recipe's training are done.

    Returns:
        The project, what it was made from, and the verdict; a verdict of `diverged` is returned, not raised.

    Raises:
        InputError: the model, board, data or an option cannot be used; nothing was written.
        SetupError: this machine lacks something; nothing was written.
    """
    clock = _Clock()
    if samples < 1:
        raise InputError(f"--samples {samples}: at least one sample is needed", "leave it out for 100")
    target = load_board(str(board))
    check_origin(model, recipe, calibration)
    name = firmware_name(model, name or mlperf, recipe)
    path = Path(out) if out is not None else Path(f"{name}-{target.name}")
    if check:
        committed = _committed(path, force=force, compile=compile)
    else:
        project.check_target(path, force=force)
    named = read_labels(labels)
    obstacle = hostbuild.host_obstacle()
    if verify and not obstacle:
        hostbuild.compiler()  # a missing one is said now, not after a training

    def make_source() -> quantization.Quantized:
        if isinstance(model, quantization.Quantized):
            return model
        if model is None:
            trained = train(recipe or DEFAULT_RECIPE, board=target, seed=seed, on_step=on_step, on_epoch=on_epoch)
            return trained.quantized
        on_step("reading the model")
        return quantization.quantize(
            model, calibration, scheme=scheme, board=target, name=name, labels=named, value_range=value_range,
            allow_float=allow_float, seed=seed, on_step=on_step,
        )  # fmt: skip

    # A training depends on less of the board than the refusals of a conversion, which name its TFLM.
    kind = quantization.per_channel_dense(target.snapshot, "int8") if model is None else target.snapshot.name
    source = shared.source(kind, make_source) if shared else make_source()
    source = replace(source, model=replace(source.model, name=name))
    check_model(source.model, target, allow_float=allow_float)
    check_edges(source.model)
    # What is too large whatever the errors of the figures are is refused before anything runs.
    _checked_fit(deploy(name, source.model, target, labels=named or source.labels, arena_bytes=arena_bytes))
    if selftest_at_boot is None:
        selftest_at_boot = bool(known_issues(source.model, target.snapshot))
    options = replace(task_options(mlperf, source.model) if mlperf else Options(), selftest_at_boot=selftest_at_boot)
    clock.lap("model")

    on_step(f"running LiteRT and TFLM on {samples} samples")
    inputs = make_samples(source.model, samples, seed, source.calibration or None)
    with (
        contextlib.nullcontext(shared.engines) if shared else EngineRuns() as runs,
        tempfile.TemporaryDirectory(prefix="microgen-build-") as folder,
    ):
        running = runs.get(source.model, inputs)
        clock.lap("arena")
        deployment = deploy(
            name, source.model, target, running.arena_min_bytes, named or source.labels, options, arena_bytes
        )
        fit = _checked_fit(deployment)
        golden = choose_golden(source.model, inputs, running.first)
        files = render_project(deployment) | render_golden(golden) | own_board(board)
        user_files = {name: files.pop(name) for name in USER_FILES}
        firmware = None
        if verify and not obstacle:
            on_step("compiling the firmware for this machine and running it")
            kept = path / "src/main.cpp"
            main = kept.read_bytes() if kept.is_file() and not force else user_files["src/main.cpp"]
            project.write_all(Path(folder), {**files, "src/main.cpp": main})
            firmware = run_firmware(Path(folder), source.model, inputs)
            clock.lap("firmware")
        running.result()
        clock.lap("engines")
    verdict = Verdict(NOT_VERIFIED, reason="--no-verify was given")
    if verify:
        verdict = judge(running, firmware, seed, obstacle).verdict
        clock.lap("verdict")
    files["README.md"] = render_readme(deployment, golden, verdict)
    record = manifest(deployment, golden, verdict, source, mlperf)
    if check:
        drift = find_drift(committed, files, user_files, record)
        clock.lap("check")
        return BuildResult(path, deployment, fit, verdict, None, source, clock.laps, drift)
    project.write(path, files, user_files, record, force=force)
    clock.lap("write")
    compiled = None
    if compile:
        on_step(f"compiling for {target.title} with PlatformIO")
        compiled = platformio.compile_project(path, on_line=on_step)
        clock.lap("compile")
    return BuildResult(path, deployment, fit, verdict, compiled, source, clock.laps)


def check_origin(model: Any, recipe: str | None, calibration: calibrations.Source | None) -> None:  # noqa: ANN401
    """Refuse arguments of `build` that name no model, or two."""
    if model is not None and recipe is not None:
        raise InputError(f"a model and the recipe '{recipe}'", "give one of them")
    if model is None and calibration is not None:
        raise InputError("--calibration without a model", "leave it out: a recipe brings its own data")


def _committed(path: Path, *, force: bool, compile: bool) -> project.Project:
    """Open the project that a build is to be compared with."""
    for asked, option in ((force, "--force"), (compile, "--compile")):
        if asked:
            raise InputError(f"--check with {option}: a check writes nothing", "give one of them")
    return project.open_project(path, read_only=True)


def _checked_fit(deployment: Deployment) -> Fit:
    """Return what the deployment takes of the memories; raises DoesNotFit where one is too small."""
    fit = memory_fit(deployment)
    if not fit.fits:
        raise DoesNotFit(deployment, fit)
    return fit


def firmware_name(model: Any, name: str | None, recipe: str | None) -> str:  # noqa: ANN401
    """Return the firmware's name: the one given, else the model's, else the recipe's.

    Raises:
        InputError: it cannot be a firmware's name.
    """
    if not name:
        if model is None:
            name = recipe or DEFAULT_RECIPE
        elif isinstance(model, quantization.Quantized):
            name = model.model.name
        else:
            name = sources.slug(sources.name_of(model))
    if not _NAME.fullmatch(name):
        raise InputError(
            f"name {name!r} cannot be a firmware's name",
            "use letters, digits, dot, dash and underscore, at most 63",
        )
    return name


class _Clock:
    """Laps of wall time."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now
