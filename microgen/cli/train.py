"""microgen train: train a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import Json, Phrase, Range, RunBy, SampleRate, Seed, parse_range
from .output import Progress
from .spelling import command_line


def train(
    recipe: Annotated[
        str,
        typer.Argument(help="A recipe (microgen recipes).", show_default=False, autocompletion=completion.recipes),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Your own data instead of the recipe's: a CSV, or one folder of images or WAV files per class (see "
            "microgen recipes NAME).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for model, labels and calibration data. Default: ./RECIPE."),
    ] = None,
    board: RunBy = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Training epochs. Default: the recipe's own number."),
    ] = None,
    phrase: Phrase = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train the recipe wakeword on a small part of its data, for a trial.")
    ] = False,
    seed: Seed = 0,
    window: Annotated[
        int | None, typer.Option(help="With --data: time steps per sample. Default: the recipe's.")
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(help="With --data: time steps between the starts of two test samples. Default: half a window."),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="With --data: time steps per second. Default: from its column t, otherwise 50.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="With --data: the column with the labels. Default: label.", metavar="COLUMN")
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            help="With --data of columns ax,ay,az,gx,gy,gz: their units. Default: g or m/s2 by the size of gravity; "
            "deg/s."
        ),
    ] = None,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    as_json: Json = False,
) -> None:
    """Train a recipe, quantize it to int8, and measure it in float, LiteRT and TFLM."""
    from ..training import train as training

    path = out or Path(recipe)
    with Progress() as progress:
        trained = training.train(
            recipe, data, out=path, board=board, epochs=epochs, seed=seed, phrase=phrase, quick=quick, window=window,
            stride=stride, rate_hz=rate, label=label, units=units, value_range=parse_range(value_range),
            sample_rate=sample_rate, on_step=progress, on_epoch=progress.part,
        )  # fmt: skip
    if as_json:
        print_json({"out": str(path), **trained.to_json()})
        return
    from ..report.models import trained_lines, trained_rows
    from ..report.text import table

    heads, rows = trained_rows(trained)
    table(heads, rows, right=(1, 2, 3))
    labels = {"labels": f"{path}/labels.txt"} if trained.recipe.labels else {}
    made_for = next(iter(trained.recipe.applications), "") if trained.data or trained.recipe.streaming else ""
    apps = {"application": made_for} if made_for else {}
    next_step = command_line(
        "build", f"{path}/{trained.recipe.name}.tflite", **labels, calibration=f"{path}/calibration.npy", **apps,
        board=board or defaults.BOARD,
    )  # fmt: skip
    print_pairs([*trained_lines(trained, str(path)), ("next", next_step)])
