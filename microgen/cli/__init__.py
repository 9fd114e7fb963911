"""The commands: each parses, calls one public function, and prints. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from ..report.text import print_pairs
from . import (
    bench,
    boards,
    build,
    compress,
    doctor,
    flash,
    inspect,
    merge,
    monitor,
    quantize,
    recipes,
    selftest,
    simulate,
    sweep,
    train,
    tune,
    verify,
)

__all__ = ["app"]

app = typer.Typer(
    name="microgen",
    help="From a neural network to a flashable, verified TensorFlow Lite Micro firmware project.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from ..workflows.doctor import versions

        print_pairs(versions())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the versions that matter.")
    ] = False,
) -> None:
    pass


# In the order of `microgen --help`.
for _command in (
    build.build,
    quantize.quantize,
    train.train,
    recipes.recipes,
    inspect.inspect,
    boards.boards,
    verify.verify,
    bench.bench,
    selftest.selftest,
    tune.tune,
    simulate.simulate,
    flash.flash,
    monitor.monitor,
    doctor.doctor,
    compress.compress,
    sweep.sweep,
    merge.merge,
):
    app.command()(_command)
