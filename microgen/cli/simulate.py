"""microgen simulate: run a firmware on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .options import Project


def simulate(
    project: Project,
    on: Annotated[str, typer.Option("--on", help="host or emulator.")] = "host",
    pty: Annotated[
        bool, typer.Option("--pty", help="Serve on a pseudo terminal; its name is the first line printed.")
    ] = False,
) -> None:
    """Run a project's firmware on this machine or an emulated CPU, its serial port on this terminal."""
    from ..workflows.simulate import simulate as run

    if not pty and sys.stdin.isatty():
        print("type help% for the commands; Ctrl+C ends it", file=sys.stderr)
    raise typer.Exit(run(project, on=on, pty=pty))
