"""What all commands share: the program itself, options and progress."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import visible
from ..report.text import print_pairs

app = typer.Typer(
    name="microgen",
    help="From a neural network to a flashable, verified TensorFlow Lite Micro firmware project.",
    no_args_is_help=True,
    add_completion=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
Seed = Annotated[int, typer.Option(help="Seed of training and of the samples.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output.")]
Samples = Annotated[int, typer.Option(help="How many inputs the verification runs.")]
ReportFile = Annotated[
    Path | None,
    typer.Option(help="Write it as one HTML page too."),
]


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


class Progress:
    """What is being done, and how much of it, on a terminal only."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

            description = TextColumn("{task.description}", markup=False)
            columns = (SpinnerColumn(), description, BarColumn(), TaskProgressColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __call__(self, step: str) -> None:
        """Show what is done now."""
        if self._bar is not None:
            self._bar.reset(self._task, total=None, description=visible(step))

    def part(self, done: int, total: int) -> None:
        """Show how much of the step is done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
