"""Runs the benchmarks and prints one table: medians of whole processes, the tools taking turns.

Peers are installed at pinned versions into an environment of their own (`build/peers`). Models are read from
shared/models beside the project, as in the tests.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from . import protocol

ROOT = Path(__file__).parent.parent
MODELS = ROOT.parent / "shared" / "models"
PEERS = ROOT / "build" / "peers"
PINNED = ["tinyml-deployer==0.1.0"]
RUNS = 5


@dataclass
class Row:
    what: str
    tool: str
    seconds: float
    spread: tuple[float, float]
    peak_mb: float
    remark: str = ""


def measure(command: list[str], cwd: Path) -> tuple[float, float]:
    """Return wall seconds and peak memory in MB, over the process and the children that it waited for."""
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        stderr = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed: {stderr.decode()[-500:]}")
    return seconds, usage.ru_maxrss / 1024


def compare(what: str, tools: dict[str, Callable[[Path], list[str]]], remarks: dict[str, str]) -> list[Row]:
    """Run each tool RUNS times after a warm-up, in turns, each time in a clean folder."""
    found: dict[str, list[tuple[float, float]]] = {tool: [] for tool in tools}
    for turn in range(RUNS + 1):
        for tool, command in tools.items():
            with tempfile.TemporaryDirectory() as folder:
                result = measure(command(Path(folder)), Path(folder))
            if turn:
                found[tool].append(result)
    return [
        Row(
            what,
            tool,
            statistics.median(s for s, _ in runs),
            (min(s for s, _ in runs), max(s for s, _ in runs)),
            max(m for _, m in runs),
            remarks.get(tool, ""),
        )
        for tool, runs in found.items()
    ]


def peers() -> Path:
    """Return the folder of the peers' programs, installing them when they are missing."""
    stamp = PEERS / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(PINNED):
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        subprocess.run([PEERS / "bin/python", "-m", "pip", "install", "-q", *PINNED], check=True)
        stamp.write_text("\n".join(PINNED))
    return PEERS / "bin"


def build_rows() -> list[Row]:
    model = MODELS / "kws_ref_model.tflite"
    if not model.is_file():
        print(f"skipped: {model} is not here", file=sys.stderr)
        return []
    microgen = [str(Path(sys.executable).parent / "microgen")]
    return compare(
        "project from kws_ref_model.tflite",
        {
            "microgen build": lambda _: [*microgen, "build", str(model), "--board", "esp32", "--out", "p"],
            "microgen build --no-verify": lambda _: [*microgen, "build", str(model), "--no-verify", "--out", "p"],
            "tinyml-deployer deploy": lambda _: [
                str(peers() / "tinyml-deployer"), "deploy", "--target", "esp32", "--output", "p", str(model),
            ],
        },
        {
            "microgen build": "100 samples in LiteRT, TFLM and the compiled firmware",
            "microgen build --no-verify": "arena measured, samples in LiteRT and TFLM, nothing compiled",
            "tinyml-deployer deploy": "verifies nothing",
        },
    )  # fmt: skip


def help_rows() -> list[Row]:
    microgen = str(Path(sys.executable).parent / "microgen")
    return compare("--help", {"microgen --help": lambda _: [microgen, "--help"]}, {})


def array_rows() -> list[Row]:
    """Writing a C array of 4 MiB, both as a whole process."""
    if not shutil.which("xxd"):
        print("skipped: xxd is not installed", file=sys.stderr)
        return []
    code = (
        "import sys; from pathlib import Path; from microgen.render import render;"
        "data = Path(sys.argv[1]).read_bytes();"
        "Path('m.cc').write_bytes(render('model_data.cc.j2', name='m', sha256='', data=data))"
    )

    def ours(folder: Path) -> list[str]:
        (folder / "m.tflite").write_bytes(DATA)
        return [sys.executable, "-c", code, "m.tflite"]

    def theirs(folder: Path) -> list[str]:
        (folder / "m.tflite").write_bytes(DATA)
        return ["xxd", "-i", "m.tflite", "m.cc"]

    return compare("C array of 4 MiB", {"microgen": ours, "xxd -i": theirs}, {"microgen": "start of Python included"})


def conversion_rows() -> list[Row]:
    """Converting a Keras model that is in memory already: the start of TensorFlow is not counted."""
    command = [sys.executable, "-m", "benchmarks.conversion", str(RUNS)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        found = json.loads((process.stdout.read() if process.stdout else "").splitlines()[-1])
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    remarks = {"microgen": "with the float model for the quality report; memory is of both"}
    return [
        Row(
            "96x96 MobileNet-like Keras model to int8",
            tool,
            statistics.median(seconds),
            (min(seconds), max(seconds)),
            usage.ru_maxrss / 1024,
            remarks.get(tool, ""),
        )
        for tool, seconds in found.items()
    ]


def verification_rows() -> list[Row]:
    """Inferences a second on ResNet-8: TFLM's Python package in a bare loop, and the same inside a verification.

    Both are the slope between a short and a long run, so that starting up does not count.
    """
    model = MODELS / "pretrainedResnet_quant.tflite"
    if not model.is_file():
        print(f"skipped: {model} is not here", file=sys.stderr)
        return []
    raw = (
        "import sys, numpy as np; from tflite_micro.python.tflite_micro import runtime;"
        "i = runtime.Interpreter.from_file(sys.argv[1], arena_size=60000);"
        "x = np.random.default_rng(0).integers(-128, 128, (1, 32, 32, 3)).astype(np.int8);"
        "[(i.set_input(x, 0), i.invoke(), i.get_output(0)) for _ in range(int(sys.argv[2]))]"
    )
    verified = (
        "import sys, numpy as np; from pathlib import Path; from microgen import worker;"
        "data = Path(sys.argv[1]).read_bytes();"
        "x = np.random.default_rng(0).integers(-128, 128, (int(sys.argv[2]), 1, 32, 32, 3)).astype(np.int8);"
        "worker.call('TFLM', 'microgen.verification.engines:tflm_run', {'arena_bytes': 60000},"
        " {'model': np.frombuffer(data, np.uint8), 'in0': x})"
    )
    short, long = 50, 450
    rows = []
    for tool, code in (("tflite-micro, a bare loop", raw), ("microgen, inside a verification", verified)):
        times: dict[int, list[float]] = {short: [], long: []}
        for _ in range(RUNS):
            for count, found in times.items():
                found.append(measure([sys.executable, "-c", code, str(model), str(count)], ROOT)[0])
        slopes = [(b - a) / (long - short) for a, b in zip(times[short], times[long], strict=True)]
        rows.append(
            Row(
                "one inference of ResNet-8",
                tool,
                statistics.median(slopes),
                (min(slopes), max(slopes)),
                0,
                f"{1 / statistics.median(slopes):.0f} inferences a second",
            )
        )
    return rows


DATA = bytes((i * 2654435761 >> 7) & 255 for i in range(4 * 2**20))


def main() -> None:
    rows = [*build_rows(), *help_rows(), *array_rows(), *conversion_rows(), *verification_rows()]
    print(
        f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, medians of {RUNS} runs\n"
    )
    print("| what | tool | median s | min to max | peak MB | |\n|---|---|---|---|---|---|")
    for r in rows:
        low, high = r.spread
        print(f"| {r.what} | {r.tool} | {r.seconds:.4g} | {low:.4g} to {high:.4g} | {r.peak_mb:.0f} | {r.remark} |")
    costs = protocol.report(MODELS)
    target = ROOT / "build" / "benchmarks.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([asdict(r) for r in (*rows, *costs)], indent=2))


if __name__ == "__main__":
    main()
