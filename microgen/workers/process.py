"""The processes in which jobs run: each started by itself, or forked from a server that has loaded the engines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Protocol

from .engine import Engine

# The package's own folder takes the place of the current one, where a user's numpy.py or queue.py may lie.
_PLACE = str(Path(__file__).parents[2])


class Process(Protocol):
    """A process that runs one job, the leader of a process group of its own."""

    @property
    def pid(self) -> int:
        """Its number, waited for where it has not started yet."""

    @property
    def output(self) -> IO[bytes]:
        """Its standard output and error, C++ included."""

    @property
    def ended(self) -> int:
        """A file descriptor that can be read once the process has ended; for `select`, after `pid` is known."""

    def poll(self) -> int | None:
        """Return its exit code, negative for the signal that ended it; None while it runs."""

    def wait(self) -> int:
        """Wait for its end, and return its exit code."""

    def abandon(self) -> bool:
        """Give up a process that has not started yet, and return True; False if it has."""

    def close(self) -> None:
        """Let go of it, after its end."""


def python(module: str, *arguments: str) -> list[str]:
    """Return the command that runs `main()` of a module of this package in a process of its own."""
    code = f"import sys; sys.path[0] = {_PLACE!r}; from {module} import main; main()"
    # Unbuffered, so that a crash does not take the last words with it.
    return [sys.executable, "-u", "-c", code, *arguments]


def environment(engine: Engine) -> dict[str, str]:
    """Return the variables of a process for this engine."""
    return {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONHASHSEED": "0", **engine.environment}


class SpawnedProcess:
    """A process that was started for one job."""

    def __init__(self, command: Sequence[str], variables: dict[str, str]) -> None:
        # The end of a pipe that the process holds open is seen at once; Popen.wait() with a deadline would poll, and
        # notice up to 50 ms late.
        self._ended, held = os.pipe()
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                pass_fds=[held],
                start_new_session=True,
            )
        except BaseException:
            os.close(self._ended)
            raise
        finally:
            os.close(held)
        assert self._popen.stdout is not None
        self.output = self._popen.stdout
        self.pid = self._popen.pid

    @property
    def ended(self) -> int:
        """See `Process`."""
        return self._ended

    def poll(self) -> int | None:
        """See `Process`."""
        return self._popen.poll()

    def wait(self) -> int:
        """See `Process`."""
        return self._popen.wait()

    def abandon(self) -> bool:
        """See `Process`."""
        return False

    def close(self) -> None:
        """See `Process`."""
        if self._ended >= 0:
            os.close(self._ended)
            self._ended = -1
