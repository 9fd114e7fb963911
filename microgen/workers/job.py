"""Runs a function in a process of its own: a crash, a hang or a flood of output there is an ordinary error here.

LiteRT, TFLM and the TensorFlow converter all take their process with them on some inputs (double frees, SIGSEGV and
SIGFPE were seen), so no command ever calls them in its own process.

A job is a function of a module, with one argument and one result, both frozen dataclasses that `wire` takes. They
cross in files of a private folder. Standard output and error of the worker, C++ included, are read from a pipe, and
kept in part.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from ..errors import MicrogenError
from . import child, failures, wire
from .engine import Engine
from .fork_server import server_of
from .limits import Deadline, kill
from .log import Log
from .process import Process, SpawnedProcess, environment, python

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
OnProgress = Callable[[int, int], None]

_PROGRESS_S = 0.2
_REMOVALS = 20  # of a folder in which a process that was killed still creates files, 50 ms apart

# Jobs that nobody has stopped: what an interrupted command leaves when it ends, with the process that started them.
_running: dict[Job[Any], int] = {}


class Job(Generic[ReplyT]):
    """A running worker; `result()` waits for it."""

    def __init__(
        self,
        engine: Engine,
        kind: type[ReplyT],
        folder: Path,
        process: Process,
    ) -> None:
        """Take over a worker that `start` has started.

        Args:
            engine: its kind.
            kind: the declared type of its reply.
            folder: where its request is, and its reply will be.
            process: the worker.
        """
        self._engine = engine
        self._kind = kind
        self._folder = folder
        self._process = process
        self._log = Log(process)
        self._started = time.monotonic()
        self._progress = ""
        self._stopping = threading.RLock()
        self._failure: MicrogenError | None = None  # a second thread that asks gets the same
        _running[self] = os.getpid()

    def __enter__(self) -> Job[ReplyT]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """The end of what the worker printed, after its end."""
        return self._log.text()

    def stop(self) -> None:
        """Kill the worker if it still runs, and remove its files."""
        with self._stopping:  # a thread that waits for the result stops it, too
            if not self._process.abandon():
                if self._process.poll() is None:
                    kill(self._process)
                self._process.wait()
            self._process.close()
            _remove(self._folder)
            _running.pop(self, None)

    def result(self, deadline_s: float | None = None, on_progress: OnProgress | None = None) -> ReplyT:
        """Wait for the worker and return its reply.

        Args:
            deadline_s: seconds of work after which it is stopped: of processor time, or four times as many on the
                clock. `report_progress` in the job lets them begin again. None for the engine's own.
            on_progress: is called, some times a second, with what the job passed to `report_progress`.

        Raises:
            EngineError: it crashed, hung, or the engine raised; the message has the reason.
            MicrogenError: the job raised one itself; it is raised again here.
        """
        if self._failure is not None:
            raise self._failure
        folder = self._folder
        deadline = Deadline(self._process.pid, deadline_s or self._engine.deadline_s, self._started)
        try:
            if not self._wait(deadline, on_progress):
                raise failures.overdue(self._engine, deadline.seconds, self._progress)
            code, log = self._process.wait(), self.log
            if self._log.is_flood:
                raise failures.flooded(self._engine, log)
            if code == 0 and (folder / f"{child.FAILURE}.json").exists():
                raise failures.raised(self._engine, wire.load(folder, child.FAILURE, failures.Failure), log)
            if code != 0 or not (folder / f"{child.REPLY}.json").exists():
                raise failures.crashed(self._engine, code, log)
            return wire.load(folder, child.REPLY, self._kind)
        except MicrogenError as error:
            self._failure = error
            raise
        finally:
            self.stop()

    def _wait(self, deadline: Deadline, on_progress: OnProgress | None) -> bool:
        """Wait for the worker's end, and pass on its progress meanwhile; False when the deadline has passed."""
        path = self._folder / child.PROGRESS
        written = 0
        while not select.select([self._process.ended], [], [], _PROGRESS_S)[0]:
            stamp = path.stat().st_mtime_ns if path.exists() else 0
            if stamp != written:
                written = stamp
                deadline.renew()
                text = path.read_text()
                if on_progress is not None and text != self._progress:
                    done, _, total = text.partition(" ")
                    on_progress(int(done), int(total))
                self._progress = text
            if deadline.has_passed:
                return False
        return True


def start(engine: Engine, target: Callable[[RequestT], ReplyT], request: RequestT) -> Job[ReplyT]:
    """Start a job in a process of its own.

    Args:
        engine: the kind of worker.
        target: a function of a module, with annotations of its argument and its result.
        request: its argument.

    Raises:
        TypeError: the request is not what the target declares, or cannot cross.
    """
    request_kind, reply_kind = wire.signature(target)
    folder = Path(tempfile.mkdtemp(prefix="microgen-"))
    try:
        (folder / child.TARGET).write_text(json.dumps(_place_of(target)))
        wire.save(folder, child.REQUEST, request_kind, request)
        process = _start(engine, folder)
    except BaseException:
        _remove(folder)
        raise
    return Job(engine, reply_kind, folder, process)


def _remove(folder: Path) -> None:
    """Remove the folder of a job that was stopped, in which what it started may still write as it dies."""
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)


@atexit.register
def _stop_all() -> None:
    """Stop what still runs when this process ends, in no process that was forked from it."""
    for job, owner in list(_running.items()):
        if owner == os.getpid():
            with contextlib.suppress(Exception):
                job.stop()


def _start(engine: Engine, folder: Path) -> Process:
    """Start the process of a job whose request is in its folder."""
    if not engine.preload:
        command = python(child.__name__, str(folder), str(engine.memory_bytes))
        return SpawnedProcess(command, environment(engine))
    try:
        return server_of(engine).fork(folder, engine.memory_bytes)
    except OSError:
        # The server ended between two jobs; the next one is new.
        return server_of(engine).fork(folder, engine.memory_bytes)


def run(
    engine: Engine,
    target: Callable[[RequestT], ReplyT],
    request: RequestT,
    deadline_s: float | None = None,
    on_progress: OnProgress | None = None,
) -> ReplyT:
    """Start a job and wait for it; see `start` and `Job.result`."""
    with start(engine, target, request) as job:
        return job.result(deadline_s, on_progress)


def _place_of(target: Callable[[Any], Any]) -> dict[str, str]:
    """Return where the worker finds a function: its module, its name, and the folder from which that is imported."""
    module, name = target.__module__, target.__qualname__
    if module == "__main__" or "<" in name:
        raise TypeError(f"{module}.{name}: a job is a function of a module that can be imported")
    file = Path(sys.modules[module].__file__ or "").absolute()
    depth = len(module.split(".")) - (file.name != "__init__.py")
    return {"module": module, "name": name, "root": str(file.parents[depth])}
