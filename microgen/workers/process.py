"""Runs a function in a process of its own: a crash, a hang or a flood of output there is an ordinary error here.

LiteRT, TFLM and the TensorFlow converter all take their process with them on some inputs (double frees, SIGSEGV and
SIGFPE were seen), so no command ever calls them in its own process.

A job is a function `f(values, arrays) -> (values, arrays)`, named as "package.module:function"; values are
JSON, arrays are NumPy. Both cross in files of a private folder; standard output and error of the worker, C++
included, are read from a pipe, and kept in part.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import EngineError, MicrogenError, last_words

Values = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]

# What of a worker's output is kept at its end, and how much of it is a flood.
_LOG_KEPT = 2**20
_LOG_LIMIT = 64 * 2**20
_PROGRESS = "progress"
_PROGRESS_S = 0.2
_HANG_HINT = "the model makes this engine hang; simplify it"
# On a busy machine a worker waits for its turn: one that computes is given its deadline in time of the processor, up to
# so many times as long on the clock.
_PATIENCE = 4
_folder: Path | None = None  # in a worker, the folder of its job
# What one worker may allocate. TensorFlow, which trains and converts, takes more than an interpreter does.
_MEMORY_LIMIT = 4 * 2**30
TRAINING_MEMORY = 16 * 2**30
# The package's own folder takes the place of the current one, where a user's numpy.py or queue.py may lie.
_PLACE = str(Path(__file__).parents[2])
_CHILD = f"import sys; sys.path[0] = {_PLACE!r}; from microgen.workers.process import main; main()"


@dataclass(frozen=True)
class Reply:
    """What a job returned, and what it printed."""

    values: Values
    arrays: Arrays
    log: str


class _Log:
    """Reads a worker's output as it comes, keeps the end of it, and kills a worker that floods."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._kept = bytearray()
        self._count = 0
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    @property
    def is_flood(self) -> bool:
        return self._count > _LOG_LIMIT

    def text(self) -> str:
        self._thread.join(1.0)
        return self._kept[-_LOG_KEPT:].decode("utf-8", "replace")

    def _drain(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while chunk := stream.read1(65536):  # type: ignore[attr-defined]
                self._count += len(chunk)
                self._kept += chunk
                if len(self._kept) > 2 * _LOG_KEPT:
                    del self._kept[:-_LOG_KEPT]
                if self.is_flood:
                    _kill(self._process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker and what it forked: it is the leader of a session of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class Job:
    """A running worker; `result()` waits for it."""

    def __init__(
        self,
        engine: str,
        folder: tempfile.TemporaryDirectory[str],
        process: subprocess.Popen[bytes],
        alive: int,
        memory_bytes: int,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._process = process
        self._log = _Log(process)
        self._memory_bytes = memory_bytes
        # The read end of a pipe that the worker holds open: it ends when the worker does. Popen.wait() with a
        # deadline would poll, and find out up to 50 ms late.
        self._alive = alive
        # When the deadline began to run, on the clock and in time of the processor; progress lets it begin again.
        self._since, self._cpu_since = time.monotonic(), 0.0
        self._progress = ""

    def __enter__(self) -> Job:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the worker if it still runs, and remove its files."""
        if self._process.poll() is None:
            _kill(self._process)
        self._process.wait()
        self._folder.cleanup()
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def result(
        self, deadline_s: float, on_progress: Callable[[int, int], None] | None = None, hint: str = _HANG_HINT
    ) -> Reply:
        """Wait for the worker and return its reply.

        Args:
            deadline_s: seconds of work after which it is stopped: of processor time, or four times as many on the
                clock. `report_progress` in the job lets them begin again.
            on_progress: called, some times a second, with what the job passed to `report_progress`.
            hint: what to do when the deadline has passed.

        Raises:
            EngineError: it crashed, hung, or the engine raised; the message has the reason.
            MicrogenError: the job raised one itself; it is raised again here.
        """
        folder = Path(self._folder.name)
        try:
            if not self._wait(deadline_s, on_progress):
                raise EngineError(self._engine, self._overdue(deadline_s), hint)
            code = self._process.wait()
            log = self._log.text()
            if self._log.is_flood:
                raise EngineError(
                    self._engine,
                    f"printed more than {_LOG_LIMIT // 2**20} MiB, last: {last_words(log)}",
                    "the model makes this engine print without end; simplify it",
                    log,
                )
            if _MEMORY_WORDS.search(log) and (code != 0 or not (folder / "reply.json").exists()):
                raise _out_of_memory(self._engine, self._memory_bytes, log)
            if code != 0 or not (folder / "reply.json").exists():
                raise _crash(self._engine, code, log)
            reply = json.loads((folder / "reply.json").read_text())
            if "error" in reply:
                if reply["error"]["message"].startswith("MemoryError") or _MEMORY_WORDS.search(
                    reply["error"]["message"]
                ):
                    raise _out_of_memory(self._engine, self._memory_bytes, log)
                raise _raised(self._engine, reply["error"], log)
            with np.load(folder / "reply.npz", allow_pickle=False) as stored:
                return Reply(reply["values"], {k: stored[k] for k in stored.files}, log)
        finally:
            self.stop()

    def _wait(self, deadline_s: float, on_progress: Callable[[int, int], None] | None) -> bool:
        """Wait for the worker's end, and pass its progress on meanwhile; False when the deadline has passed."""
        written = 0
        path = Path(self._folder.name, _PROGRESS)
        while True:
            if select.select([self._alive], [], [], _PROGRESS_S)[0]:
                return True
            stamp = path.stat().st_mtime_ns if path.exists() else 0
            if stamp != written:
                written = stamp
                self._since, self._cpu_since = time.monotonic(), _cpu_seconds(self._process.pid)
                text = path.read_text()
                if on_progress is not None and text != self._progress:
                    done, _, total = text.partition(" ")
                    on_progress(int(done), int(total))
                self._progress = text
            if self._is_overdue(deadline_s):
                return False

    def _is_overdue(self, deadline_s: float) -> bool:
        elapsed = time.monotonic() - self._since
        if elapsed < deadline_s:
            return False
        cpu = _cpu_seconds(self._process.pid)
        used = cpu if math.isinf(cpu) else cpu - self._cpu_since
        return max(used, elapsed / _PATIENCE) >= deadline_s

    def _overdue(self, deadline_s: float) -> str:
        if not self._progress:
            return f"no answer after {deadline_s:.0f} s"
        return f"no progress for {deadline_s:.0f} s, after {self._progress.replace(' ', ' of ')} epochs"


def _cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has taken, all its threads together; endless where that is not known."""
    try:
        # After the name, which may have spaces: the state is the third field of the line, utime and stime the 14th
        # and 15th (proc(5)).
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return math.inf


def start(
    engine: str,
    target: str,
    values: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    environment: Mapping[str, str] | None = None,
    memory_bytes: int = _MEMORY_LIMIT,
) -> Job:
    """Start a job in a process of its own.

    Args:
        engine: what to call it in messages ("TFLM", "LiteRT", ...).
        target: the function, "package.module:function".
        values: its JSON arguments.
        arrays: its array arguments.
        environment: variables set for the worker, on top of this process's.
        memory_bytes: what it may allocate; more of it is an error of the engine.
    """
    folder = tempfile.TemporaryDirectory(prefix="microgen-")
    path = Path(folder.name)
    try:
        (path / "call.json").write_text(json.dumps({"target": target, "values": dict(values)}))
        np.savez(path / "call.npz", **dict(arrays or {}))  # type: ignore[arg-type]
        alive, held = os.pipe()
        try:
            process = subprocess.Popen(
                # Unbuffered, so that a crash does not take the last words with it.
                [sys.executable, "-u", "-c", _CHILD, folder.name, str(memory_bytes)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONHASHSEED": "0", **(environment or {})},
                pass_fds=[held],
                start_new_session=True,
            )
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(held)
    except BaseException:
        folder.cleanup()
        raise
    return Job(engine, folder, process, alive, memory_bytes)


def call(
    engine: str,
    target: str,
    values: Mapping[str, Any],
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    deadline_s: float = 120.0,
) -> Reply:
    """Start a job and wait for it; see `start` and `Job.result`."""
    with start(engine, target, values, arrays) as job:
        return job.result(deadline_s)


def report_progress(done: int, total: int) -> None:
    """Report from a job how many epochs of how many are done; its deadline begins again."""
    assert _folder is not None, "only a worker has somebody to tell"
    written = _folder / f"{_PROGRESS}.new"
    written.write_text(f"{done} {total}")
    written.replace(_folder / _PROGRESS)


def main() -> None:
    """Run the job whose folder is the first argument. Called in the worker process only."""
    global _folder
    _bound_itself(int(sys.argv[2]))
    folder = _folder = Path(sys.argv[1])
    request = json.loads((folder / "call.json").read_text())
    reply: dict[str, Any]
    try:
        module, _, function = request["target"].partition(":")
        with np.load(folder / "call.npz", allow_pickle=False) as stored:
            arrays = {k: stored[k] for k in stored.files}
        values, results = getattr(importlib.import_module(module), function)(request["values"], arrays)
        np.savez(folder / "reply.npz", **results)
        reply = {"values": values}
    except MicrogenError as error:
        reply = {"error": {"type": type(error).__name__, "message": error.message, "hint": error.hint}}
    except Exception as error:
        reply = {"error": {"type": "", "message": f"{type(error).__name__}: {error}", "hint": ""}}
        import traceback

        traceback.print_exc()
    (folder / "reply.json").write_text(json.dumps(reply))
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: LiteRT frees twice in its destructor on some models, after the answer is complete.
    os._exit(0)


def _bound_itself(memory_bytes: int) -> None:
    """Ask Linux to end this worker when its parent dies, and bound what it may write and allocate."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))
    if sys.platform == "linux":  # elsewhere the limit of data counts other things, or nothing
        import ctypes

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


_MEMORY_WORDS = re.compile(r"std::bad_alloc|Cannot allocate memory|Unable to allocate|MemoryError")


def _out_of_memory(engine: str, memory_bytes: int, log: str) -> EngineError:
    return EngineError(
        engine,
        f"asked for more than {memory_bytes / 2**30:g} GiB of memory",
        "the model is far too large for a microcontroller, or damaged",
        log,
    )


def _crash(engine: str, code: int, log: str) -> EngineError:
    how = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    said = last_words(log)
    return EngineError(
        engine,
        how + (f" after printing: {said}" if said else ""),
        "the model is not sound for this engine",
        log,
    )


def _raised(engine: str, error: dict[str, str], log: str) -> MicrogenError:
    from .. import errors

    kind = getattr(errors, error["type"], None) if error["type"] else None
    if kind is not None and not issubclass(kind, EngineError):
        return kind(error["message"], error["hint"])  # type: ignore[no-any-return]
    # TFLM prints its reason and raises a bare status; the printed line is the better message.
    reason = error["message"].removeprefix(f"{engine}: ")
    printed = last_words(log[: log.rfind("Traceback")] if "Traceback" in log else log)
    if printed and printed not in reason:
        reason = f"{reason} ({printed})"
    return EngineError(engine, reason, error["hint"] or "the model is not sound for this engine", log)
