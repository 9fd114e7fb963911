"""microgen merge: put several models into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from .options import KERAS, TFLITE, Force, Json, Seed, out_option
from .output import Progress
from .spelling import command_line


def merge(
    models: Annotated[
        list[Path], typer.Argument(help=f"Two or more {TFLITE}, or two or more {KERAS}.", show_default=False)
    ],
    out: Annotated[Path, out_option("The .tflite or .keras to write.")],
    share: Annotated[
        float,
        typer.Option(
            help="Keras models: largest difference between weights of a layer that is shared, for example 0.01."
        ),
    ] = 0.0,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Merge models with the same input into one model that has the outputs of all."""
    from ..report.compression import merged_lines, merged_rows
    from ..report.text import table
    from ..workflows.merge import merge as run

    with Progress() as progress:
        merged = run(models, out, share=share, seed=seed, force=force, on_step=progress)
    if as_json:
        print_json({"out": str(out), **merged.to_json()})
        return
    if merged.whole:
        table(["model", "bytes", "gzip", "arena", "MACs"], merged_rows(merged), right=(1, 2, 3, 4))
    needed: dict[str, str | bool] = {"allow_float": True} if merged.in_float else {}
    if not merged.whole:
        needed["calibration"] = "DATA"
    next_step = command_line("build", str(out), **needed, board=defaults.BOARD)
    print_pairs([*merged_lines(merged, str(out)), ("next", next_step)])
