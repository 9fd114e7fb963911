"""microgen sweep: compress a model in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import (
    BatchSize,
    Epochs,
    Json,
    Range,
    SampleRate,
    Seed,
    TrainedModel,
    TrainingData,
    TrainingRecipe,
    out_option,
    parse_range,
)
from .output import Progress
from .spelling import command_line


def sweep(
    model: TrainedModel = None,
    data: TrainingData = None,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    recipe: TrainingRecipe = None,
    board: Annotated[
        str,
        typer.Option(
            help="Board (microgen boards) whose arena, flash and RAM are reported.", autocompletion=completion.boards
        ),
    ] = defaults.BOARD,
    candidates: Annotated[
        str | None,
        typer.Option(
            "--try",
            help="Candidates: methods joined by +, separated by commas: prune:0.5,prune:0.8+qat (microgen compress "
            "--methods). "
            "Default: a grid.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        out_option("Folder for models, table and picture. An interrupted sweep resumes there. Default: ./NAME-sweep."),
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = defaults.BATCH_SIZE,
    seed: Seed = 0,
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of candidates that run in parallel. Default: half of the cores.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Run on the Dask cluster with this scheduler: tcp://HOST:8786.", show_default=False),
    ] = None,
    picture: Annotated[str, typer.Option(help="Format of the picture: svg, png or none.")] = "svg",
    fit: Annotated[
        str | None,
        typer.Option(
            help="Search for the most accurate candidate within limits: board=pico,flash=64K,ram=16K,ms=20.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compress a model in many ways, and compare accuracy, size and time on a board."""
    from ..report.compression import SWEEP_HEADS, best_row, sweep_lines, sweep_rows
    from ..report.text import table
    from ..sweeping.run import sweep as run

    with Progress() as progress:
        result = run(
            model,
            data,
            recipe=recipe,
            board=board,
            candidates=candidates,
            out=out,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            value_range=parse_range(value_range),
            sample_rate=sample_rate,
            jobs=jobs,
            scheduler=scheduler,
            picture=None if picture == "none" else picture,
            fit=fit,
            on_step=progress,
            on_done=progress.part,
        )
    if as_json:
        print_json({"out": str(result.out), **result.to_json()})
        return
    table(SWEEP_HEADS, sweep_rows(result), right=(1, 2, 3, 4, 5, 6), whole=(0,), optional=(3, 2))
    lines = sweep_lines(result)
    if result.limits and not any(row.fits for row in result.rows):
        lines.append(("fits", "no candidate is within the limits; relax them, or try other methods"))
    if best := best_row(result):
        lines.append(
            ("next", command_line("build", f"{result.out}/{best.folder}/model.tflite", board=result.board.name))
        )
    print_pairs(lines)
