"""The commands of model compression; see cli.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from .cli import Json, Progress, Seed, app, print_json, print_pairs


@app.command()
def compress(
    model: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads the annotation at run time on Python 3.10
        typer.Argument(help="A .keras or .h5. None: the recipe is trained first.", show_default=False),
    ] = None,
    method: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--method",
            "-m",
            help="METHOD or METHOD:AMOUNT; may be given again. --methods lists them.",
            show_default=False,
        ),
    ] = None,
    amount: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="The amount, where there is one --method.", show_default=False),
    ] = None,
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            help="To train and measure on: an .npz with x and y (x_test, y_test), or a folder of such .npy.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Take the data of this recipe (microgen recipes).", show_default=False),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o",
            "--out",
            help="The .keras to write; its int8 .tflite goes beside. Default: MODEL_METHOD.keras here.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Of each method, instead of its own number.", show_default=False),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Of the training on --data.")] = 32,
    seed: Seed = 0,
    methods: Annotated[bool, typer.Option("--methods", help="List the methods and what they take.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the output.")] = False,
    as_json: Json = False,
) -> None:
    """Compress a trained model, fine-tune it, and measure what it costs and brings, in float and in int8 on TFLM."""
    from .report import compressed_lines, compressed_rows, method_rows, table

    if methods:
        table(["method", "amount", "epochs", "what it does"], method_rows())
        return
    from .compression import run

    steps = run.chain(method or [], amount)
    path = out or run.default_out(model, recipe, steps)
    with Progress() as progress:
        found = run.compress(
            model,
            steps,
            data,
            recipe=recipe,
            out=path,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            force=force,
            on_step=progress,
            on_epoch=progress.part,
        )
    if as_json:
        print_json({"out": str(path), **found.to_json()})
        return
    heads, rows = compressed_rows(found)
    table(heads, rows, right=(1, 2, 3))
    print_pairs(compressed_lines(found, str(path)))
