"""Runs a project's firmware, on this machine or an emulated CPU, with its serial port on a terminal."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .. import projects as project
from ..devices import HOST, host_command
from ..devices.emulator import EMULATOR, EmulatedBoard
from ..errors import InputError
from ..projects.manifest import project_sources
from .device import compile_emulated, firmware_of


def simulate(path: str | Path, *, on: str = HOST, pty: bool = False) -> int:
    """Compile a project for this machine, or for its board's CPU, and run it until its input ends or the user stops it.

    Args:
        path: the project's folder.
        on: "host" or "emulator".
        pty: serve on a pseudo terminal instead, whose name is printed first.

    Returns:
        The exit code of the firmware's process.

    Raises:
        InputError: not a project, or it does not compile.
        SetupError: this machine cannot run firmware.
    """
    if on not in (HOST, EMULATOR):
        raise InputError(
            "a firmware cannot be simulated there",
            f"{HOST} or {EMULATOR}; `microgen monitor` connects to a board",
            option="on",
            value=on,
        )
    opened = project.open_project(path)
    with tempfile.TemporaryDirectory(prefix="microgen-simulate-") as folder:
        if on == EMULATOR:
            image = compile_emulated(firmware_of(opened), Path(folder))
            return _emulate(EmulatedBoard(image, Path(folder)), pty)
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
    with _pseudo_terminal() as board:
        return _run(command, stdin=board, stdout=board)


@contextlib.contextmanager
def _pseudo_terminal() -> Iterator[int]:
    """Open one, print the name of its port, and yield the other end."""
    import tty

    board, port = os.openpty()
    # Raw, as a serial port is: no echo, no line editing, no CR LF translation. This end of `port` stays open, so
    # that the firmware outlives the programs that open and close it.
    tty.setraw(port)
    print(os.ttyname(port), flush=True)
    try:
        yield board
    finally:
        os.close(board)
        os.close(port)


def _emulate(board: EmulatedBoard, pty: bool) -> int:
    """Carry bytes between an emulated board and a terminal."""
    try:
        if pty:
            with _pseudo_terminal() as terminal:
                return _carry(board, terminal, terminal)
        return _carry(board, sys.stdin.fileno(), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 0
    finally:
        board.close()


def _carry(board: EmulatedBoard, source: int, target: int) -> int:
    sources = [source, board.fileno()]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if source in ready:
            data = os.read(source, 4096)
            if data:
                board.write(data)
            else:
                board.end()
                sources.remove(source)
        if board.fileno() in ready:
            try:
                os.write(target, board.read(0))
            except EOFError:
                break
    reason = board.diagnosis()
    if reason:
        print(reason, file=sys.stderr)
    return 1 if reason else 0
