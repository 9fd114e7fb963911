"""The commands: each parses, calls one public function, and prints. Nothing heavy is imported before it is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from ..report.text import print_pairs
from .commands import CommandGroup

__all__ = ["app"]

app = typer.Typer(
    name="microgen",
    cls=CommandGroup,
    help="From a neural network to a flashable, verified TensorFlow Lite Micro firmware project.",
    add_completion=True,
    rich_markup_mode=None,  # Rich takes longer to import than the rest of --help
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
