"""microgen sweep: compress a model in many ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from . import completion
from .options import (
    KERAS,
    TAKEN,
    BatchSize,
    DataLabels,
    Epochs,
    Json,
    Range,
    SampleRate,
    Seed,
    TrainingData,
    TrainingRecipe,
    out_option,
    parse_range,
)
from .output import Progress
from .spelling import command_line


def sweep(
    model: Annotated[
        Path | None,
        typer.Argument(
            help=f"A {KERAS}. Without one, the recipe is trained first. With --calibration: {TAKEN}.",
            show_default=False,
        ),
    ] = None,
    data: TrainingData = None,
    labels: DataLabels = None,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    recipe: TrainingRecipe = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            help="Sample inputs, as for quantize: compares quantizations of any float model, and trains nothing. The "
            "score is the SQNR at the output, or the accuracy on all labelled samples of --data.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        str,
        typer.Option(
            help="Board (microgen boards) whose arena, flash and RAM are reported.", autocompletion=completion.boards
        ),
    ] = defaults.BOARD,
    runtime: Annotated[
        str,
        typer.Option(help="Runtime on the board that must fit: tflm or compiled.", autocompletion=completion.runtimes),
    ] = defaults.RUNTIME,
    candidates: Annotated[
        str | None,
        typer.Option(
            "--try",
            help="Candidates: methods joined by +, separated by commas: prune:0.5,prune:0.8+qat (microgen compress "
            "--methods); with --calibration: float32, int8, int16x8, int4, int4-packed. Default: a grid.",
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
    """Compress or quantize a model in many ways, and compare accuracy, size and time on a board."""
    from ..quantization import SCHEMES
    from ..report.compression import SWEEP_HEADS, best_row, sweep_lines, sweep_rows
    from ..report.text import table
    from ..sweeping.run import sweep as run

    with Progress() as progress:
        result = run(
            model,
            data,
            recipe=recipe,
            calibration=calibration,
            board=board,
            runtime=runtime,
            candidates=candidates,
            out=out,
            epochs=epochs,
            batch_size=batch_size,
            seed=seed,
            value_range=parse_range(value_range),
            sample_rate=sample_rate,
            labels=labels,
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
        options = {"board": result.board.name, "runtime": runtime, **({"labels": str(labels)} if labels else {})}
        usual = {"runtime": defaults.RUNTIME, "scheme": defaults.SCHEME, "value_range": "0,1", "seed": "0"}
        usual["sample_rate"] = str(defaults.SAMPLE_RATE)
        built = f"{result.out}/{best.folder}/model.tflite"
        if calibration is not None and best.name in SCHEMES:  # from the model itself, the project keeps its origin
            built = str(model)
            options |= {"calibration": calibration, "scheme": best.name, "value_range": value_range}
            options |= {"sample_rate": str(sample_rate), "seed": str(seed)}
        given = {name: value for name, value in options.items() if usual.get(name) != value}
        lines.append(("next", command_line("build", built, **given)))
    print_pairs(lines)
