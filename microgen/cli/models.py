"""The commands that start from a model or a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import defaults
from ..frontends.source import accepted
from ..report.text import print_json, print_pairs, print_text
from . import completion
from .base import Force, Json, Progress, ReportFile, Samples, Seed, app
from .spelling import SHELL, command_line

if TYPE_CHECKING:
    from ..boards import Board

_TAKEN = f"{accepted()[0].upper()}{accepted()[1:]}"
_Calibration = Annotated[
    str | None,
    typer.Option(
        help="Samples of the input: .npy, .npz, .csv, a folder of images or of WAV files, or `random`.",
        show_default=False,
    ),
]
_RunBy = Annotated[
    str | None,
    typer.Option(help="The board that must run it. Default: what every board runs.", autocompletion=completion.boards),
]
_Scheme = Annotated[
    str,
    typer.Option(help="int8, or int16x8: int16 activations, int8 weights.", autocompletion=completion.schemes),
]
_AllowFloat = Annotated[
    bool, typer.Option("--allow-float", help="Let layers without an integer operator stay in float32; names them.")
]
_Range = Annotated[str, typer.Option("--range", help="What black and white of an image become.")]


Runtime = Annotated[
    str,
    typer.Option(
        help="What runs the model on the board: tflm (TensorFlow Lite Micro) or compiled (the model as C).",
        autocompletion=completion.runtimes,
    ),
]


@app.command()
def build(
    model: Annotated[
        Path | None,
        typer.Argument(help=f"{_TAKEN}; a float model needs --calibration. None: the recipe.", show_default=False),
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
    name: Annotated[str | None, typer.Option(help="The firmware's name. Default: the model file's.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file: what the outputs stand for, one a line.")] = None,
    calibration: _Calibration = None,
    scheme: _Scheme = defaults.SCHEME,
    value_range: _Range = "0,1",
    allow_float: _AllowFloat = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            help=f"What to train when no model is given (microgen recipes). Default: {defaults.RECIPE}.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    samples: Samples = defaults.SAMPLES,
    seed: Seed = 0,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Write the project without checking it.")] = False,
    verify_on: Annotated[
        str, typer.Option("--verify-on", help="host, or emulator: the board's CPU, in QEMU.")
    ] = "host",
    compile: Annotated[bool, typer.Option("--compile", help="Let PlatformIO compile it for the board, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited files, src/main.cpp too.")] = False,
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
    as_json: Json = False,
) -> None:
    """Make a firmware project from a model, compile it for this machine, and verify what it computes."""
    from ..errors import InputError
    from ..workflows import build as pipeline
    from ..workflows import build_all as fleet

    if all_boards and board:
        raise InputError("--board and --all-boards together", "give one of them")
    options: dict[str, Any] = {
        "out": out,
        "name": name,
        "labels": labels,
        "calibration": calibration,
        "scheme": scheme,
        "value_range": _parse_range(value_range),
        "allow_float": allow_float,
        "recipe": recipe,
        "samples": samples,
        "seed": seed,
        "verify": not no_verify,
        "verify_on": verify_on,
        "compile": compile,
        "force": force,
        "check": check,
        "mlperf": mlperf,
        "selftest_at_boot": selftest_at_boot,
        "arena_bytes": arena,
        "runtime": runtime,
    }
    boards = board or [defaults.BOARD]
    if all_boards or len(boards) > 1:
        with Progress() as progress:
            results = fleet.build_all(
                model, None if all_boards else boards, on_step=progress, on_epoch=progress.part, **options
            )
        if as_json:
            print_json([r.to_json() for r in results])
        else:
            from ..report.projects import FLEET_HEADS, fleet_rows
            from ..report.text import table

            table(FLEET_HEADS, fleet_rows(results, SHELL), right=(2, 3))
            if made := [str(r.result.project) for r in results if r.result and not check]:
                print_pairs([("projects", made[0] + (f" to {made[-1]}" if len(made) > 1 else ""))])
        raise typer.Exit(fleet.exit_code(results, all_boards=all_boards))
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


@app.command()
def quantize(
    model: Annotated[Path, typer.Argument(help=f"{_TAKEN}.", show_default=False)],
    calibration: _Calibration = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="The .tflite to write. Default: MODEL_SCHEME.tflite here."),
    ] = None,
    scheme: _Scheme = defaults.SCHEME,
    board: _RunBy = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Text file: what the outputs stand for, one a line; checked against the model."),
    ] = None,
    value_range: _Range = "0,1",
    allow_float: _AllowFloat = False,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Quantize a model to full integer, check that TFLM runs it, and report what it lost."""
    from .. import quantization
    from ..deployment.labels import read_labels
    from ..frontends import source as sources

    path = out or Path(f"{sources.slug(model.stem)}_{scheme}.tflite")
    with Progress() as progress:
        found = quantization.quantize(
            model,
            calibration,
            scheme=scheme,
            board=board,
            out=path,
            labels=read_labels(labels),
            value_range=_parse_range(value_range),
            allow_float=allow_float,
            seed=seed,
            force=force,
            on_step=progress,
        )
    if as_json:
        print_json({"out": str(path), **found.to_json()})
    else:
        from ..report.models import quantized_lines

        print_pairs(quantized_lines(found, str(path)))


@app.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe (microgen recipes).", show_default=False, autocompletion=completion.recipes),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model, labels and calibration data. Default: RECIPE here."),
    ] = None,
    board: _RunBy = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Instead of the recipe's own number."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a recipe, quantize it to int8, and measure it in float, in LiteRT and in TFLM."""
    from ..training import train as training

    path = out or Path(recipe)
    with Progress() as progress:
        found = training.train(
            recipe, out=path, board=board, epochs=epochs, seed=seed, on_step=progress, on_epoch=progress.part
        )
    if as_json:
        print_json({"out": str(path), **found.to_json()})
        return
    from ..report.models import trained_lines, trained_rows
    from ..report.text import table

    heads, rows = trained_rows(found)
    table(heads, rows, right=(1, 2, 3))
    labels = {"labels": f"{path}/labels.txt"} if found.recipe.labels else {}
    data = f"{path}/calibration.npy"
    next_step = command_line(
        "build", f"{path}/{found.recipe.name}.tflite", **labels, calibration=data, board=defaults.BOARD
    )
    print_pairs([*trained_lines(found, str(path)), ("next", next_step)])


@app.command()
def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="One recipe, by name.", show_default=False, autocompletion=completion.recipes),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, or show one."""
    from ..recipes import load_recipe, recipe_names
    from ..report.models import recipe_lines
    from ..report.text import table

    found = [load_recipe(n) for n in ([name] if name is not None else recipe_names())]
    if as_json:
        print_json(found[0].to_json() if name is not None else [r.to_json() for r in found])
    elif name is not None:
        print_pairs(recipe_lines(found[0]))
    else:
        table(["name", "recipe", "task", "data"], [[r.name, r.title, r.task, r.source] for r in found])


@app.command()
def inspect(
    model: Annotated[
        Path, typer.Argument(help="A .tflite, a C array of one, or a project's folder.", show_default=False)
    ],
    board: Annotated[
        str | None,
        typer.Option(
            help="A board: does the model fit, and what makes the peak?",
            show_default=False,
            autocompletion=completion.boards,
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help=f"What runs the model: tflm or compiled. Default: the project's, or {defaults.RUNTIME}.",
            show_default=False,
            autocompletion=completion.runtimes,
        ),
    ] = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Describe a model: inputs, outputs, operators, multiply-accumulates, sizes, memory on a board."""
    from ..workflows.inspect import inspect as run

    found = run(model, board, runtime)
    if report:
        from ..report.html import write_report

        write_report(report, found)
    if as_json:
        print_json(found.to_json())
        return
    from ..report.models import inspect_lines, inspect_table

    print_pairs(inspect_lines(found))
    inspect_table(found)


@app.command()
def boards(
    name: Annotated[
        str | None,
        typer.Argument(help="One board, by name, alias or file.", show_default=False, autocompletion=completion.boards),
    ] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print its file, to start one of your own from.")] = False,
    as_json: Json = False,
) -> None:
    """List the boards, or show one."""
    from ..boards import board_file, list_boards, load_board
    from ..errors import InputError
    from ..report.models import board_lines
    from ..report.text import size, table

    if as_toml:
        if name is None or as_json:
            raise InputError("--toml prints the file of one board", f"microgen boards {defaults.BOARD} --toml")
        load_board(name)
        print_text(board_file(name).read_text("utf-8"))
        return
    if name is not None:
        board = load_board(name)
        if as_json:
            print_json(board.model_dump(mode="json"))
        else:
            print_pairs(board_lines(board))
        return
    found = list_boards()
    if as_json:
        print_json([b.model_dump(mode="json") for b in found])
        return
    rows = [[b.name, b.title, b.mcu.cpu, size(b.mcu.flash_bytes), size(b.mcu.ram_bytes), _tflm(b)] for b in found]
    table(["name", "board", "CPU", "flash", "RAM", "TFLM"], rows, right=(3, 4))


def _tflm(board: Board) -> str:
    return board.snapshot.title if board.snapshot else "-"


def _parse_range(text: str) -> tuple[float, float]:
    from ..errors import InputError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--range {text}: not two numbers", "give it as 0,1 or -1,1 or 0,255") from None
    return low, high
