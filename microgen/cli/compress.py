"""microgen compress: make a model smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import (
    KERAS,
    BatchSize,
    DataLabels,
    Epochs,
    Force,
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
from .spelling import SHELL, command_line


def compress(
    model: TrainedModel = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            help="METHOD or METHOD:AMOUNT. Repeatable. --methods lists them.",
            show_default=False,
            autocompletion=completion.methods,
        ),
    ] = None,
    amount: Annotated[
        float | None,
        typer.Option(help="The amount of a single --method.", show_default=False),
    ] = None,
    data: TrainingData = None,
    labels: DataLabels = None,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    recipe: TrainingRecipe = None,
    out: Annotated[
        Path | None,
        out_option("The .keras file to write, with its int8 .tflite next to it. Default: ./MODEL_METHOD.keras."),
    ] = None,
    student: Annotated[
        Path | None,
        typer.Option(
            help=f"distill: the {KERAS} of the student. Default: the model with fewer channels.", show_default=False
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="distill: temperature of the softmax. Default: 4.", show_default=False),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            help="distill: weight of the labels relative to the teacher, 0 to 1. Default: 0.3.", show_default=False
        ),
    ] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = defaults.BATCH_SIZE,
    seed: Seed = 0,
    energy: Annotated[
        float | None,
        typer.Option(help="low-rank: share of each layer's energy to keep, instead of an amount."),
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option("--with", help=f"merge: the second {KERAS}.", show_default=False),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(help="merge: average or add. Default: average.", show_default=False),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(
            help="merge: largest difference between weights of a shared layer. Default: 0.", show_default=False
        ),
    ] = None,
    board: Annotated[
        str,
        typer.Option(help="Board whose flash, RAM and instructions are reported.", autocompletion=completion.boards),
    ] = defaults.BOARD,
    methods: Annotated[bool, typer.Option("--methods", help="List the methods and their amounts.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compress a trained model, fine-tune it, and compare accuracy and size in float and int8."""
    from ..report.compression import compressed_lines, compressed_rows, method_rows
    from ..report.text import table

    if methods:
        from ..compression.methods import load_method, method_names

        table(["method", "amount", "epochs", "what it does"], method_rows(map(load_method, method_names()), SHELL))
        return
    from ..compression import run, steps

    options = {
        "student": student,
        "temperature": temperature,
        "alpha": alpha,
        "energy": energy,
        "other": other,
        "join": join,
        "share": share,
    }
    chain = steps.read_chain(method or [], amount, options)
    path = out or run.default_out(model, recipe, chain)
    with Progress() as progress:
        compressed = run.compress(
            model,
            chain,
            data,
            recipe=recipe,
            out=path,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            value_range=parse_range(value_range),
            sample_rate=sample_rate,
            labels=labels,
            force=force,
            board=board,
            on_step=progress,
            on_epoch=progress.part,
        )
    if as_json:
        print_json({"out": str(path), **compressed.to_json()})
        return
    heads, rows = compressed_rows(compressed)
    table(heads, rows, right=(1, 2, 3))
    quantized = str(path).removesuffix(".keras") + ".tflite"
    given = {"board": board, **({"labels": str(labels)} if labels else {})}
    print_pairs([*compressed_lines(compressed, str(path)), ("next", command_line("build", quantized, **given))])
