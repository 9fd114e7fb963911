"""microgen doctor: report what this machine has."""

from __future__ import annotations

from dataclasses import replace

import typer

from ..errors import spell
from ..report.text import print_json
from .options import Json
from .spelling import SHELL


def doctor(as_json: Json = False) -> None:
    """Report which tools this machine has, and how to install the missing ones."""
    from ..report.text import print_line, table
    from ..workflows.doctor import examine

    findings = [replace(f, remedy=spell(f.remedy, SHELL)) for f in examine()]
    if as_json:
        print_json([vars(f) for f in findings])
    else:
        rows = [[f.name, "yes" if f.is_present else "NO", f.detail, f.purpose] for f in findings]
        table(["", "here", "what", "needed to"], rows)
        for remedy in dict.fromkeys(f.remedy for f in findings if not f.is_present):
            names = [f.name for f in findings if f.remedy == remedy and not f.is_present]
            print_line(f"to get {', '.join(names)}: {remedy}")
    raise typer.Exit(0 if all(f.is_present for f in findings if f.is_essential) else 3)
