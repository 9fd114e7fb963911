"""The command that tries many compressions; see cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from . import completion
from .cli import Json, Progress, Seed, app, print_json, print_pairs
from .cli_compression import TrainedModel, TrainingData, TrainingRecipe


@app.command()
def sweep(
    model: TrainedModel = None,
    data: TrainingData = None,
    recipe: TrainingRecipe = None,
    board: Annotated[
        str,
        typer.Option(help="A board (microgen boards): whose arena, and does it fit?", autocompletion=completion.boards),
    ] = "esp32",
    candidates: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--try",
            help="Chains of methods: prune:0.5,prune:0.8+qat (microgen compress --methods). Default: a grid of them.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o",
            "--out",
            help="Folder for models, table and picture; a sweep goes on there. Default: NAME-sweep here.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Of each method, instead of its own number.", show_default=False),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Of the training on --data.")] = 32,
    seed: Seed = 0,
    jobs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="How many candidates at a time. Default: half of the cores.", show_default=False),
    ] = None,
    scheduler: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Run on the Dask cluster with this scheduler: tcp://HOST:8786.", show_default=False),
    ] = None,
    picture: Annotated[str, typer.Option(help="svg, png or none.")] = "svg",
    as_json: Json = False,
) -> None:
    """Try many compressions of a model, and show what each costs and which are worth it on a board."""
    from .report import SWEEP_HEADS, sweep_lines, sweep_rows, table
    from .sweeping.run import sweep as run

    with Progress() as progress:
        found = run(
            model,
            data,
            recipe=recipe,
            board=board,
            candidates=candidates,
            out=out,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            jobs=jobs,
            scheduler=scheduler,
            picture=None if picture == "none" else picture,
            on_step=progress,
            on_done=progress.part,
        )
    if as_json:
        print_json({"out": str(found.out), **found.to_json()})
        return
    table(SWEEP_HEADS, sweep_rows(found), right=(1, 2, 3, 4, 5, 6))
    print_pairs(sweep_lines(found))
