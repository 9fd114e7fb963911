"""The public function `build`: from a model to a verified project, one phase after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import datasets as calibrations
from .. import defaults
from .. import projects as project
from ..deployment import Deployment
from ..devices import HOST
from ..projects.kind import Compiled
from ..support.render import preload
from .build_cache import BuildCache
from .build_phases import (
    check_sources,
    decide,
    judge_models,
    make_sources,
    render_files,
    run_firmware,
    start_engines,
    write_project,
)
from .build_request import BuildRequest, Clock, Labels, Progress
from .build_result import BuildResult, BuiltModel
from .build_setting import Setting, prepare, project_folder, with_runtime, with_training
from .count import ApplicationCounts, Counts, count_application, count_inferences


def build(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    board: str | Path = defaults.BOARD,
    *,
    out: str | Path | None = None,
    name: str | Sequence[str] | None = None,
    labels: Labels | Mapping[str, Labels] | None = None,
    calibration: calibrations.Source | Mapping[str, calibrations.Source] | None = None,
    scheme: str = defaults.SCHEME,
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
    allow_float: bool = False,
    example: Any = None,  # noqa: ANN401 - a tensor of a framework
    recurrent: str = defaults.RECURRENT,
    accept_noise: bool = False,
    recipe: str | None = None,
    phrase: str | None = None,
    samples: int = defaults.SAMPLES,
    seed: int = 0,
    verify: bool = True,
    verify_on: str = HOST,
    compile: bool = False,
    force: bool = False,
    accept_interface: bool = False,
    check: bool = False,
    mlperf: str | None = None,
    selftest_at_boot: bool | None = None,
    arena_bytes: int | None = None,
    runtime: str = defaults.RUNTIME,
    optimize: str | None = None,
    flash_budget: int | None = None,
    count: bool = False,
    project_kind: str = defaults.PROJECT,
    application: str | None = None,
    application_options: Mapping[str, str] | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
) -> BuildResult:
    """Make a firmware project from a model, or from several that share a firmware, and verify it.

    Args:
        model: a .tflite; a .keras, .h5, .pt2, SavedModel, Keras object or torch.nn.Module together with `calibration`,
            see `microgen.quantize`; what `microgen.quantize` returned; None trains `recipe`. A list of several: serial
            commands and functions that name none mean the first.
        board: a board's name or alias, or the path of a board file.
        out: the project's folder; `NAME-BOARD` in the current folder otherwise.
        name: the firmware's name: letters, digits, dot, dash, underscore; otherwise the code of `mlperf`, or from
            the file. Of several models: one for each, in their order.
        labels: names of the first output's elements, or a text file with one per line. For several
            models: a mapping by their names.
        calibration: samples of the inputs, see `microgen.datasets.request`. Of several models: by their names, or
            "random" for all.
        scheme, value_range, sample_rate, allow_float, example, recurrent: of the quantization; see `microgen.quantize`.
        accept_noise: take a model that quantization has destroyed: below 10 dB at the output.
        recipe: what is trained when there is no model; "sine" otherwise.
        phrase: what the recipe "wakeword" is to listen for.
        samples: how many inputs the verification runs.
        seed: seed of training and samples.
        verify: whether to compile the firmware and compare it.
        verify_on: "host" to compile it for this machine, "emulator" for the board's CPU.
        compile: whether to let the project's tool compile it for its board; the project stays if that fails.
        force: overwrite edited generated files, and those that are the user's: the main program and .gitignore.
        accept_interface: keep an edited main program though inputs, outputs or labels of the model are others than
            those that it was edited for.
        check: write nothing, and compare the existing project with a new build.
        mlperf: short for the application "mlperf" with this task: answer the serial commands as this task of MLPerf
            Tiny asks for.
        selftest_at_boot: run the golden vectors whenever the board starts, and print the result; None: if the
            board's kernels are known to be wrong for an operator of the model.
        arena_bytes: size of the tensor arena, where a board has shown what it needs.
        runtime: what runs the model on the board: "tflm", "compiled", or "auto" for the one that `choose_runtime` of
            microgen.deployment takes.
        optimize: what generated code is to be good at: "speed", "balanced" or "size"; None: balanced.
        flash_budget: what its code, weights and constants may take of the flash, in bytes: the fastest that fits is
            taken, from `optimize` on.
        count: link the firmware for the board's CPU too and run one inference on it, emulated, where this machine can:
            `memory` of the result then has what was linked.
        project_kind: the build system that the project is for.
        application, application_options: what the firmware does with the model, and how; None: answer the serial
            commands.
        on_step: called with what is done next, for a progress display.
        on_epoch: called with how many epochs of how many of a recipe's training are done.

    Returns:
        The project, what it was made from, and the verdict; a verdict of `diverged` is returned, not raised.

    Raises:
        InputError: the model, board, data or an option cannot be used; nothing was written.
        SetupError: this machine lacks something; nothing was written.
    """
    request = BuildRequest(
        model=model, board=board, out=out, name=name, labels=labels, calibration=calibration, scheme=scheme,
        value_range=value_range, sample_rate=sample_rate, allow_float=allow_float, example=example,
        recurrent=recurrent, accept_noise=accept_noise, recipe=recipe, phrase=phrase, samples=samples, seed=seed,
        verify=verify, verify_on=verify_on, compile=compile, force=force, accept_interface=accept_interface,
        check=check, mlperf=mlperf, selftest_at_boot=selftest_at_boot, arena_bytes=arena_bytes, runtime=runtime,
        optimize=optimize, flash_budget=flash_budget, count=count, project_kind=project_kind, application=application,
        application_options=application_options,
    )  # fmt: skip
    with BuildCache() as cache:
        return run_build(request, cache, Progress(on_step, on_epoch))


def run_build(request: BuildRequest, cache: BuildCache, progress: Progress) -> BuildResult:
    """Build what is requested; see `build`.

    Args:
        request: the arguments.
        cache: what was made already for the same model on other boards, and is kept for the next.
        progress: called with how far it is.
    """
    with project.Claim(project_folder(request), shared=request.check) as claim:
        return _run_build(request, cache, progress, claim)


def _run_build(request: BuildRequest, cache: BuildCache, progress: Progress, claim: project.Claim) -> BuildResult:
    clock = Clock()
    setting = prepare(request, claim)
    sources = make_sources(setting, cache, progress)
    setting, reason = with_runtime(with_training(setting, sources[0]), sources)
    check_sources(setting, sources)
    clock.lap("model")
    running = start_engines(setting, sources, cache, progress)
    preload(setting.kind.name)
    deployment, fit = decide(setting, sources, [run.arena_min_bytes for run in running])
    clock.lap("arena")
    rendered = render_files(setting, deployment, running)
    if request.verify:
        for run in running:
            run.prove_early()
    firmware = run_firmware(setting, rendered, running, progress)
    if setting.runs_firmware:
        clock.lap("firmware")
    for run in running:
        run.result()
    clock.lap("engines")
    verdicts = judge_models(setting, running, firmware)
    if request.verify:
        clock.lap("verdict")
    drift = write_project(setting, rendered, verdicts, sources)
    clock.lap("check" if request.check else "write")
    compiled = _compile(setting, progress, clock)
    counts, listening = _count(setting, deployment, progress, clock)
    first, *further = map(BuiltModel, deployment.models, verdicts, sources, counts)
    return BuildResult(
        setting.path, deployment, fit, first.verdict, compiled, first.source, clock.laps, drift, first.counts, reason,
        request.accept_noise, setting.kind.name, tuple(further), listening,
    )  # fmt: skip


def _compile(setting: Setting, progress: Progress, clock: Clock) -> Compiled | None:
    """Let the project's tool compile it for its board, where that was asked for."""
    if setting.tool is None:
        return None
    progress.on_step(f"compiling for {setting.board.title} with {setting.tool.title}")
    compiled = setting.tool.compile(project.open_project(setting.path), progress.on_step)
    clock.lap("compile")
    return compiled


def _count(
    setting: Setting, deployment: Deployment, progress: Progress, clock: Clock
) -> tuple[Sequence[Counts | None], ApplicationCounts | None]:
    """Count an inference of each model, and what the application takes while it listens, where that was asked for."""
    if not setting.request.count:
        return [None for _ in deployment.models], None
    progress.on_step(f"counting an inference on an emulated {setting.board.processor.title}")
    counts = count_inferences(deployment)
    listening = count_application(deployment, counts[0]) if setting.application.sensor else None
    clock.lap("count")
    return counts, listening
