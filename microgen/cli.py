"""The commands: each parses, calls one public function, and prints. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

app = typer.Typer(
    name="microgen",
    help="From a neural network to a flashable, verified TensorFlow Lite Micro firmware project.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
_Samples = Annotated[int, typer.Option(help="How many inputs the verification runs.")]
_Seed = Annotated[int, typer.Option(help="Seed of training and of the samples.")]
_Project = Annotated[Path, typer.Argument(help="The folder that microgen build wrote.", show_default=False)]


def _version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        print(f"microgen {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def build(
    model: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(help="A .tflite, or a .keras with --calibration. None: the recipe.", show_default=False),
    ] = None,
    board: Annotated[str, typer.Option(help="A board (microgen boards), or the path of a board file.")] = "esp32",
    out: Annotated[Path | None, typer.Option(help="The project's folder. Default: NAME-BOARD here.")] = None,
    name: Annotated[str | None, typer.Option(help="The firmware's name. Default: the model file's.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file: what the outputs stand for, one a line.")] = None,
    calibration: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Samples of the input (.npz, .npy), to quantize and to verify with."),
    ] = None,
    recipe: Annotated[str, typer.Option(help="What to train when no model is given.")] = "sine",
    samples: _Samples = 100,
    seed: _Seed = 0,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Write the project without checking it.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited files, src/main.cpp too.")] = False,
    as_json: _Json = False,
) -> None:
    """Make a firmware project from a model, compile it for this machine, and verify what it computes."""
    from . import pipeline

    with _Progress() as progress:
        result = pipeline.build(
            model,
            board,
            out=out,
            name=name,
            labels=labels,
            calibration=calibration,
            recipe=recipe,
            samples=samples,
            seed=seed,
            verify=not no_verify,
            force=force,
            on_step=progress,
        )
    if as_json:
        _print_json(result.to_json())
    else:
        from .report import build_lines

        _print_pairs(build_lines(result))
    raise typer.Exit(0 if result.verdict.passed else 1)


@app.command()
def verify(project: _Project, samples: _Samples = 100, seed: _Seed = 0, as_json: _Json = False) -> None:
    """Compile a project for this machine again and compare it with TFLM and with Python."""
    from . import pipeline

    with _Progress() as progress:
        verdict = pipeline.verify(project, samples=samples, seed=seed, on_step=progress)
    if as_json:
        _print_json({"project": str(project), "verdict": verdict.to_json()})
    else:
        from .report import verdict_lines

        _print_pairs(verdict_lines(verdict))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command()
def inspect(
    model: Annotated[Path, typer.Argument(help="A .tflite.", show_default=False)], as_json: _Json = False
) -> None:
    """Describe a model: inputs, outputs, operators, multiply-accumulates, sizes."""
    from . import pipeline

    found = pipeline.inspect(model)
    if as_json:
        _print_json(found)
        return
    from .report import inspect_lines, table

    _print_pairs(inspect_lines(found))
    rows = [
        [str(x["index"]), x["op"], f"{x['output_shape']} {x['output_dtype']}", f"{x['macs']:,}"]
        for x in found["layers"]
    ]
    table(["", "operator", "output", "MACs"], rows, right=(0, 3))


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
def boards(
    name: Annotated[str | None, typer.Argument(help="One board, by name, alias or file.", show_default=False)] = None,
    as_json: _Json = False,
) -> None:
    """List the boards, or show one."""
    from .boards import list_boards, load_board
    from .report import board_lines, size, table

    if name is not None:
        board = load_board(name)
        if as_json:
            _print_json(board.model_dump(mode="json"))
        else:
            _print_pairs(board_lines(board))
        return
    found = list_boards()
    if as_json:
        _print_json([b.model_dump(mode="json") for b in found])
        return
    rows = [
        [b.name, b.title, b.mcu.cpu, size(b.mcu.flash_bytes), size(b.mcu.ram_bytes), b.snapshot.title] for b in found
    ]
    table(["name", "board", "CPU", "flash", "RAM", "TFLM"], rows, right=(3, 4))


@app.command()
def doctor(as_json: _Json = False) -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from .doctor import examine
    from .report import table

    findings = examine()
    if as_json:
        _print_json([vars(f) for f in findings])
    else:
        rows = [[f.name, "yes" if f.found else "NO", f.detail if f.found else f.remedy, f.purpose] for f in findings]
        table(["", "here", "what, or how to get it", "needed to"], rows)
    raise typer.Exit(0 if all(f.found for f in findings if f.is_essential) else 3)


def _print_json(document: Any) -> None:  # noqa: ANN401
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _print_pairs(lines: list[tuple[str, str]]) -> None:
    width = max(len(key) for key, _ in lines) + 2
    for key, value in lines:
        print(f"{key:<{width}}{value}")


class _Progress:
    """What is being done, on a terminal only."""

    def __init__(self) -> None:
        self._status: Any = None

    def __enter__(self) -> _Progress:
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("starting")
            self._status.start()
        return self

    def __call__(self, step: str) -> None:
        if self._status is not None:
            self._status.update(step)

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
