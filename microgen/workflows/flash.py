"""The public functions `compile_project`, `flash` and `monitor`: a project's own tool, whatever kind it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from ..projects import PROJECTS, Project, open_project
from ..projects.kind import Compiled, Tool
from ..projects.manifest import project_kind


def compile_project(path: str | Path, *, on_line: Callable[[str], None] = lambda line: None) -> Compiled:
    """Compile a project for its board, as `pio run` does for one of PlatformIO.

    Args:
        path: the project's folder.
        on_line: is given each line of the tool's output.

    Raises:
        InputError: not a project, one without a tool, it does not compile, or the program is too large.
        SetupError: the tool or one of its packages is missing.
    """
    opened, tool = _opened(path)
    return tool.compile(opened, on_line)


def flash(path: str | Path, *, port: str | None = None, on_line: Callable[[str], None] = lambda line: None) -> None:
    """Compile a project and write it to its board, as `pio run -t upload` does for one of PlatformIO.

    Args:
        path: the project's folder.
        port: the board's port; the tool looks for it otherwise.
        on_line: is given each line of the tool's output.

    Raises:
        InputError: not a project, one without a tool, it does not compile, or the program is too large.
        SetupError: the tool, one of its packages, the port or the board is missing or does not answer.
    """
    opened, tool = _opened(path)
    tool.flash(opened, port, on_line)


def monitor(path: str | Path, *, port: str | None = None) -> int:
    """Show what a project's board prints and send what is typed, as `pio device monitor` does for one of PlatformIO.

    Args:
        path: the project's folder.
        port: the board's port; the only one that exists otherwise.

    Returns:
        The exit code of the monitor, which the user ends.

    Raises:
        InputError: not a project, or one without a tool.
        SetupError: the tool or the port is missing, or several ports exist.
    """
    opened, tool = _opened(path)
    return tool.monitor(opened, port)


def _opened(path: str | Path) -> tuple[Project, Tool]:
    opened = open_project(path)
    kind = PROJECTS.get(project_kind(opened))
    if kind.tool is None:
        raise InputError(
            f"{opened.path}: microgen has no tool for projects of the kind '{kind.name}': "
            f"{kind.built_by} compiles them",
            f"{opened.path / 'README.md'} has the commands",
        )
    return opened, kind.tool
