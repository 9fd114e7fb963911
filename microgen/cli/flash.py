"""microgen flash: write a firmware to its board."""

from __future__ import annotations

import sys

from ..errors import visible
from ..report.text import print_line
from .options import Port, Project


def flash(project: Project, port: Port = None) -> None:
    """Compile a project with its own tool and flash it to its board."""
    from ..workflows.flash import flash as run

    run(project, port=port, on_line=lambda line: print(visible(line.expandtabs()), file=sys.stderr))
    print_line(f"flashed; `microgen monitor {project}` shows the board's serial output")
