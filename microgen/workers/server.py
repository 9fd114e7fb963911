"""What a fork server runs: it loads modules, then forks a process for each job that it is asked for.

Arguments: the number of the socket to its parent, and the modules. A request is the length of a message, with two file
descriptors for the job, its output and its channel, and the message: the job's folder and its bytes of memory.

A job's process stays a zombie until the parent closes the job's channel, so that its number belongs to nobody else
while the parent may still send it a signal.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

from . import child

LENGTH = "<I"
NUMBER_BYTES = 4


def main() -> None:
    """Load the modules, and serve until the parent closes its socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # what is loaded is not garbage, and looking for some takes a third of the time
    for name in sys.argv[2:]:
        # A module that does not load is reported by the job that needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # While it loads, the parent's SIGTERM ends it at once; from here on, the end of the socket does.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.freeze()  # what is loaded is never collected, and a collection in a job would copy its pages
    gc.enable()
    _Server(control).run()
    os._exit(0)


class _Server:
    """The jobs' channels with the processes behind them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[socket.socket, int] = {}
        self._ended: dict[socket.socket, int] = {}
        self._woken, wakes = socket.socketpair()
        self._woken.setblocking(False)
        wakes.setblocking(False)
        self._wakes = wakes
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector = selectors.DefaultSelector()
        for own in (control, self._woken):
            self._selector.register(own, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the parent is gone, then kill what still runs."""
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._control:
                    if not self._accept():
                        for channel in [*self._running, *self._ended]:
                            self._release(channel)
                        return
                elif ready is self._woken:
                    with contextlib.suppress(BlockingIOError):
                        self._woken.recv(4096)
                    self._report()
                else:
                    self._release(ready)

    def _accept(self) -> bool:
        """Take a request and fork; False when the parent is gone."""
        header, descriptors, _, _ = socket.recv_fds(self._control, struct.calcsize(LENGTH), 2)
        if not header:
            return False
        (length,) = struct.unpack(LENGTH, header)
        folder, memory_bytes = json.loads(self._control.recv(length, socket.MSG_WAITALL))
        output, channel = descriptors[0], socket.socket(fileno=descriptors[1])
        pid = os.fork()
        if pid == 0:
            self._become_job(output, channel, Path(folder), memory_bytes)
        # By both, so that neither can be early: who is told this number may kill the group.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        os.close(output)
        self._running[channel] = pid
        self._selector.register(channel, selectors.EVENT_READ)
        self._tell(channel, pid)
        return True

    def _become_job(self, output: int, channel: socket.socket, folder: Path, memory_bytes: int) -> NoReturn:
        """In the forked process: let go of everything that is the server's, and run the job.

        What is raised ends the process as it ends any: with a traceback on its standard error.
        """
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        for own in (channel, self._control, self._woken, self._wakes, *self._running, *self._ended):
            own.close()
        self._selector.close()
        child.run(folder, memory_bytes)

    def _report(self) -> None:
        """Tell the exit codes of the jobs that have ended."""
        for channel, pid in list(self._running.items()):
            state = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if state is not None:
                self._ended[channel] = self._running.pop(channel)
                has_exited = state.si_code == os.CLD_EXITED
                self._tell(channel, state.si_status if has_exited else -state.si_status)

    def _release(self, channel: socket.socket) -> None:
        """Kill a job whose channel the parent has closed, with all that it forked, and forget it."""
        pid = self._running.pop(channel, None) or self._ended.pop(channel)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._selector.unregister(channel)
        channel.close()

    @staticmethod
    def _tell(channel: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):  # the parent has let go of the job
            channel.sendall(number.to_bytes(NUMBER_BYTES, "little", signed=True))
