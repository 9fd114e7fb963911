"""The commands that make a model smaller, or several into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .base import Force, Json, Progress, Seed, app
from .spelling import SHELL, command_line

_TrainedModel = Annotated[
    Path | None,
    typer.Argument(help="A .keras or .h5. None: the recipe is trained first.", show_default=False),
]
_TrainingData = Annotated[
    Path | None,
    typer.Option(
        help="To train and measure on: an .npz with x and y (x_test, y_test), or a folder of such .npy.",
        show_default=False,
    ),
]
_TrainingRecipe = Annotated[
    str | None,
    typer.Option(
        help="Take the data of this recipe (microgen recipes).",
        show_default=False,
        autocompletion=completion.recipes,
    ),
]


_Epochs = Annotated[
    int | None,
    typer.Option(help="Of each method, instead of its own number.", show_default=False),
]
_BatchSize = Annotated[int, typer.Option(help="Of the training on --data.")]


@app.command()
def compress(
    model: _TrainedModel = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            "-m",
            help="METHOD or METHOD:AMOUNT; may be given again. --methods lists them.",
            show_default=False,
            autocompletion=completion.methods,
        ),
    ] = None,
    amount: Annotated[
        float | None,
        typer.Option(help="The amount, where there is one --method.", show_default=False),
    ] = None,
    data: _TrainingData = None,
    recipe: _TrainingRecipe = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="The .keras to write; its int8 .tflite goes beside. Default: MODEL_METHOD.keras here.",
            show_default=False,
        ),
    ] = None,
    student: Annotated[
        Path | None,
        typer.Option(help="distill: the .keras or .h5 to teach. Default: the model, narrowed.", show_default=False),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(help="distill: of the softmax. Default: 4.", show_default=False),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="distill: weight of the data against the teacher. Default: 0.3.", show_default=False),
    ] = None,
    epochs: _Epochs = None,
    batch_size: _BatchSize = 32,
    seed: Seed = 0,
    energy: Annotated[
        float | None,
        typer.Option(help="low-rank: the share of each layer's energy that stays, instead of an amount."),
    ] = None,
    other: Annotated[
        Path | None,
        typer.Option("--with", help="merge: the other .keras or .h5.", show_default=False),
    ] = None,
    join: Annotated[
        str | None,
        typer.Option(help="merge: average or add.", show_default="average"),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option(help="merge: how far the weights of a layer may differ to become one.", show_default="0"),
    ] = None,
    methods: Annotated[bool, typer.Option("--methods", help="List the methods and what they take.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compress a trained model, fine-tune it, and measure what it costs and brings, in float and in int8 on TFLM."""
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
    chain = steps.chain(method or [], amount, options)
    path = out or run.default_out(model, recipe, chain)
    with Progress() as progress:
        found = run.compress(
            model,
            chain,
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
    quantized = str(path).removesuffix(".keras") + ".tflite"
    print_pairs([*compressed_lines(found, str(path)), ("next", command_line("build", quantized, board=defaults.BOARD))])


@app.command()
def sweep(
    model: _TrainedModel = None,
    data: _TrainingData = None,
    recipe: _TrainingRecipe = None,
    board: Annotated[
        str,
        typer.Option(help="A board (microgen boards): whose arena, and does it fit?", autocompletion=completion.boards),
    ] = defaults.BOARD,
    candidates: Annotated[
        str | None,
        typer.Option(
            "--try",
            help="Chains of methods: prune:0.5,prune:0.8+qat (microgen compress --methods). Default: a grid of them.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="Folder for models, table and picture; a sweep goes on there. Default: NAME-sweep here.",
            show_default=False,
        ),
    ] = None,
    epochs: _Epochs = None,
    batch_size: _BatchSize = 32,
    seed: Seed = 0,
    jobs: Annotated[
        int | None,
        typer.Option(help="How many candidates at a time. Default: half of the cores.", show_default=False),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Run on the Dask cluster with this scheduler: tcp://HOST:8786.", show_default=False),
    ] = None,
    picture: Annotated[str, typer.Option(help="svg, png or none.")] = "svg",
    as_json: Json = False,
) -> None:
    """Try many compressions of a model, and show what each costs and which are worth it on a board."""
    from ..report.compression import SWEEP_HEADS, best_row, sweep_lines, sweep_rows
    from ..report.text import table
    from ..sweeping.run import sweep as run

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
    lines = sweep_lines(found)
    if best := best_row(found):
        lines.append(("next", command_line("build", f"{found.out}/{best.folder}/model.tflite", board=found.board.name)))
    print_pairs(lines)


@app.command()
def merge(
    models: Annotated[
        list[Path], typer.Argument(help="Two or more .tflite, or two or more .keras or .h5.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .tflite or .keras to write.", show_default=False)],
    share: Annotated[
        float, typer.Option(help="Keras: how far the weights of a layer may differ to become one, 0.01 say.")
    ] = 0.0,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Merge models over the same input into one network with one arena, their outputs side by side."""
    from ..report.compression import merged_lines, merged_rows
    from ..report.text import table
    from ..workflows.merge import merge as run

    with Progress() as progress:
        found = run(models, out, share=share, seed=seed, force=force, on_step=progress)
    if as_json:
        print_json({"out": str(out), **found.to_json()})
        return
    if found.whole:
        table(["model", "bytes", "gzip", "arena", "MACs"], merged_rows(found), right=(1, 2, 3, 4))
    data = {} if found.whole else {"calibration": "DATA"}
    next_step = command_line("build", str(out), **data, board=defaults.BOARD)
    print_pairs([*merged_lines(found, str(out)), ("next", next_step)])
