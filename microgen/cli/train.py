"""microgen train: train a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import Json, Phrase, RunBy, Seed
from .output import Progress
from .spelling import command_line


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe (microgen recipes).", show_default=False, autocompletion=completion.recipes),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model, labels and calibration data. Default: RECIPE here."),
    ] = None,
    board: RunBy = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Instead of the recipe's own number."),
    ] = None,
    phrase: Phrase = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Let the recipe wakeword learn from a small part of its data, for a trial.")
    ] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Train a recipe, quantize it to int8, and measure it in float, in LiteRT and in TFLM."""
    from ..training import train as training

    path = out or Path(recipe)
    with Progress() as progress:
        trained = training.train(
            recipe, out=path, board=board, epochs=epochs, seed=seed, phrase=phrase, quick=quick,
            on_step=progress,             on_epoch=progress.part,
        )  # fmt: skip
    if as_json:
        print_json({"out": str(path), **trained.to_json()})
        return
    from ..report.models import trained_lines, trained_rows
    from ..report.text import table

    heads, rows = trained_rows(trained)
    table(heads, rows, right=(1, 2, 3))
    labels = {"labels": f"{path}/labels.txt"} if trained.recipe.labels else {}
    data = f"{path}/calibration.npy"
    next_step = command_line(
        "build", f"{path}/{trained.recipe.name}.tflite", **labels, calibration=data, board=board or defaults.BOARD
    )
    print_pairs([*trained_lines(trained, str(path)), ("next", next_step)])
