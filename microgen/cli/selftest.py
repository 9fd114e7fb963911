"""microgen selftest: run the golden vectors on the device."""

from __future__ import annotations

import typer

from .. import defaults
from ..report.text import print_line
from .options import Baud, EachModel, On, Project, Record


def selftest(
    project: Project, on: On = "host", model: EachModel = None, baud: Baud = defaults.BAUD, record: Record = None
) -> None:
    """Run the golden vectors that are stored in a firmware."""
    from ..workflows.bench import selftest as run

    result = run(project, on, model=model, baud=baud, record=record)
    print_line(f"pass: {result.vectors} golden vectors" if result.passed else f"fail: {result.fault}")
    raise typer.Exit(0 if result.passed else 1)
