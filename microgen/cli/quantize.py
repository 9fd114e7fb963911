"""microgen quantize: bring a model to full integer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs
from .options import (
    ACCEPT_NOISE,
    TAKEN,
    AcceptNoise,
    AllowFloat,
    Calibration,
    Force,
    Json,
    Range,
    Recurrent,
    RunBy,
    SampleRate,
    Scheme,
    Seed,
    out_option,
    parse_range,
)
from .output import Progress


def quantize(
    model: Annotated[Path, typer.Argument(help=f"{TAKEN}.", show_default=False)],
    calibration: Calibration = None,
    out: Annotated[
        Path | None,
        out_option("The .tflite to write. Default: ./MODEL_SCHEME.tflite."),
    ] = None,
    scheme: Scheme = defaults.SCHEME,
    weights: Annotated[
        str,
        typer.Option(help="int8, int4 for the layers that tolerate four bits, or int4-packed (these as INT4 tensors)."),
    ] = defaults.WEIGHTS,
    board: RunBy = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Text file with one label per line, checked against the model's outputs."),
    ] = None,
    value_range: Range = "0,1",
    sample_rate: SampleRate = defaults.SAMPLE_RATE,
    allow_float: AllowFloat = False,
    recurrent: Recurrent = defaults.RECURRENT,
    accept_noise: AcceptNoise = False,
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Quantize a model to integers, check that TFLM runs it, and report the loss in accuracy."""
    from .. import quantization
    from ..deployment.labels import read_labels
    from ..frontends import source as sources

    path = out or Path(f"{sources.slug(model.stem)}_{scheme if weights == defaults.WEIGHTS else weights}.tflite")
    with Progress() as progress:
        quantized = quantization.quantize(
            model,
            calibration,
            scheme=scheme,
            weights=weights,
            board=board,
            out=path,
            labels=read_labels(labels),
            value_range=parse_range(value_range),
            sample_rate=sample_rate,
            allow_float=allow_float,
            recurrent=recurrent,
            seed=seed,
            force=force,
            on_step=progress,
        )
    is_refused = quantized.is_destroyed and not accept_noise
    if as_json:
        print_json({"out": str(path), **quantized.to_json()})
    else:
        from ..report.models import quantized_lines

        lines = quantized_lines(quantized, str(path))
        print_pairs([*lines, ("next", ACCEPT_NOISE)] if is_refused else lines)
    raise typer.Exit(1 if is_refused else 0)
