"""microgen bench: time a firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json
from .options import Baud, Json, Model, On, Project, Record
from .output import Progress


def bench(
    project: Project,
    on: On = "host",
    model: Model = None,
    runs: Annotated[int | None, typer.Option(help="Number of timed inferences. Default: 100, emulated 2.")] = None,
    warmups: Annotated[
        int | None, typer.Option(help="Number of untimed inferences before. Default: 10, emulated 0.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result to this JSON file.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Compare with an earlier run: the JSON file of its --out."),
    ] = None,
    baud: Baud = defaults.BAUD,
    record: Record = None,
    as_json: Json = False,
) -> None:
    """Time single inferences with the firmware's own clock. On an emulated CPU, also count instructions."""
    from ..workflows.bench import bench as run
    from ..workflows.bench import read_bench, write_bench

    earlier = read_bench(against) if against else None
    with Progress() as progress:
        result = run(project, on, model=model, runs=runs, warmups=warmups, baud=baud, record=record, on_step=progress)
    if out:
        write_bench(result, out)
    if as_json:
        print_json(result.to_json())
    else:
        from ..report.projects import bench_table

        bench_table([result, earlier] if earlier else [result])
