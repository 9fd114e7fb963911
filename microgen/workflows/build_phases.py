"""The phases of a build, in their order; each takes the result of the phase before."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import defaults, quantization
from .. import projects as project
from ..deployment import (
    Deployment,
    check_model,
    choose_golden,
    deploy,
    deploy_together,
    golden_inferences,
    golden_shape,
    with_golden,
)
from ..deployment.fit import DoesNotFit, Fit, memory_fit
from ..devices import HOST, Sources
from ..devices.emulator import EMULATOR
from ..errors import InputError, option
from ..projects.drift import Drift, find_drift
from ..projects.firmware import check_edges, own_board
from ..projects.kind import Parts
from ..projects.manifest import manifest
from ..tflite import float_cost
from ..training.train import train
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
from .build_request import Progress
from .build_setting import Setting, check_edited_program
from .device import emulated, firmware_to_be


@dataclass(frozen=True)
class Rendered:
    """A project before it is written.

    Attributes:
        files: their content by their path inside the project, but README and manifest.
        user_files: those that are written once, and are the user's from then on.
        parts: what they were rendered from.
    """

    files: dict[str, bytes]
    user_files: dict[str, bytes]
    parts: Parts


def make_sources(setting: Setting, cache: BuildCache, progress: Progress) -> list[quantization.Quantized]:
    """Phase 1: train the recipe, or read and quantize the models."""
    return [_make_source(setting, number, cache, progress) for number in range(len(setting.of_models))]


def _make_source(setting: Setting, number: int, cache: BuildCache, progress: Progress) -> quantization.Quantized:
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


def check_sources(setting: Setting, sources: Sequence[quantization.Quantized]) -> None:
    """Phase 2: refuse models that the runtime cannot run, or whose inputs and outputs the firmware cannot handle.

    Raises:
        InputError: names the model.
        DoesNotFit: a memory is too small even without what only a run of the models shows.
    """
    for source in sources:
        _check_source(setting, source)
    check_edited_program(setting, sources)
    decide(setting, sources)


def _check_source(setting: Setting, source: quantization.Quantized) -> None:
    allow_float = setting.request.allow_float or source.is_float
    check_model(source.model, setting.board, allow_float=allow_float, runtime=setting.runtime.name)
    check_edges(source.model)
    if len(setting.of_models) > 1 and (cost := float_cost(source.model)):
        raise InputError(
            f"{source.model.name}: {cost}; a firmware with several models supports integer models only",
            f"quantize it ({option('scheme', 'int8')}), or build a firmware for this model only",
            option="scheme",
        )


def start_engines(
    setting: Setting, sources: Sequence[quantization.Quantized], cache: BuildCache, progress: Progress
) -> list[EngineRun]:
    """Phase 3: start the models in LiteRT and TFLM, each on its own samples."""
    counts = [sample_count(source.model, setting.request.samples) for source in sources]
    progress.on_step(f"running LiteRT and TFLM on {max(counts)} samples")
    running = []
    for number, (source, count) in enumerate(zip(sources, counts, strict=True)):
        inputs = make_samples(source.model, count, setting.request.seed, source.calibration or None)
        if number == 0:  # the one that the application works with
            inputs = with_golden(setting.application, source.model, inputs)
        running.append(cache.engines.get(source.model, inputs, *golden_shape(source.model, count)))
    return running


def decide(
    setting: Setting, sources: Sequence[quantization.Quantized], host_min_bytes: Sequence[int] = ()
) -> tuple[Deployment, Fit]:
    """Phase 4: decide how the models go onto the board, and whether they fit.

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


def render_files(setting: Setting, deployment: Deployment, running: Sequence[EngineRun]) -> Rendered:
    """Phase 5: render the project's files, but README and manifest, which hold the verdict."""
    golden, *others = (choose_golden(run.model, run.inputs, run.first, _tolerances(run)) for run in running)
    parts = Parts(deployment, golden, tuple(others))
    files = {**setting.kind.files(parts), **own_board(setting.request.board)}
    return Rendered(files, setting.kind.user_files(parts), parts)


def run_firmware(
    setting: Setting, rendered: Rendered, running: Sequence[EngineRun], progress: Progress
) -> Sequence[FirmwareRun | None]:
    """Phase 6: compile the project with the user's own main program, and run it; None for each model where it is not.

    Raises:
        InputError, EngineError: the firmware does not compile, or fails.
    """
    if not setting.runs_firmware:
        return [None for _ in running]
    place = "this machine" if setting.request.verify_on == HOST else f"an emulated {setting.board.processor.title}"
    progress.on_step(f"compiling the firmware for {place} and running it")
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


def _kept_program(setting: Setting, rendered: Rendered) -> dict[str, bytes]:
    """Return the user's own files of the program, by their path in the project: main.cpp and what lies beside it."""
    main = setting.layout.main
    folder = (setting.path / main).parent
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
    names = {p.relative_to(setting.path).as_posix(): p for p in files}
    lost = {main} if setting.request.force else set()
    return {name: p.read_bytes() for name, p in names.items() if name not in rendered.files and name not in lost}


def judge_models(
    setting: Setting, running: Sequence[EngineRun], firmware: Sequence[FirmwareRun | None]
) -> list[Verdict]:
    """Phase 7: compare what firmware and engines answered, for each model."""
    return [_judge_model(setting, run, answered) for run, answered in zip(running, firmware, strict=True)]


def _judge_model(setting: Setting, running: EngineRun, firmware: FirmwareRun | None) -> Verdict:
    if not setting.request.verify:
        return Verdict(NOT_VERIFIED, reason="the verification was switched off")
    verdict = judge(running, firmware, setting.request.seed, setting.obstacle).verdict
    fewer = sample_warning(running.model, setting.request.samples)
    return replace(verdict, warnings=(*verdict.warnings, fewer)) if fewer else verdict


def write_project(
    setting: Setting, rendered: Rendered, verdicts: Sequence[Verdict], sources: Sequence[quantization.Quantized]
) -> Drift | None:
    """Phase 8: write the project, or return how the one that exists differs from it.

    Raises:
        InputError: the folder cannot be written.
    """
    parts, kind = rendered.parts, setting.kind
    files = {**rendered.files, "README.md": kind.readme(parts, verdicts)}
    record = manifest(kind, parts, verdicts, sources)
    if setting.committed is not None:
        return find_drift(setting.committed, files, rendered.user_files, record)
    force = setting.request.force
    project.write(setting.path, files, rendered.user_files, record, force=force, claim=setting.claim)
    return None
