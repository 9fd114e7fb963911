"""microgen simulate: run a firmware on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError, option
from .options import Json, Project, ReportFile
from .output import Progress


def simulate(
    project: Project,
    on: Annotated[str, typer.Option("--on", help="host or emulator.")] = "host",
    pty: Annotated[
        bool, typer.Option("--pty", help="Serve on a pseudo terminal; its name is the first line printed.")
    ] = False,
    input: Annotated[
        Path | None,
        typer.Option(help="Stream this file in place of the sensor, and say what is detected: WAV, CSV or images."),
    ] = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Run a project's firmware on this machine or an emulated CPU, its serial port on this terminal."""
    if input is not None:
        return _stream(project, input, on, report, as_json, pty)
    for name, value in (("report", report), ("json", as_json)):
        if value:
            raise InputError(f"{option(name)} without a file", f"give one: {option('input', 'FILE')}", option=name)
    from ..workflows.simulate import simulate as run

    if not pty and sys.stdin.isatty():
        print("type help% for the commands; Ctrl+C ends it", file=sys.stderr)
    raise typer.Exit(run(project, on=on, pty=pty))


def _stream(project: Path, input: Path, on: str, report: Path | None, as_json: bool, pty: bool) -> None:
    from ..report.simulation import simulation_lines, write_simulation
    from ..report.text import print_json, print_pairs
    from ..workflows.simulate_input import simulate_input

    if pty:
        raise InputError(f"{option('pty', True)} with a file: no serial port is served", "leave one out", option="pty")
    with Progress() as progress:
        result = simulate_input(project, input, on=on, on_step=progress)
    if report is not None:
        write_simulation(report, result)
    if as_json:
        print_json(result.to_json())
    else:
        print_pairs(simulation_lines(result))
