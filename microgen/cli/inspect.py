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
        Path, typer.Argument(help="A .tflite, a C array of a .tflite, or a project folder.", show_default=False)
    ],
    board: Annotated[
        str | None,
        typer.Option(
            help="Board: adds memory, peak and runtimes of the model there.",
            show_default=False,
            autocompletion=completion.boards,
        ),
    ] = None,
    runtime: Annotated[
        str | None,
        typer.Option(
            help="Runtime: tflm, compiled or auto. Default: the project's; for a model, "
            f"{defaults.RUNTIME}, compared with the others.",
            show_default=False,
            autocompletion=completion.runtimes,
        ),
    ] = None,
    name: Model = None,
    optimize: Optimize = None,
    flash_budget: FlashBudget = None,
    memory: Annotated[
        bool,
        typer.Option("--map", help="Compile a project, and list flash and RAM by part and by symbol."),
    ] = False,
    report: ReportFile = None,
    as_json: Json = False,
) -> None:
    """Describe a model: inputs, outputs, operators, multiply-accumulates, sizes, and memory on a board."""
    if memory:
        _print_maps(model, as_json=as_json)
        return
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


def _print_maps(project: Path, *, as_json: bool) -> None:
    """Print the memory maps of a project's usual and its release build."""
    from ..report.models import map_tables
    from ..workflows.memory_map import memory_map

    maps = [memory_map(project, release=release) for release in (False, True)]
    if as_json:
        print_json([m.to_json() for m in maps])
    else:
        map_tables(*maps)
