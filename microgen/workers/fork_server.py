"""The parent's side of the fork server: one process that loads the engines once, from which each job is forked.

To load NumPy, LiteRT and TFLM takes longer than most jobs. The server is started early, loads them while the parent
still reads the model, and stays single-threaded, so that a fork of it is safe. It ends with its parent: when the socket
between them closes, it kills what it forked. `server` is what it runs.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
from pathlib import Path
from typing import IO

from . import server
from .engine import Engine
from .process import environment, python

# Loading the engines from a cold disk took 8 s on a Raspberry Pi.
_START_S = 120.0
_lock = threading.Lock()
_servers: dict[tuple[str, ...], ForkServer] = {}


def prepare(engine: Engine) -> None:
    """Start the server from which jobs of an engine are forked, where they are and none runs yet."""
    if engine.preload:
        server_of(engine)


def server_of(engine: Engine) -> ForkServer:
    """Return the server from which jobs of an engine with a preload are forked; it is started where none runs yet."""
    with _lock:
        running = _servers.get(engine.preload)
        if running is None or not running.is_usable:
            running = _servers[engine.preload] = ForkServer(engine)
        return running


class ForkServer:
    """A process that has loaded the engines, and forks one process per job."""

    def __init__(self, engine: Engine) -> None:
        """Start it; it loads `engine.preload` in the background.

        Args:
            engine: any of those that share it.
        """
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(
                python(server.__name__, str(theirs.fileno()), *engine.preload),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # Threads of OpenBLAS would not survive a fork, and no job multiplies large matrices.
                env={**environment(engine), "OPENBLAS_NUM_THREADS": "1"},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        atexit.register(self.close)

    @property
    def is_usable(self) -> bool:
        """Whether it still runs, and belongs to this process rather than to one that forked this one."""
        return self._owner == os.getpid() and self._popen.poll() is None

    def fork(self, folder: Path, memory_bytes: int) -> ForkedProcess:
        """Fork a process for a job.

        Args:
            folder: of the job.
            memory_bytes: what it may allocate.

        Raises:
            OSError: the server has ended.
        """
        output, writes = os.pipe()
        channel, theirs = socket.socketpair()
        message = json.dumps([str(folder), memory_bytes]).encode()
        try:
            with theirs, self._lock:
                header = struct.pack(server.LENGTH, len(message))
                socket.send_fds(self._control, [header], [writes, theirs.fileno()])
                self._control.sendall(message)
        except BaseException:
            os.close(output)
            channel.close()
            raise
        finally:
            os.close(writes)
        return ForkedProcess(self, channel, os.fdopen(output, "rb"))

    def exit_code(self) -> int:
        """Return its exit code after its end, for the jobs that it took along."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(_START_S)
        return -signal.SIGKILL

    def close(self) -> None:
        """End it and what it forked."""
        self._control.close()
        if self._owner == os.getpid():
            self._popen.terminate()  # it ignores that once it may have jobs
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(1.0)


class ForkedProcess:
    """A process that a server forked; see `Process`.

    Over its channel come two numbers: its process number once it runs, and its exit code.
    """

    def __init__(self, parent: ForkServer, channel: socket.socket, output: IO[bytes]) -> None:
        self.output = output
        self._parent = parent
        self._channel = channel
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._code: int | None = None
        self._is_abandoned = False

    @property
    def pid(self) -> int:
        """See `Process`; -1 where the server ended before it forked."""
        with self._lock:
            if self._pid is None:
                self._pid = self._receive()
            if self._pid is None:
                self._pid, self._code = -1, self._lost()
            return self._pid

    @property
    def ended(self) -> int:
        """See `Process`."""
        return self._channel.fileno()

    def poll(self) -> int | None:
        """See `Process`."""
        is_over = self.pid == -1 or self._code is not None or select.select([self._channel], [], [], 0)[0]
        return self.wait() if is_over else None

    def wait(self) -> int:
        """See `Process`."""
        assert self.pid
        with self._lock:
            if self._code is None:
                code = self._receive()
                self._code = self._lost() if code is None else code
            return self._code

    def abandon(self) -> bool:
        """See `Process`. A server that still loads its modules kills the job as soon as it has forked it."""
        if self._is_abandoned:
            return True
        if self._pid is not None or select.select([self._channel], [], [], 0)[0]:
            return False
        self._is_abandoned = True
        self._channel.shutdown(socket.SHUT_RDWR)  # another thread may wait for its number
        return True

    def close(self) -> None:
        """See `Process`."""
        self._channel.close()

    def _lost(self) -> int:
        """Return the exit code of a job of which the server told nothing."""
        return -signal.SIGKILL if self._is_abandoned else self._parent.exit_code()

    def _receive(self) -> int | None:
        """Return the next number; None where the server has ended."""
        with contextlib.suppress(OSError):
            data = self._channel.recv(server.NUMBER_BYTES, socket.MSG_WAITALL)
            if len(data) == server.NUMBER_BYTES:
                return int.from_bytes(data, "little", signed=True)
        return None
