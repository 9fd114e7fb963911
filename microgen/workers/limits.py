"""What a worker process may take: memory, files, time."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .process import Process

# On a busy machine a worker waits for its turn: one that computes is given its deadline in time of the processor, up to
# so many times as long on the clock, without the time in which it could have run and had no processor.
_PATIENCE = 4
_FILE_BYTES = 2**31


def bound_this_process(memory_bytes: int) -> None:
    """Ask Linux to end this worker when its parent dies, and bound what it may write and allocate."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    if sys.platform == "linux":  # elsewhere the limit of data counts other things, or nothing
        import ctypes

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def kill(process: Process) -> None:
    """Kill a worker and what it forked: it is the leader of a process group of its own."""
    pid = process.pid
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if pid > 0:
            os.killpg(pid, signal.SIGKILL)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, all its threads together; endless where that is not known."""
    try:
        # After the name, which may have spaces: the state is the third field of the line, utime and stime the 14th
        # and 15th (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return math.inf


def waiting_seconds(pid: int) -> float:
    """Return how long a process's first thread has waited for a processor; 0 where that is not known."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


class Deadline:
    """Tells whether a process has had its time, of the processor or four times as much on the clock.

    Time in which it waits for a processor is not its time.

    Attributes:
        seconds: its time.
    """

    def __init__(self, pid: int, seconds: float, started: float) -> None:
        """Begin to count.

        Args:
            pid: the process.
            seconds: its time.
            started: when it started, by `time.monotonic`.
        """
        self.seconds = seconds
        self._pid = pid
        self._clock, self._cpu, self._waited = started, 0.0, 0.0

    def renew(self) -> None:
        """Let the time begin again."""
        self._clock, self._cpu, self._waited = time.monotonic(), cpu_seconds(self._pid), waiting_seconds(self._pid)

    @property
    def has_passed(self) -> bool:
        """Whether the process has had its time."""
        elapsed = time.monotonic() - self._clock
        if elapsed < self.seconds:
            return False
        cpu = cpu_seconds(self._pid)
        used = cpu if math.isinf(cpu) else cpu - self._cpu
        waited = waiting_seconds(self._pid) - self._waited
        return max(used, (elapsed - waited) / _PATIENCE) >= self.seconds
