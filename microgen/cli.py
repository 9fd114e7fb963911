"""The commands: each parses, calls one public function, and prints. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from . import completion

app = typer.Typer(
    name="microgen",
    help="From a neural network to a flashable, verified TensorFlow Lite Micro firmware project.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
_Samples = Annotated[int, typer.Option(help="How many inputs the verification runs.")]
Seed = Annotated[int, typer.Option(help="Seed of training and of the samples.")]
_On = Annotated[str, typer.Option("--on", help="host, a serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")]
_Baud = Annotated[int, typer.Option(help="Bits a second of the serial port.")]
_Record = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Write the session with the firmware to this text file."),
]
_Port = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="The board's port: /dev/ttyUSB0, COM3. Default: looked for."),
]
_Calibration = Annotated[
    Optional[str],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
    typer.Option(
        help="Samples of the input: .npy, .npz, .csv, a folder of images or of WAV files, or `random`.",
        show_default=False,
    ),
]
_Scheme = Annotated[
    str,
    typer.Option(help="int8, or int16x8: int16 activations, int8 weights.", autocompletion=completion.schemes),
]
_AllowFloat = Annotated[
    bool, typer.Option("--allow-float", help="Let layers without an integer operator stay in float32; names them.")
]
_Range = Annotated[str, typer.Option("--range", help="What black and white of an image become.")]
_Project = Annotated[Path, typer.Argument(help="The folder that microgen build wrote.", show_default=False)]


def _version(wanted: bool) -> None:
    if wanted:
        from .doctor import versions

        print_pairs(versions())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the versions that matter.")
    ] = False,
) -> None:
    pass


@app.command()
def build(
    model: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(
            help="A .tflite; or a .keras, .h5 or SavedModel with --calibration. None: the recipe.", show_default=False
        ),
    ] = None,
    board: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            help="A board (microgen boards), or a board file; may be given again. Default: esp32.",
            autocompletion=completion.boards,
        ),
    ] = None,
    all_boards: Annotated[bool, typer.Option("--all-boards", help="A project for every board, and a table.")] = False,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The project's folder (of several: the folder above). Default: NAME-BOARD here."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="The firmware's name. Default: the model file's.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file: what the outputs stand for, one a line.")] = None,
    calibration: _Calibration = None,
    scheme: _Scheme = "int8",
    value_range: _Range = "0,1",
    allow_float: _AllowFloat = False,
    recipe: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="What to train when no model is given (microgen recipes). Default: sine.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    samples: _Samples = 100,
    seed: Seed = 0,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Write the project without checking it.")] = False,
    compile: Annotated[bool, typer.Option("--compile", help="Let PlatformIO compile it for the board, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited files, src/main.cpp too.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing: compare the project with what a build makes now.")
    ] = False,
    mlperf: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="Answer as MLPerf Tiny's task: ad01, ic01, kws01 or vww01.",
            metavar="TASK",
            autocompletion=completion.tasks,
        ),
    ] = None,
    selftest_at_boot: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option(
            "--selftest-at-boot/--no-selftest-at-boot",
            help="Run the golden vectors whenever the board starts. Default: where its kernels have known faults.",
            show_default=False,
        ),
    ] = None,
    arena: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Bytes of the tensor arena. Default: as measured. microgen tune asks the board."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a firmware project from a model, compile it for this machine, and verify what it computes."""
    from . import fleet, pipeline
    from .errors import InputError

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
        "compile": compile,
        "force": force,
        "check": check,
        "mlperf": mlperf,
        "selftest_at_boot": selftest_at_boot,
        "arena_bytes": arena,
    }
    boards = board or ["esp32"]
    if all_boards or len(boards) > 1:
        with Progress() as progress:
            results = fleet.build_all(
                model, None if all_boards else boards, on_step=progress, on_epoch=progress.part, **options
            )
        if as_json:
            print_json([r.to_json() for r in results])
        else:
            from .report import FLEET_HEADS, fleet_rows, table

            table(FLEET_HEADS, fleet_rows(results), right=(2, 3))
        raise typer.Exit(fleet.exit_code(results, all_boards=all_boards))
    with Progress() as progress:
        result = pipeline.build(model, boards[0], on_step=progress, on_epoch=progress.part, **options)
    if as_json:
        print_json(result.to_json())
    else:
        from .report import build_lines

        print_pairs(build_lines(result))
    raise typer.Exit(0 if result.passed else 1)


_Report = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(help="Write it as one HTML page too."),
]


@app.command()
def quantize(
    model: Annotated[
        Path, typer.Argument(help="A .keras, .h5 or float .tflite, or the folder of a SavedModel.", show_default=False)
    ],
    calibration: _Calibration = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("-o", "--out", help="The .tflite to write. Default: MODEL_SCHEME.tflite here."),
    ] = None,
    scheme: _Scheme = "int8",
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="The board that must run it. Default: what every board runs.", autocompletion=completion.boards
        ),
    ] = None,
    labels: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Text file: what the outputs stand for, one a line; checked against the model."),
    ] = None,
    value_range: _Range = "0,1",
    allow_float: _AllowFloat = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Quantize a model to full integer, check that TFLM runs it, and report what it lost."""
    from . import quantization
    from .labels import read_labels

    path = out or Path(f"{quantization.slug(model.stem)}_{scheme}.tflite")
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
            on_step=progress,
        )
    if as_json:
        print_json({"out": str(path), **found.to_json()})
    else:
        from .report import quantized_lines

        print_pairs(quantized_lines(found, str(path)))


@app.command()
def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe (microgen recipes).", show_default=False, autocompletion=completion.recipes),
    ],
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Folder for model, labels and calibration data. Default: RECIPE here."),
    ] = None,
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="The board that must run it. Default: what every board runs.", autocompletion=completion.boards
        ),
    ] = None,
    epochs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Instead of the recipe's own number."),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a recipe, quantize it to int8, and measure it in float, in LiteRT and in TFLM."""
    from . import training

    path = out or Path(recipe)
    with Progress() as progress:
        found = training.train(
            recipe, out=path, board=board, epochs=epochs, seed=seed, on_step=progress, on_epoch=progress.part
        )
    if as_json:
        print_json({"out": str(path), **found.to_json()})
        return
    from .report import table, trained_lines, trained_rows

    heads, rows = trained_rows(found)
    table(heads, rows, right=(1, 2, 3))
    print_pairs(trained_lines(found, str(path)))


@app.command()
def recipes(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="One recipe, by name.", show_default=False, autocompletion=completion.recipes),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes, or show one."""
    from .recipes import load_recipe, recipe_names
    from .report import recipe_lines, table

    found = [load_recipe(n) for n in ([name] if name is not None else recipe_names())]
    if as_json:
        print_json(found[0].to_json() if name is not None else [r.to_json() for r in found])
    elif name is not None:
        print_pairs(recipe_lines(found[0]))
    else:
        table(["name", "recipe", "task", "data"], [[r.name, r.title, r.task, r.source] for r in found])


@app.command()
def verify(
    project: Annotated[Path, typer.Argument(help="A project's folder, or a .tflite.", show_default=False)],
    samples: _Samples = 100,
    seed: Seed = 0,
    layers: Annotated[bool, typer.Option("--layers", help="Compare every operator alone, and list them.")] = False,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Samples (.npz) with their classes as 'labels', for the accuracy."),
    ] = None,
    report: _Report = None,
    on: _On = "host",
    baud: _Baud = 115200,
    record: _Record = None,
    as_json: Json = False,
) -> None:
    """Compare a firmware, compiled for this machine or on a board, with TFLM and with Python."""
    from .proof import verify as run

    with Progress() as progress:
        verdict = run(
            project,
            samples=samples,
            seed=seed,
            layers=layers,
            data=data,
            counterexample=Path(f"{project.resolve().stem}-counterexample.npz") if layers else None,
            report=report,
            on=on,
            baud=baud,
            record=record,
            on_step=progress,
        )
    if as_json:
        print_json({"project": str(project), "verdict": verdict.to_json()})
    else:
        from .report import layer_table, verdict_lines

        if layers:
            layer_table(verdict)
        print_pairs(verdict_lines(verdict))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command()
def bench(
    project: _Project,
    on: _On = "host",
    runs: Annotated[int, typer.Option(help="How many inferences to time.")] = 100,
    warmups: Annotated[int, typer.Option(help="How many to run before.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file.")] = None,
    against: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The JSON file of an earlier run, on another board say, to compare with."),
    ] = None,
    baud: _Baud = 115200,
    record: _Record = None,
    as_json: Json = False,
) -> None:
    """Time a firmware's inferences, one by one, on its own clock."""
    from .benchmark import bench as run
    from .benchmark import read_bench, write_bench

    earlier = read_bench(against) if against else None
    with Progress() as progress:
        result = run(project, on, runs=runs, warmups=warmups, baud=baud, record=record, on_step=progress)
    if out:
        write_bench(result, out)
    if as_json:
        print_json(result.to_json())
    else:
        from .report import bench_table

        bench_table([result, earlier] if earlier else [result])


@app.command()
def selftest(project: _Project, on: _On = "host", baud: _Baud = 115200, record: _Record = None) -> None:
    """Let a firmware run the golden vectors in its own flash."""
    from .benchmark import selftest as run

    result = run(project, on, baud=baud, record=record)
    print(f"pass: {result.vectors} golden vectors, every byte" if result.passed else f"fail: {result.fault}")
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def tune(
    project: _Project,
    on: Annotated[str, typer.Option("--on", help="A serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")],
    calibration: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The data that the project was built with, if any."),
    ] = None,
    baud: _Baud = 115200,
    record: _Record = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited generated files.")] = False,
    as_json: Json = False,
) -> None:
    """Set the tensor arena to what the board really used plus a margin, and build the project again."""
    from .tuning import tune as run

    with Progress() as progress:
        result = run(project, on, calibration=calibration, baud=baud, record=record, force=force, on_step=progress)
    if as_json:
        print_json(result.to_json())
    else:
        from .report import tune_lines

        print_pairs(tune_lines(result))
    raise typer.Exit(0 if result.build.verdict.passed else 1)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="A .tflite.", show_default=False)],
    board: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="A board: does the model fit, and what makes the peak?",
            show_default=False,
            autocompletion=completion.boards,
        ),
    ] = None,
    report: _Report = None,
    as_json: Json = False,
) -> None:
    """Describe a model: inputs, outputs, operators, multiply-accumulates, sizes, memory on a board."""
    from .inspection import inspect as run

    found = run(model, board, report)
    if as_json:
        print_json(found)
        return
    from .report import inspect_lines, inspect_table

    print_pairs(inspect_lines(found))
    inspect_table(found)


@app.command()
def simulate(
    project: _Project,
    pty: Annotated[
        bool, typer.Option("--pty", help="Serve on a pseudo terminal; its name is the first line printed.")
    ] = False,
) -> None:
    """Run a project's firmware on this machine, its serial port on this terminal."""
    from .simulate import simulate as run

    raise typer.Exit(run(project, pty=pty))


@app.command()
def flash(project: _Project, port: _Port = None) -> None:
    """Compile a project with PlatformIO and write it to its board."""
    from . import platformio

    platformio.flash(project, port=port, on_line=lambda line: print(line, file=sys.stderr))
    print(f"flashed; `microgen monitor {project}` shows what the board says")


@app.command()
def monitor(project: _Project, port: _Port = None) -> None:
    """Show what a board says on its serial port, and send it what is typed."""
    from . import platformio

    raise typer.Exit(platformio.monitor(project, port=port))


@app.command()
def boards(
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="One board, by name, alias or file.", show_default=False, autocompletion=completion.boards),
    ] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print its file, to start one of your own from.")] = False,
    as_json: Json = False,
) -> None:
    """List the boards, or show one."""
    from .boards import board_file, list_boards, load_board
    from .errors import InputError
    from .report import board_lines, size, table

    if as_toml:
        if name is None or as_json:
            raise InputError("--toml prints the file of one board", "microgen boards esp32 --toml")
        load_board(name)
        print(board_file(name).read_text("utf-8"), end="")
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
    rows = [
        [b.name, b.title, b.mcu.cpu, size(b.mcu.flash_bytes), size(b.mcu.ram_bytes), b.snapshot.title] for b in found
    ]
    table(["name", "board", "CPU", "flash", "RAM", "TFLM"], rows, right=(3, 4))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from .doctor import examine
    from .report import table

    findings = examine()
    if as_json:
        print_json([vars(f) for f in findings])
    else:
        rows = [[f.name, "yes" if f.found else "NO", f.detail if f.found else f.remedy, f.purpose] for f in findings]
        table(["", "here", "what, or how to get it", "needed to"], rows)
    raise typer.Exit(0 if all(f.found for f in findings if f.is_essential) else 3)


def _parse_range(text: str) -> tuple[float, float]:
    from .errors import InputError

    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--range {text}: not two numbers", "give it as 0,1 or -1,1 or 0,255") from None
    return low, high


def print_json(document: Any) -> None:  # noqa: ANN401
    """Print one JSON document."""
    from .jsontext import json_text

    print(json_text(document), end="")


def print_pairs(lines: list[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(key) for key, _ in lines) + 2
    for key, value in lines:
        print(f"{key:<{width}}{value}")


class Progress:
    """What is being done, and how much of it, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __call__(self, step: str) -> None:
        """Show what is done now."""
        if self._bar is not None:
            self._bar.reset(self._task, total=None, description=step)

    def part(self, done: int, total: int) -> None:
        """Show how much of the step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()


# Each adds its commands to `app`, with what is above.
from . import cli_compression, cli_sweep  # noqa: E402, F401
