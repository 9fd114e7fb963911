"""microgen inspect: describe a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import FlashBudget, Json, Model, Optimize, ReportFile


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
            help="What runs the model: tflm, compiled or auto. Default: the project's, or "
            f"{defaults.RUNTIME} beside the others.",
            show_default=False,
            autocompletion=completion.runtimes,
        ),
    ] = None,
    name: Model = None,
    optimize: Optimize = None,
    flash_budget: FlashBudget = None,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Describe a model: inputs, outputs, operators, multiply-accumulates, sizes, memory on a board."""
    from ..workflows.inspect import inspect as run

    inspection = run(model, board, runtime, name=name, optimize=optimize, flash_budget=flash_budget)
    if report:
        from ..report.html import write_report

        write_report(report, inspection)
    if as_json:
        print_json(inspection.to_json())
        return
    from ..report.models import inspect_lines, inspect_table, runtimes_table

    print_pairs(inspect_lines(inspection))
    if inspection.runtimes:
        runtimes_table(inspection)
    inspect_table(inspection)
