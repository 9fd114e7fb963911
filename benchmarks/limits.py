"""What large models and hostile boards cost at most: time, and memory of a command with all the processes it starts.

Each case is made on the spot. "before" is what version 1 took on a like machine, "wanted" the bound that holds now.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .measure import ROOT, last_words

_INT8, _INT32 = 9, 2
_POLL_S = 0.02
_DEADLINE_S = 600.0


@dataclass
class Limit:
    """One case, measured.

    Attributes:
        what: the case.
        before: what it took before, as text.
        wanted: the bound, as text.
        seconds: wall time.
        peak_mb: the largest sum, over all processes of the command, of the memory that is resident (a page that several
            share counts once).
        remark: what the command said last, or why it failed.
    """

    what: str
    before: str
    wanted: str
    seconds: float = 0.0
    peak_mb: float = 0.0
    remark: str = ""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Attributes:
        what, before, wanted: see `Limit`.
        command: makes the files it needs in a folder, and returns the command to run there.
    """

    what: str
    before: str
    wanted: str
    command: Callable[[Path], Sequence[str]]


def measure(case: Case) -> Limit:
    """Run one case in a clean folder."""
    with tempfile.TemporaryDirectory() as folder:
        argv = case.command(Path(folder))
        seconds, peak, said = watch(argv, Path(folder))
    return Limit(case.what, case.before, case.wanted, seconds, peak, said)


def watch(argv: Sequence[str], cwd: Path) -> tuple[float, float, str]:
    """Run a command; return wall seconds, peak MB of all its processes together, and its last words."""
    started = time.perf_counter()
    environment = {**os.environ, "MICROGEN_NO_CACHE": "1", "COLUMNS": "500", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(argv, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, env=environment)
        peak = _Peak(process.pid)
        try:
            process.wait(_DEADLINE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        seconds = time.perf_counter() - started
        peak.stop()
        output.seek(0)
        said = last_words(output.read().decode("utf-8", "replace"))
    return seconds, peak.bytes / 2**20, said if process.returncode == 0 else f"code {process.returncode}: {said}"


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


# Models.


class _Model:
    """Collects tensors and operators of a .tflite."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.buffers: list[Any] = [schema.BufferT()]
        self.codes: list[Any] = []

    def tensor(self, shape: Sequence[int], kind: int = _INT8, data: Any = None) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"t{len(self.graph.tensors)}", list(shape), kind
        tensor.quantization = schema.QuantizationParametersT()
        scale, zero_point = (1 / 256, -128) if kind == _INT8 else (1 / 65536, 0)  # of a bias
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        if data is not None:
            tensor.quantization.zeroPoint = [0]
            tensor.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT())
            self.buffers[-1].data = np.frombuffer(data.tobytes(), np.uint8)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, name: str, inputs: Sequence[int], output: int, options: Any = None) -> None:
        builtin = getattr(schema.BuiltinOperator, name)
        names = [code.builtinCode for code in self.codes]
        if builtin not in names:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
            self.codes.append(code)
            names.append(builtin)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = names.index(builtin), list(inputs), [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)

    def bytes(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, self.codes, [self.graph], self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def wide_input(elements: int) -> bytes:
    """MAX_POOL_2D over all of an input: one output element a channel."""
    m = _Model()
    x, y = m.tensor([1, elements // 10, 1, 10]), m.tensor([1, 1, 1, 10])
    options = schema.Pool2DOptionsT()
    options.padding, options.strideH, options.strideW = 1, 1, 1
    options.filterHeight, options.filterWidth = elements // 10, 1
    m.operator("MAX_POOL_2D", [x], y, options)
    return m.bytes([x], [y])


def wide_output(elements: int) -> bytes:
    """RELU of every element of an input."""
    m = _Model()
    x, y = m.tensor([1, elements]), m.tensor([1, elements])
    m.operator("RELU", [x], y)
    return m.bytes([x], [y])


def long_chain(operators: int) -> bytes:
    """RELU after RELU."""
    m = _Model()
    tensors = [m.tensor([1, 16]) for _ in range(operators + 1)]
    for before, after in itertools.pairwise(tensors):
        m.operator("RELU", [before], after)
    return m.bytes([tensors[0]], [tensors[-1]])


def large_weights(size: int) -> bytes:
    """FULLY_CONNECTED with so many bytes of weights."""
    m = _Model()
    units = size // 5000
    weights = np.random.default_rng(0).integers(-127, 128, (units, 5000), np.int8)
    x, w = m.tensor([1, 5000]), m.tensor([units, 5000], data=weights)
    b, y = m.tensor([units], _INT32, np.zeros(units, np.int32)), m.tensor([1, units])
    m.operator("FULLY_CONNECTED", [x, w, b], y, schema.FullyConnectedOptionsT())
    return m.bytes([x], [y])


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


def _cli(*arguments: str, data: Callable[[], bytes], board: bool = False) -> Callable[[Path], Sequence[str]]:
    def command(folder: Path) -> Sequence[str]:
        (folder / "m.tflite").write_bytes(data())
        more = ["--board", str(large_board(folder))] if board else []
        return [sys.executable, "-m", "microgen", *arguments, "m.tflite", *more]

    return command


_TEN_MILLION = 10_000_000
CASES = (
    Case(
        "verify: an input of 10 M elements",
        "7 to 16 GB",
        "60 s, 1 GB",
        _cli("verify", data=lambda: wide_input(_TEN_MILLION)),
    ),
    Case(
        "build: an input of 10 M elements",
        "7 to 16 GB",
        "60 s, 1 GB",
        _cli("build", data=lambda: wide_input(_TEN_MILLION), board=True),
    ),
    Case(
        "build: input and output of 10 M elements",
        '"sends without ever ending a line"',
        "60 s, 1 GB",
        _cli("build", data=lambda: wide_output(_TEN_MILLION), board=True),
    ),
    Case(
        "inspect --board: 4,000 operators",
        "44 s",
        "3 s",
        _cli("inspect", "--board", "pico", data=lambda: long_chain(4000)),
    ),
    Case(
        "build: 50 MB of weights",
        "127 s, 6.9 GB",
        "20 s, 1 GB",
        _cli("build", data=lambda: large_weights(50_000_000), board=True),
    ),
    Case("a board that sends 60,000 short lines", "207 s", "its deadline", _board("lines")),
    Case("a board that never ends a line", "42 s, 831 MB", "its deadline", _board("endless")),
    Case("a board that answers with numbers of 5,000 digits", "internal error", "an error", _board("digits")),
)


def limits() -> list[Limit]:
    """Measure all cases, one after the other."""
    return [measure(case) for case in CASES]
