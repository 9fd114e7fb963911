"""The public function `build`: from a model to a verified project, one phase after another."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import datasets as calibrations
from .. import defaults, quantization
from .. import projects as project
from ..applications import APPLICATIONS, choose_application
from ..applications.application import Application
from ..boards import Board, load_board
from ..deployment import (
    AUTO,
    Deployment,
    check_model,
    choose_golden,
    choose_runtime,
    deploy,
    deploy_together,
    golden_inferences,
    golden_shape,
    usual_runtime,
    with_golden,
)
from ..deployment.fit import DoesNotFit, Fit, memory_fit
from ..deployment.labels import read_labels
from ..devices import HOST, Layout, Sources
from ..devices import host_build as hostbuild
from ..devices.emulator import EMULATOR
from ..errors import InputError, option
from ..projects.drift import Drift, find_drift
from ..projects.firmware import check_edges, own_board
from ..projects.interface import check_interface
from ..projects.kind import Parts, ProjectKind, Tool
from ..projects.manifest import manifest
from ..recipes import load_recipe, recipe_names
from ..runtimes import RUNTIMES
from ..runtimes.runtime import Runtime
from ..support.host import HostBuild
from ..support.render import preload
from ..tflite import float_cost
from ..training.train import LABELS, train, training_record
from ..verification import (
    NOT_VERIFIED,
    EngineRun,
    FirmwareRun,
    Question,
    Verdict,
    ask_models,
    judge,
    make_samples,
    run_models,
    sample_count,
    sample_warning,
)
from .build_cache import BuildCache
from .build_request import BuildRequest, BuildResult, BuiltModel, Clock, Labels, Progress
from .count import Counts, count_application, count_inferences
from .device import check_emulator, emulated, firmware_to_be


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
    with project.Claim(_folder(request), shared=request.check) as claim:
        return _run_build(request, cache, progress, claim)


def _run_build(request: BuildRequest, cache: BuildCache, progress: Progress, claim: project.Claim) -> BuildResult:
    clock = Clock()
    setting = _prepare(request, claim)
    sources = [_make_source(setting, number, cache, progress) for number in range(len(setting.of_models))]
    setting = _with_training(setting, sources[0])
    models = [source.model for source in sources]
    setting, reason = _choose_runtime(setting, sources)
    for source in sources:
        _check_model(setting, source)
    _check_interface(setting, sources)
    _decide(setting, sources)
    clock.lap("model")
    counts = [sample_count(model, request.samples) for model in models]
    progress.on_step(f"running LiteRT and TFLM on {max(counts)} samples")
    running = [
        _start_engines(setting, number, source, count, cache)
        for number, (source, count) in enumerate(zip(sources, counts, strict=True))
    ]
    preload(setting.kind.name)
    deployment, fit = _decide(setting, sources, [run.arena_min_bytes for run in running])
    clock.lap("arena")
    golden, *others = (choose_golden(run.model, run.inputs, run.first, _tolerances(run)) for run in running)
    rendered = _render(setting, Parts(deployment, golden, tuple(others)))
    firmware: Sequence[FirmwareRun | None] = [None for _ in models]
    if request.verify:
        for run in running:
            run.prove_early()
    if request.verify and not setting.obstacle:
        place = "this machine" if request.verify_on == HOST else f"an emulated {setting.board.processor.title}"
        progress.on_step(f"compiling the firmware for {place} and running it")
        firmware = _run_firmware(setting, rendered, running)
        clock.lap("firmware")
    for run in running:
        run.result()
    clock.lap("engines")
    verdicts = [_judge(setting, run, answered) for run, answered in zip(running, firmware, strict=True)]
    if request.verify:
        clock.lap("verdict")
    drift = _write(setting, rendered, verdicts, sources)
    clock.lap("check" if request.check else "write")
    compiled = None
    if setting.tool:
        progress.on_step(f"compiling for {setting.board.title} with {setting.tool.title}")
        compiled = setting.tool.compile(project.open_project(setting.path), progress.on_step)
        clock.lap("compile")
    counted: Sequence[Counts | None] = [None for _ in models]
    listening = None
    if request.count:
        progress.on_step(f"counting an inference on an emulated {setting.board.processor.title}")
        counted = count_inferences(deployment)
        if setting.application.sensor:
            listening = count_application(deployment, counted[0])
        clock.lap("count")
    built = map(BuiltModel, deployment.models, verdicts, sources, counted)
    first, *further = built
    return BuildResult(
        setting.path, deployment, fit, first.verdict, compiled, first.source, clock.laps, drift, first.counts, reason,
        request.accept_noise, setting.kind.name, tuple(further), listening,
    )  # fmt: skip


@dataclass(frozen=True)
class _Setting:
    """A request, and what it names on this machine.

    Attributes:
        path: the project's folder.
        of_models: what is asked for each model.
        labels: names of the elements of each one's first output, where they were given.
        committed: the project that the build is compared with, where it is to be checked.
        host: how the firmware is compiled for this machine.
        tool: what compiles the project for its board, where that was asked for.
        claim: of the project's folder.
    """

    request: BuildRequest
    board: Board
    runtime: Runtime
    kind: ProjectKind
    application: Application
    path: Path
    of_models: tuple[BuildRequest, ...]
    labels: tuple[tuple[str, ...], ...]
    committed: project.Project | None
    host: HostBuild
    tool: Tool | None
    claim: project.Claim

    @property
    def layout(self) -> Layout:
        """Where the parts of the project lie."""
        return self.kind.layout(self.application)

    @property
    def obstacle(self) -> str:
        """Why the firmware cannot run where it is to be verified; "" where it can."""
        return self.host.obstacle if self.request.verify_on == HOST else ""


@dataclass(frozen=True)
class _Rendered:
    """The files of a project by their path inside it; user files are written once."""

    files: dict[str, bytes]
    user_files: dict[str, bytes]
    parts: Parts


def _folder(request: BuildRequest) -> Path:
    """Return the project's folder."""
    if request.out is not None:
        return Path(request.out)
    return Path(f"{request.firmware_name}-{load_board(str(request.board)).name}")


def _prepare(request: BuildRequest, claim: project.Claim) -> _Setting:
    """Look for everything that a build needs, so that what is missing is reported before any work."""
    board = load_board(str(request.board))
    # Where the choice is open, a model is made for the usual runtime.
    runtime = RUNTIMES.get(usual_runtime(board) if request.runtime == AUTO else request.runtime)
    kind = project.PROJECTS.get(request.project_kind)
    application = choose_application(
        request.application, request.application_options, request.mlperf,
        model=Path(request.model) if isinstance(request.model, (str, Path)) else None,
        usual=_usual_options(request),
    )  # fmt: skip
    kind.check(board, "" if request.runtime == AUTO else runtime.name, application)
    if request.compile and kind.tool is None:
        raise InputError(
            f"microgen has no tool for projects of the kind '{kind.name}': {kind.built_by} compiles them",
            "omit it",
            option="compile",
            value=True,
        )
    if len(request.names) > 1:
        _check_several(kind, application)
    path = claim.folder
    committed = None
    if request.check:
        committed = project.open_project(path, read_only=True)
        project.check_current(committed)
    else:
        project.check_target(path, force=request.force, claim=claim)
        if (path / project.MANIFEST).exists() and not request.force:
            _check_program(project.open_project(path), kind, application)
    of_models = request.of_models
    labels = tuple(read_labels(_labels_of(of_model)) for of_model in of_models)
    host = runtime.host()
    if request.verify and request.verify_on == EMULATOR and request.runtime != AUTO:
        check_emulator(board, runtime)
    elif request.verify and not host.obstacle:
        hostbuild.compiler()
    tool = kind.tool if request.compile else None
    return _Setting(request, board, runtime, kind, application, path, of_models, labels, committed, host, tool, claim)


def _labels_of(request: BuildRequest) -> Labels | None:
    """Return the labels of a model: those given, or those that its training wrote beside it."""
    model, given = request.model, request.model_labels
    if given is None and isinstance(model, (str, Path)) and training_record(Path(model)):
        beside = Path(model).with_name(LABELS)
        return beside if beside.is_file() else None
    return given


def _usual_options(request: BuildRequest) -> Mapping[str, Mapping[str, str]]:
    """Return the options of applications that go with the recipe that a model is, or was, trained by."""
    if request.recipe is not None:
        return load_recipe(request.recipe, request.phrase).applications
    record: Mapping[str, Any] = {}
    if isinstance(request.model, quantization.Quantized):
        record = request.model.record
    elif isinstance(request.model, (str, Path)):
        record = training_record(Path(request.model))
    if isinstance(recorded := record.get("applications"), dict):
        return {str(name): options for name, options in recorded.items() if isinstance(options, dict)}
    name = record.get("recipe")
    return load_recipe(name).applications if name in recipe_names() else {}


def _with_training(setting: _Setting, source: quantization.Quantized) -> _Setting:
    """Set the application as the training of a recipe found it: a cutoff, a threshold."""
    request, found = setting.request, source.record.get("applications")
    if request.model is not None or not isinstance(found, dict):
        return setting
    application = choose_application(request.application, request.application_options, request.mlperf, usual=found)
    return replace(setting, application=application)


def _check_several(kind: ProjectKind, application: Application) -> None:
    """Refuse several models where a project of this kind, or with this application, has one."""
    if not kind.takes_several:
        able = [name for name in project.PROJECTS.names if project.PROJECTS.get(name).takes_several]
        raise InputError(
            f"projects of the kind '{kind.name}' support one model",
            f"use {', '.join(able)} for several, or build one project per model",
            option="project_kind",
            value=kind.name,
        )
    if application.sensor:
        raise InputError(
            f"the application '{application.name}' reads a sensor and needs a firmware with a single model",
            "omit it, or build a firmware for this model only",
            option="application",
            value=application.name,
        )


def _choose_runtime(setting: _Setting, sources: Sequence[quantization.Quantized]) -> tuple[_Setting, str]:
    """Choose the runtime where that is open; return why it was taken, "" where it was asked for."""
    request = setting.request
    if request.runtime != AUTO:
        return setting, ""
    choice = choose_runtime(
        [source.model for source in sources],
        setting.board,
        allow_float=request.allow_float or any(source.is_float for source in sources),
        arena_bytes=request.arena_bytes,
        code=request.code,
    )
    runtime = RUNTIMES.get(choice.runtime)
    setting.kind.check(setting.board, runtime.name, setting.application)
    if request.verify and request.verify_on == EMULATOR:
        check_emulator(setting.board, runtime)
    return replace(setting, runtime=runtime, host=runtime.host()), choice.reason


def _check_program(existing: project.Project, kind: ProjectKind, application: Application) -> None:
    """Refuse to build around a program that is kept, but was written for another kind or application."""
    name = existing.manifest.get("application")
    shares = name in APPLICATIONS.names and APPLICATIONS.get(str(name)).program() == application.program()
    project.check_current(existing, kind.name, "" if shares else application.name)


def _check_interface(setting: _Setting, sources: Sequence[quantization.Quantized]) -> None:
    """Refuse to put a model with another interface under a main program that its user has edited."""
    request = setting.request
    if request.force or request.accept_interface or request.check or not (setting.path / project.MANIFEST).exists():
        return
    models = [
        (source.model.name, source.model, labels or source.labels)
        for source, labels in zip(sources, setting.labels, strict=True)
    ]
    check_interface(project.open_project(setting.path, claim=setting.claim), setting.application.program(), models)


def _make_source(setting: _Setting, number: int, cache: BuildCache, progress: Progress) -> quantization.Quantized:
    """Phase 1: train the recipe, or read and quantize the model of this number."""
    request, on_step = setting.of_models[number], progress.on_step

    def make() -> quantization.Quantized:
        if isinstance(request.model, quantization.Quantized):
            return request.model
        if request.model is None:
            return train(
                request.recipe or defaults.RECIPE, board=setting.board, runtime=setting.runtime.name, seed=request.seed,
                phrase=request.phrase, on_step=on_step, on_epoch=progress.on_epoch,
            ).quantized  # fmt: skip
        on_step("reading the model")
        return quantization.quantize(
            request.model, request.calibration, scheme=request.scheme, board=setting.board,
            runtime=setting.runtime.name, name=request.firmware_name, labels=setting.labels[number],
            value_range=request.value_range, sample_rate=request.sample_rate, allow_float=request.allow_float,
            example=request.example, recurrent=request.recurrent, seed=request.seed, on_step=on_step,
        )  # fmt: skip

    limits = setting.runtime.quantization_limits(setting.board)
    # A training depends on less of the board than the refusals of a conversion, which name its library.
    source = cache.source((number, limits.per_channel_dense if request.model is None else limits), make)
    return replace(source, model=replace(source.model, name=request.firmware_name))


def _check_model(setting: _Setting, source: quantization.Quantized) -> None:
    """Refuse a model that the runtime cannot run, or whose inputs and outputs the firmware cannot handle."""
    allow_float = setting.request.allow_float or source.is_float
    check_model(source.model, setting.board, allow_float=allow_float, runtime=setting.runtime.name)
    check_edges(source.model)
    if len(setting.of_models) > 1 and (cost := float_cost(source.model)):
        raise InputError(
            f"{source.model.name}: {cost}; a firmware with several models supports integer models only",
            f"quantize it ({option('scheme', 'int8')}), or build a firmware for this model only",
            option="scheme",
        )


def _start_engines(
    setting: _Setting, number: int, source: quantization.Quantized, count: int, cache: BuildCache
) -> EngineRun:
    """Phase 2: run the model of this number in LiteRT and TFLM on so many samples."""
    inputs = make_samples(source.model, count, setting.request.seed, source.calibration or None)
    if number == 0:  # the one that the application works with
        inputs = with_golden(setting.application, source.model, inputs)
    return cache.engines.get(source.model, inputs, *golden_shape(source.model, count))


def _decide(
    setting: _Setting, sources: Sequence[quantization.Quantized], host_min_bytes: Sequence[int] = ()
) -> tuple[Deployment, Fit]:
    """Phase 3: decide how the models go onto the board, and whether they fit.

    Args:
        setting, sources: what to put where.
        host_min_bytes: the smallest arenas of the reference on this machine, once they were measured.

    Raises:
        DoesNotFit: a memory is too small, whatever the errors of the figures are.
    """
    request = setting.request
    alone = [
        deploy(
            source.model.name, source.model, setting.board, least, labels or source.labels,
            None if number else setting.application,  # an application works with the first model
            arena_bytes=request.arena_bytes, runtime=setting.runtime.name, code=request.code,
        )
        for number, (source, labels, least) in enumerate(
            zip(sources, setting.labels, host_min_bytes or [0] * len(sources), strict=True)
        )
    ]  # fmt: skip
    deployment = deploy_together(alone)
    at_boot = request.selftest_at_boot
    at_boot = bool(deployment.firmware.known_faults) if at_boot is None else at_boot
    deployment = replace(deployment, selftest_at_boot=at_boot)
    fit = memory_fit(deployment)
    if not fit.fits:
        raise DoesNotFit(deployment, fit)
    return deployment, fit


def _tolerances(running: EngineRun) -> tuple[tuple[float, ...], ...]:
    """Return how far a board may be from each golden vector; none where every byte must be the same."""
    return running.bounds.tolerances if running.bounds else ()


def _render(setting: _Setting, parts: Parts) -> _Rendered:
    """Phase 4: render the project's files, but README and manifest, which hold the verdict."""
    files = {**setting.kind.files(parts), **own_board(setting.request.board)}
    return _Rendered(files, setting.kind.user_files(parts), parts)


def _run_firmware(setting: _Setting, rendered: _Rendered, running: Sequence[EngineRun]) -> list[FirmwareRun]:
    """Phase 4, continued: compile the project with the user's own main program, and run it."""
    layout = setting.layout
    program = {layout.main: rendered.user_files[layout.main], **_kept_program(setting, rendered)}
    with tempfile.TemporaryDirectory(prefix="microgen-build-") as folder:
        project.write_all(Path(folder), {**rendered.files, **program})
        whole = firmware_to_be(Path(folder), layout, rendered.parts.deployment)
        questions = [
            Question(run.model, run.inputs, golden_inferences(run.model), firmware.address)
            for run, firmware in zip(running, whole, strict=True)
        ]
        if setting.request.verify_on == HOST:
            return run_models(Sources(Path(folder), layout, setting.host), questions)
        with emulated(whole[0]) as (client, _):
            return ask_models(client, EMULATOR, questions, setting.board.processor.title)


def _kept_program(setting: _Setting, rendered: _Rendered) -> dict[str, bytes]:
    """Return the user's own files of the program, by their path in the project: main.cpp and what lies beside it."""
    main = setting.layout.main
    folder = (setting.path / main).parent
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
    names = {p.relative_to(setting.path).as_posix(): p for p in files}
    lost = {main} if setting.request.force else set()
    return {name: p.read_bytes() for name, p in names.items() if name not in rendered.files and name not in lost}


def _judge(setting: _Setting, running: EngineRun, firmware: FirmwareRun | None) -> Verdict:
    """Phase 5: compare what firmware and engines answered."""
    if not setting.request.verify:
        return Verdict(NOT_VERIFIED, reason="the verification was switched off")
    verdict = judge(running, firmware, setting.request.seed, setting.obstacle).verdict
    fewer = sample_warning(running.model, setting.request.samples)
    return replace(verdict, warnings=(*verdict.warnings, fewer)) if fewer else verdict


def _write(
    setting: _Setting, rendered: _Rendered, verdicts: Sequence[Verdict], sources: Sequence[quantization.Quantized]
) -> Drift | None:
    """Phase 5, continued: write the project, or return how the one that exists differs from it."""
    parts, kind = rendered.parts, setting.kind
    files = {**rendered.files, "README.md": kind.readme(parts, verdicts)}
    record = manifest(kind, parts, verdicts, sources)
    if setting.committed is not None:
        return find_drift(setting.committed, files, rendered.user_files, record)
    force = setting.request.force
    project.write(setting.path, files, rendered.user_files, record, force=force, claim=setting.claim)
    return None
