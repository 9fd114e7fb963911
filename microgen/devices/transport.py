"""Ways to reach a firmware. A transport moves bytes; it knows nothing of the commands."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

from ..errors import InputError, last_words

COMMAND_BYTES = 128  # that every firmware takes
_LAST_BYTES = 2**16  # of what a program printed, for a message


class Transport(Protocol):
    """Bytes to and from a firmware.

    Attributes:
        window: how many commands may be under way before an answer is read; 1 for a UART, whose receive
            buffer may hold one command only.
        command_bytes: how long a command may be; at least `COMMAND_BYTES`.
        advice: what to do when the firmware does not answer, as the hint of an error.
    """

    window: int
    command_bytes: int
    advice: str

    def write(self, data: bytes) -> None:
        """Send all of `data`; raises OSError when the other side is gone."""

    def read(self, timeout_s: float) -> bytes:
        """Return what has come, at least one byte; b"" after `timeout_s`; raises EOFError when it ended."""

    def close(self) -> None:
        """Release the firmware."""

    def diagnosis(self) -> str:
        """Return why the firmware ended, for a message; "" if that is unknown."""


class HostProcess:
    """A program whose standard input and output are the serial port."""

    window = 256  # a pipe takes 64 KiB of answers
    # Inputs of megabytes would take minutes in short ones; a firmware for this machine has room for more.
    command_bytes = 16384
    advice = "run it yourself: microgen simulate PROJECT, and type help%"

    def __init__(self, command: Sequence[str], log: Path) -> None:
        """Start the program; its standard error goes to the file `log`."""
        self._log = log
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._in.write(data)
        self._in.flush()

    def read(self, timeout_s: float) -> bytes:
        """Return what has come; see Transport."""
        return read_ready(self._out.fileno(), timeout_s)

    def close(self) -> None:
        """End the program."""
        end_process(self._process, self._in, self._out)

    def diagnosis(self) -> str:
        """Say how the program ended and what it printed last."""
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return ""
        with self._log.open("rb") as log:
            log.seek(max(0, self._log.stat().st_size - _LAST_BYTES))
            printed = last_words(log.read().decode("utf-8", "replace"))
        if code == InputError.exit_code:  # it did not start, and says why: `microgen.workers.firmware`
            self.advice = "guard code for the board with #ifndef MICROGEN_HOST"
            return printed
        return f"it ended with code {code}" + (f": {printed}" if printed else "")


def firmware_process(*arguments: str) -> list[str]:
    """Return the command that runs a compiled firmware; see `microgen.workers.firmware`."""
    script = Path(__file__).parents[1] / "workers" / "firmware.py"
    # Isolated: neither the script's folder nor the current one is where Python looks for modules.
    return [sys.executable, "-I", "-u", str(script), *arguments]


def read_ready(descriptor: int, timeout_s: float) -> bytes:
    """Return what a pipe has; b"" after `timeout_s` seconds without anything.

    Raises:
        EOFError: the other side closed it.
    """
    ready, _, _ = select.select([descriptor], [], [], timeout_s)
    if not ready:
        return b""
    data = os.read(descriptor, 65536)
    if not data:
        raise EOFError
    return data


def end_process(process: subprocess.Popen[bytes], *pipes: IO[bytes]) -> None:
    """Close the pipes of a process and wait for its end; kill it after two seconds."""
    for pipe in pipes:
        with contextlib.suppress(OSError):
            pipe.close()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
