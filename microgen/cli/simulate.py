"""microgen simulate: run a firmware on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..errors import InputError, option
from .options import Baud, Json, Project, Record, ReportFile
from .output import Progress


def simulate(
    project: Project,
    on: Annotated[
        str, typer.Option("--on", help="host or emulator. With --input, also a serial port or tcp://HOST:PORT.")
    ] = "host",
    pty: Annotated[bool, typer.Option("--pty", help="Serve on a pseudo terminal, and print its name first.")] = False,
    input: Annotated[
        Path | None,
        typer.Option(help="Feed a recording in place of the sensor, and list detections: a WAV, a CSV, or images."),
    ] = None,
    baud: Baud = defaults.BAUD,
    record: Record = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Run a project's firmware on this machine or an emulated CPU, with its serial port on this terminal."""
    if input is not None:
        return _stream(project, input, on, baud, record, report, as_json, pty)
    for name, value in (("report", report), ("json", as_json), ("record", record)):
        if value:
            raise InputError(f"{option(name)} needs a recording", f"add {option('input', 'FILE')}", option=name)
    from ..workflows.simulate import simulate as run

    if not pty and sys.stdin.isatty():
        print("type help% for a list of commands, Ctrl+C to quit", file=sys.stderr)
    raise typer.Exit(run(project, on=on, pty=pty))


def _stream(
    project: Path, input: Path, on: str, baud: int, record: Path | None, report: Path | None, as_json: bool, pty: bool
) -> None:
    from ..report.simulation import simulation_lines, write_simulation
    from ..report.text import print_json, print_pairs
    from ..workflows.simulate_input import simulate_input

    if pty:
        raise InputError(
            f"{option('pty', True)} and {option('input')} exclude each other", "omit one of them", option="pty"
        )
    with Progress() as progress:
        result = simulate_input(
            project, input, on=on, baud=baud, record=record, on_step=progress, on_part=progress.part
        )
    if report is not None:
        write_simulation(report, result)
    if as_json:
        print_json(result.to_json())
    else:
        print_pairs(simulation_lines(result))
