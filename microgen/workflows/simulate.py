"""Runs a project's firmware on this machine with its serial port on the terminal or on a pseudo terminal."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from .. import projects as project
from ..devices import host_command
from ..projects.manifest import project_sources


def simulate(path: str | Path, *, pty: bool = False) -> int:
    """Compile a project for this machine and run it until its input ends or the user stops it.

    Args:
        path: the project's folder.
        pty: serve on a pseudo terminal instead, whose name is printed first.

    Returns:
        The exit code of the firmware's process.

    Raises:
        InputError: not a project, or it does not compile.
        SetupError: this machine cannot run firmware.
    """
    opened = project.open_project(path)
    with tempfile.TemporaryDirectory(prefix="microgen-simulate-") as folder:
        command = host_command(project_sources(opened), Path(folder))
        return _on_pseudo_terminal(command) if pty else _run(command)


def _run(command: list[str], **pipes: int) -> int:
    process = subprocess.Popen(command, **pipes)  # type: ignore[call-overload]
    try:
        return int(process.wait())
    except KeyboardInterrupt:
        process.kill()  # it has nothing to save
        process.wait()
        return 0


def _on_pseudo_terminal(command: list[str]) -> int:
    import tty

    board, port = os.openpty()
    # Raw, as a serial port is: no echo, no line editing, no CR LF translation. This end of `port` stays open, so
    # that the firmware outlives the programs that open and close it.
    tty.setraw(port)
    print(os.ttyname(port), flush=True)
    try:
        return _run(command, stdin=board, stdout=board)
    finally:
        os.close(board)
        os.close(port)
