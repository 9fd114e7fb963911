"""microgen monitor: show what a board sends."""

from __future__ import annotations

import typer

from .options import Port, Project


def monitor(project: Project, port: Port = None) -> None:
    """Show a board's serial output, and send it what you type."""
    from ..workflows.flash import monitor as run

    raise typer.Exit(run(project, port=port))
