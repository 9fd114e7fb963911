"""microgen build: make a firmware project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import (
    TAKEN,
    AcceptNoise,
    AllowFloat,
    Application,
    ApplicationOptions,
    FlashBudget,
    Json,
    ModelCalibration,
    Optimize,
    Phrase,
    ProjectKind,
    Range,
    Runtime,
    SampleRate,
    Samples,
    Scheme,
    Seed,
    parse_of_models,
    parse_range,
    parse_settings,
)
from .output import Progress
from .spelling import SHELL


def build(
    models: Annotated[
        list[Path] | None,
        typer.Argument(
            help=f"{TAKEN}; a float model needs --calibration. Several share a firmware. None: the recipe.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A board (microgen boards), or a board file; may be given again. Default: {defaults.BOARD}.",
            autocompletion=completion.boards,
        ),
    ] = None,
    all_boards: Annotated[bool, typer.Option("--all-boards", help="A project for every board, and a table.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="The project's folder (of several: the folder above). Default: NAME-BOARD here."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="The firmware's name; of several models, one for each. Default: the model file's."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            help="Text file: what the outputs stand for, one a line. Of several models: MODEL=FILE.", metavar="FILE"
        ),
    ] = None,
    calibration: ModelCalibration = None,
    scheme: Scheme = defaults.SCHEME,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    allow_float: AllowFloat = False,
    accept_noise: AcceptNoise = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"What to train when no model is given (microgen recipes). Default: {defaults.RECIPE}.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    phrase: Phrase = None,
    samples: Samples = defaults.SAMPLES,
    seed: Seed = 0,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Write the project without checking it.")] = False,
    verify_on: Annotated[
        str, typer.Option("--verify-on", help="host, or emulator: the board's CPU, in QEMU.")
    ] = "host",
    compile: Annotated[bool, typer.Option("--compile", help="Let PlatformIO compile it for the board, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited files, src/main.cpp too.")] = False,
    accept_interface: Annotated[
        bool,
        typer.Option(
            "--accept-interface", help="Keep an edited src/main.cpp though the model has other inputs or labels now."
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: compare the project with what a build makes now.")
    ] = False,
    mlperf: Annotated[
        str | None,
        typer.Option(
            help="Answer as MLPerf Tiny's task: ad01, ic01, kws01 or vww01.",
            metavar="TASK",
            autocompletion=completion.tasks,
        ),
    ] = None,
    selftest_at_boot: Annotated[
        bool | None,
        typer.Option(
            "--selftest-at-boot/--no-selftest-at-boot",
            help="Run the golden vectors whenever the board starts. Default: where its kernels have known faults.",
            show_default=False,
        ),
    ] = None,
    arena: Annotated[
        int | None,
        typer.Option(help="Bytes of the tensor arena. Default: as measured. microgen tune asks the board."),
    ] = None,
    runtime: Runtime = defaults.RUNTIME,
    optimize: Optimize = None,
    flash_budget: FlashBudget = None,
    project: ProjectKind = defaults.PROJECT,
    application: Application = None,
    application_option: ApplicationOptions = None,
    as_json: Json = False,
) -> None:
    """Make a firmware project from a model, compile it for this machine, and verify what it computes."""
    from ..errors import InputError
    from ..workflows import build as pipeline
    from ..workflows import build_all as several

    if all_boards and board:
        raise InputError("--board and --all-boards together", "give one of them")
    several_models = models is not None and len(models) > 1
    model = models if several_models else models[0] if models else None
    options: dict[str, Any] = {
        "out": out,
        "name": name if several_models else parse_of_models(name, "name", several=False),
        "labels": parse_of_models(labels, "labels", several=several_models),
        "calibration": parse_of_models(calibration, "calibration", several=several_models),
        "scheme": scheme,
        "value_range": parse_range(value_range),
        "sample_rate": sample_rate,
        "allow_float": allow_float,
        "accept_noise": accept_noise,
        "recipe": recipe,
        "phrase": phrase,
        "samples": samples,
        "seed": seed,
        "verify": not no_verify,
        "verify_on": verify_on,
        "compile": compile,
        "force": force,
        "accept_interface": accept_interface,
        "check": check,
        "mlperf": mlperf,
        "selftest_at_boot": selftest_at_boot,
        "arena_bytes": arena,
        "runtime": runtime,
        "optimize": optimize,
        "flash_budget": flash_budget,
        "count": as_json,
        "project_kind": project,
        "application": application,
        "application_options": parse_settings(application_option),
    }
    boards = board or [defaults.BOARD]
    if all_boards or len(boards) > 1:
        with Progress() as progress:
            results = several.build_all(
                model, None if all_boards else boards, on_step=progress, on_epoch=progress.part, **options
            )
        if as_json:
            print_json([r.to_json() for r in results])
        else:
            from ..report.projects import BOARDS_HEADS, boards_rows
            from ..report.text import table

            table(BOARDS_HEADS, boards_rows(results, SHELL), right=(2, 3))
            if made := [str(r.result.project) for r in results if r.result and not check]:
                print_pairs([("projects", made[0] + (f" to {made[-1]}" if len(made) > 1 else ""))])
        raise typer.Exit(several.exit_code(results, all_boards=all_boards))
    with Progress() as progress:
        result = pipeline.build(model, boards[0], on_step=progress, on_epoch=progress.part, **options)
    if as_json:
        print_json(result.to_json())
    else:
        from ..report.projects import build_lines

        lines = build_lines(result)
        if result.drift:
            lines.append(("next", "the same without --check builds it again; --force drops what was edited"))
        print_pairs(lines)
    raise typer.Exit(0 if result.passed else 1)
