"""What large models and hostile boards cost at most: time, and memory of a command with all the processes it starts.

Each case is made on the spot, and has bounds that the figures are held against.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder

from .measure import ROOT, last_words

_POLL_S = 0.02
_DEADLINE_S = 600.0


@dataclass(frozen=True)
class Limit:
    """One case, measured.

    Attributes:
        what: the case.
        max_seconds, max_mb: its bounds.
        seconds: wall time.
        peak_mb: the largest sum, over all processes of the command, of the memory that is resident (a page that several
            share counts once).
        code: the command's exit code.
        remark: what the command said last.
    """

    what: str
    max_seconds: float
    max_mb: float
    seconds: float
    peak_mb: float
    code: int
    remark: str

    @property
    def holds(self) -> bool:
        """Whether the command succeeded within its bounds."""
        return self.code == 0 and self.seconds <= self.max_seconds and self.peak_mb <= self.max_mb


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        what, max_seconds, max_mb: see `Limit`.
        command: makes the files it needs in a folder, and returns the command to run there.
    """

    what: str
    max_seconds: float
    max_mb: float
    command: Callable[[Path], Sequence[str]]


def measure(case: Case) -> Limit:
    """Run one case in a clean folder."""
    with tempfile.TemporaryDirectory() as folder:
        argv = case.command(Path(folder))
        return Limit(case.what, case.max_seconds, case.max_mb, *watch(argv, Path(folder)))


def watch(argv: Sequence[str], cwd: Path, deadline_s: float = _DEADLINE_S) -> tuple[float, float, int, str]:
    """Run a command; return wall seconds, peak MB of all its processes together, exit code, and its last words."""
    started = time.perf_counter()
    environment = {**os.environ, "MICROGEN_NO_CACHE": "1", "COLUMNS": "500", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps its bytecode
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment)
        peak = _Peak(process.pid)
        try:
            process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            _kill(process.pid)
            process.wait()
        seconds = time.perf_counter() - started
        peak.stop()
        output.seek(0)
        said = last_words(output.read().decode("utf-8", "replace"))
    return seconds, peak.bytes / 2**20, process.returncode, said


def _kill(pid: int) -> None:
    """Kill a process and all that descend from it: each is stopped first, so that none starts another meanwhile."""
    stopped: list[int] = []
    while running := [one for one in _family(pid) if one not in stopped]:
        for one in running:
            _send(one, signal.SIGSTOP)
        stopped += running
    for one in stopped:
        _send(one, signal.SIGKILL)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class _Peak:
    """Samples the memory of a process and of all that descend from it, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(_POLL_S):
            self.bytes = max(self.bytes, sum(_resident(pid) for pid in _family(self._pid)))


def _family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _resident(pid: int) -> int:
    """Return the proportional set size of a process in bytes (proc(5), smaps_rollup); 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def wide_input(elements: int) -> bytes:
    """MAX_POOL_2D over all of an input: one output element a channel."""
    m = ModelBuilder()
    x, y = m.tensor("x", [1, elements // 10, 1, 10]), m.tensor("y", [1, 1, 1, 10])
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = 1, 1, 1
    options.filterHeight, options.filterWidth = elements // 10, 1
    m.op("MAX_POOL_2D", [x], [y], options)
    return m.build([x], [y])


def wide_output(elements: int) -> bytes:
    """RELU of every element of an input."""
    m = ModelBuilder()
    x, y = m.tensor("x", [1, elements]), m.tensor("y", [1, elements])
    m.op("RELU", [x], [y])
    return m.build([x], [y])


def long_chain(operators: int) -> bytes:
    """RELU after RELU."""
    m = ModelBuilder()
    tensors = [m.tensor(f"t{k}", [1, 16]) for k in range(operators + 1)]
    for before, after in itertools.pairwise(tensors):
        m.op("RELU", [before], [after])
    return m.build([tensors[0]], [tensors[-1]])


def large_weights(size: int) -> bytes:
    """FULLY_CONNECTED with so many bytes of weights."""
    m = ModelBuilder()
    units = size // 5000
    weights = np.random.default_rng(0).integers(-127, 128, (units, 5000), np.int8)
    x, w = m.tensor("x", [1, 5000]), m.tensor("w", [units, 5000], scale=1 / 256, values=weights)
    b = m.tensor("b", [units], "int32", 0.05 / 256, values=np.zeros(units))
    y = m.tensor("y", [1, units])
    m.op("FULLY_CONNECTED", [x, w, b], [y], schema.FullyConnectedOptionsT())
    return m.build([x], [y])


def large_board(folder: Path) -> Path:
    """Write the file of a board with more flash and RAM than any that comes with microgen."""
    text = (ROOT / "boards" / "pico.toml").read_text("utf-8")
    for old, new in (
        ('name = "pico"', 'name = "large"'),
        ("flash_bytes = 2_093_056", "flash_bytes = 268_435_456"),
        ("ram_bytes = 262_144", "ram_bytes = 134_217_728"),
    ):
        assert old in text
        text = text.replace(old, new)
    lines = [line for line in text.splitlines() if not line.startswith("aliases")]
    (folder / "large.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "large.toml"


# Boards.

_BOARD = """
import sys, time, zlib
from microgen.devices import Client, DeviceError

class Board:
    window, command_bytes, advice = 1, 128, ""
    def __init__(self, chunks):
        self.chunks = chunks
    def write(self, data):
        pass
    def read(self, timeout_s):
        return next(self.chunks)
    def close(self):
        pass
    def diagnosis(self):
        return ""

def lines():
    tag = 0
    while True:
        yield from [b"tick\\r\\n" * 1000] * 60
        yield b"m-check-[%x,00000000]\\r\\n" % tag
        tag += 1

def endless():
    while True:
        yield b"x" * 4096

def digits():
    tag = 0
    while True:
        body = b"m-arena-[" + b"9" * 5000 + b",1]\\r\\nm-ready\\r\\n"
        yield body + b"m-check-[%x,%08x]\\r\\n" % (tag, zlib.crc32(b"%x" % tag + body))
        tag += 1

client = Client(Board({"lines": lines, "endless": endless, "digits": digits}[sys.argv[1]]()))
try:
    print(client.arena())
except DeviceError as error:
    print(str(error)[:100])
"""


def _board(kind: str) -> Callable[[Path], Sequence[str]]:
    return lambda folder: [sys.executable, "-c", _BOARD, kind]


def _microgen(arguments: str, model: Callable[[], bytes]) -> Callable[[Path], Sequence[str]]:
    """Return what makes a command whose arguments may name m.tflite, which is this model, and large.toml, a board."""

    def command(folder: Path) -> Sequence[str]:
        (folder / "m.tflite").write_bytes(model())
        large_board(folder)
        return [sys.executable, "-m", "microgen", *arguments.split()]

    return command


_BUILD, _INSPECT = "build m.tflite --board large.toml", "inspect m.tflite --board esp32"
_TEN_MILLION = 10_000_000
CASES = (
    Case("verify: an input of 10 M elements", 60, 1024, _microgen("verify m.tflite", lambda: wide_input(_TEN_MILLION))),
    Case("build: an input of 10 M elements", 60, 1024, _microgen(_BUILD, lambda: wide_input(_TEN_MILLION))),
    Case("build: input and output of 10 M elements", 60, 1024, _microgen(_BUILD, lambda: wide_output(_TEN_MILLION))),
    Case("build: 50 MB of weights", 20, 1024, _microgen(_BUILD, lambda: large_weights(50_000_000))),
    Case("inspect --board: 4,000 operators", 3, 1024, _microgen(_INSPECT, lambda: long_chain(4000))),
    Case("a board that sends 60,000 short lines", 10, 200, _board("lines")),
    Case("a board that never ends a line", 10, 200, _board("endless")),
    Case("a board that answers with numbers of 5,000 digits", 10, 200, _board("digits")),
)


def limits() -> list[Limit]:
    """Measure all cases, one after the other."""
    return [measure(case) for case in CASES]
