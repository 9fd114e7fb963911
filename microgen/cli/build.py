"""microgen build: make a firmware project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import (
    ACCEPT_NOISE,
    TAKEN,
    AcceptNoise,
    AllowFloat,
    Application,
    ApplicationOptions,
    Arena,
    FlashBudget,
    Json,
    ModelCalibration,
    Optimize,
    Phrase,
    ProjectKind,
    Range,
    Recurrent,
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
            help=f"{TAKEN}. A float model needs --calibration. Several share a firmware. Without one, the recipe.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A board (microgen boards) or a board file. Repeatable. Default: {defaults.BOARD}.",
            autocompletion=completion.boards,
        ),
    ] = None,
    all_boards: Annotated[
        bool, typer.Option("--all-boards", help="Build a project for every board, and print a table.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Project folder; for several boards, its parent folder. Default: ./NAME-BOARD."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of the firmware. For several models, repeat it for each. Default: the model file's name."
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            help="Text file with one label per line. For several models, repeat it as MODEL=FILE.", metavar="FILE"
        ),
    ] = None,
    calibration: ModelCalibration = None,
    scheme: Scheme = defaults.SCHEME,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    allow_float: AllowFloat = False,
    recurrent: Recurrent = defaults.RECURRENT,
    accept_noise: AcceptNoise = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"The recipe to train if you give no model (microgen recipes). Default: {defaults.RECIPE}.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    phrase: Phrase = None,
    samples: Samples = defaults.SAMPLES,
    seed: Seed = 0,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Write the project without running the firmware.")
    ] = False,
    verify_on: Annotated[
        str, typer.Option("--verify-on", help="Where the firmware runs: host, or emulator (the board's CPU in QEMU).")
    ] = "host",
    compile: Annotated[
        bool, typer.Option("--compile", help="Also compile for the board, with the project's own tool.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited files, including src/main.cpp.")] = False,
    accept_interface: Annotated[
        bool,
        typer.Option(
            "--accept-interface",
            help="Keep an edited src/main.cpp even if the model's inputs, outputs or labels changed.",
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing. Report where the project differs from a new build.")
    ] = False,
    mlperf: Annotated[
        str | None,
        typer.Option(
            help="Implement the commands of an MLPerf Tiny task: ad01, ic01, kws01 or vww01.",
            metavar="TASK",
            autocompletion=completion.tasks,
        ),
    ] = None,
    selftest_at_boot: Annotated[
        bool | None,
        typer.Option(
            "--selftest-at-boot/--no-selftest-at-boot",
            help="Run the golden vectors when the board starts. Default: only if its kernels have known faults.",
            show_default=False,
        ),
    ] = None,
    arena: Arena = None,
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
        raise InputError("--board and --all-boards exclude each other", "give one of them")
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
        "recurrent": recurrent,
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
            lines.append(("next", "run it without --check to rebuild; add --force to discard edits"))
        if result.is_destroyed:
            lines.append(("next", ACCEPT_NOISE))
        print_pairs(lines)
    raise typer.Exit(0 if result.passed else 1)
