"""The commands that take a project: its firmware on this machine and on a board; and what a machine has for that."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..errors import spell, visible
from ..report.text import print_json, print_line, print_pairs
from .base import Json, Progress, ReportFile, Samples, Seed, app
from .spelling import SHELL

_Project = Annotated[Path, typer.Argument(help="The folder that microgen build wrote.", show_default=False)]

_On = Annotated[
    str, typer.Option("--on", help="host, emulator, a serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")
]
_Baud = Annotated[int, typer.Option(help="Bits a second of the serial port.")]
_Record = Annotated[
    Path | None,
    typer.Option(help="Write the session with the firmware to this text file."),
]
_Port = Annotated[
    str | None,
    typer.Option(help="The board's port: /dev/ttyUSB0, COM3. Default: looked for."),
]


@app.command()
def verify(
    project: Annotated[Path, typer.Argument(help="A project's folder, or a .tflite.", show_default=False)],
    samples: Samples = defaults.SAMPLES,
    seed: Seed = 0,
    layers: Annotated[bool, typer.Option("--layers", help="Compare every operator alone, and list them.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Samples with their classes (.npz with 'labels', .csv, folders of classes), for the accuracy."
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Text file: what the outputs stand for, one label per line. Default: the project's labels."),
    ] = None,
    report: ReportFile = None,
    on: _On = "host",
    baud: _Baud = defaults.BAUD,
    record: _Record = None,
    as_json: Json = False,
) -> None:
    """Compare a firmware, on this machine, an emulated CPU or a board, with TFLM and with Python."""
    from ..workflows.verify import verify as run

    with Progress() as progress:
        verdict = run(
            project,
            samples=samples,
            seed=seed,
            layers=layers or report is not None,
            data=data,
            labels=labels,
            counterexample=Path(f"{project.resolve().stem}-counterexample.npz") if layers else None,
            on=on,
            baud=baud,
            record=record,
            on_step=progress,
        )
    if report:
        from ..report.html import write_report
        from ..workflows.inspect import inspect

        write_report(report, inspect(project), verdict)
    if as_json:
        print_json({"project": str(project), "verdict": verdict.to_json()})
    else:
        from ..report.projects import layer_table, verdict_lines

        if layers:
            layer_table(verdict)
        print_pairs(verdict_lines(verdict) + ([("report", str(report))] if report else []))
    raise typer.Exit(0 if verdict.passed else 1)


@app.command()
def bench(
    project: _Project,
    on: _On = "host",
    runs: Annotated[int | None, typer.Option(help="How many inferences to time. Default: 100, emulated 2.")] = None,
    warmups: Annotated[int | None, typer.Option(help="How many to run before. Default: 10, emulated 0.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The JSON file of an earlier run, on another board say, to compare with."),
    ] = None,
    baud: _Baud = defaults.BAUD,
    record: _Record = None,
    as_json: Json = False,
) -> None:
    """Time a firmware's inferences, one by one, on its own clock; on an emulated CPU, count its instructions."""
    from ..workflows.bench import bench as run
    from ..workflows.bench import read_bench, write_bench

    earlier = read_bench(against) if against else None
    with Progress() as progress:
        result = run(project, on, runs=runs, warmups=warmups, baud=baud, record=record, on_step=progress)
    if out:
        write_bench(result, out)
    if as_json:
        print_json(result.to_json())
    else:
        from ..report.projects import bench_table

        bench_table([result, earlier] if earlier else [result])


@app.command()
def selftest(project: _Project, on: _On = "host", baud: _Baud = defaults.BAUD, record: _Record = None) -> None:
    """Let a firmware run the golden vectors in its own flash."""
    from ..workflows.bench import selftest as run

    result = run(project, on, baud=baud, record=record)
    print_line(f"pass: {result.vectors} golden vectors, every byte" if result.passed else f"fail: {result.fault}")
    raise typer.Exit(0 if result.passed else 1)


@app.command()
def tune(
    project: _Project,
    on: Annotated[str, typer.Option("--on", help="A serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")],
    calibration: Annotated[
        Path | None,
        typer.Option(help="The data that the project was built with, if any."),
    ] = None,
    baud: _Baud = defaults.BAUD,
    record: _Record = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited generated files.")] = False,
    as_json: Json = False,
) -> None:
    """Set the tensor arena to what the board really used plus a margin, and build the project again."""
    from ..workflows.tune import tune as run

    with Progress() as progress:
        result = run(project, on, calibration=calibration, baud=baud, record=record, force=force, on_step=progress)
    if as_json:
        print_json(result.to_json())
    else:
        from ..report.projects import tune_lines

        print_pairs(tune_lines(result))
    raise typer.Exit(0 if result.build.verdict.passed else 1)


@app.command()
def simulate(
    project: _Project,
    on: Annotated[str, typer.Option("--on", help="host or emulator.")] = "host",
    pty: Annotated[
        bool, typer.Option("--pty", help="Serve on a pseudo terminal; its name is the first line printed.")
    ] = False,
) -> None:
    """Run a project's firmware on this machine or an emulated CPU, its serial port on this terminal."""
    from ..workflows.simulate import simulate as run

    if not pty and sys.stdin.isatty():
        print("type help% for the commands; Ctrl+C ends it", file=sys.stderr)
    raise typer.Exit(run(project, on=on, pty=pty))


@app.command()
def flash(project: _Project, port: _Port = None) -> None:
    """Compile a project with PlatformIO and write it to its board."""
    from ..workflows.flash import flash as run

    run(project, port=port, on_line=lambda line: print(visible(line.expandtabs()), file=sys.stderr))
    print_line(f"flashed; `microgen monitor {project}` shows what the board says")


@app.command()
def monitor(project: _Project, port: _Port = None) -> None:
    """Show what a board says on its serial port, and send it what is typed."""
    from ..workflows.flash import monitor as run

    raise typer.Exit(run(project, port=port))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, what is missing, and how to get it."""
    from ..report.text import table
    from ..workflows.doctor import examine

    findings = [replace(f, remedy=spell(f.remedy, SHELL)) for f in examine()]
    if as_json:
        print_json([vars(f) for f in findings])
    else:
        rows = [[f.name, "yes" if f.found else "NO", f.detail if f.found else f.remedy, f.purpose] for f in findings]
        table(["", "here", "what, or how to get it", "needed to"], rows)
    raise typer.Exit(0 if all(f.found for f in findings if f.is_essential) else 3)
