"""microgen monitor: show what a board sends."""

from __future__ import annotations

import typer

from .options import Port, Project


def monitor(project: Project, port: Port = None) -> None:
    """Show what a board says on its serial port, and send it what is typed."""
    from ..workflows.flash import monitor as run

    raise typer.Exit(run(project, port=port))
