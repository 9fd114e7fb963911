"""microgen tune: set the arena to what the board used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from .options import Baud, Json, Project, Record
from .output import Progress


def tune(
    project: Project,
    on: Annotated[
        str, typer.Option("--on", help="The board: a serial port, tcp://HOST:PORT, rfc2217://..., or replay:FILE.")
    ],
    calibration: Annotated[
        Path | None,
        typer.Option(help="The calibration data that the project was built with, if any."),
    ] = None,
    baud: Baud = defaults.BAUD,
    record: Record = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite edited generated files.")] = False,
    as_json: Json = False,
) -> None:
    """Set the tensor arena to the size measured on the board plus a margin, and rebuild the project."""
    from ..workflows.tune import tune as run

    with Progress() as progress:
        result = run(project, on, calibration=calibration, baud=baud, record=record, force=force, on_step=progress)
    if as_json:
        print_json(result.to_json())
    else:
        from ..report.projects import tune_lines

        print_pairs(tune_lines(result))
    raise typer.Exit(0 if result.build.verdict.passed else 1)
