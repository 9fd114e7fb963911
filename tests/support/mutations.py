"""Damaged models: seeded mutations of sound ones, through the reader and the planner, or through a whole build.

`python -m tests.support.mutations --reader 20000 --builds 2000` runs many and prints how they ended.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import random
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from microgen.cli.main import main as command
from microgen.errors import MicrogenError
from microgen.runtimes.tflm.planner import Target, plan
from microgen.tflite import parse
from tests.support import models

SLOW_S = 10.0  # of CPU: how long a build waits for a busy machine says nothing of it
_KILL_S = 600.0


def originals(folder: Path | None = None) -> list[bytes]:
    """The sound models: made on the spot, and those of a folder."""
    made = [
        models.fully_connected(),
        models.fully_connected(per_channel=True),
        models.fully_connected(dtype="int16"),
        models.two_by_two(),
        models.float_edges(),
        models.control_flow(),
        models.stateful(),
        models.variable(50),
        models.lstm(),
        models.multiplied("int16"),
        models.product("int16"),
        models.half_weights(),
        models.in_float32(models.lstm()),
        models.in_float32(models.variable(50)),
        models.signal_window(),
        models.detections(),
        models.planned(models.residual(), [-1, 4096, -1, 1024, -1, -1, -1, -1]),
    ]
    return made + [p.read_bytes() for p in sorted(folder.glob("*.tflite"))] if folder else made


def mutations(count: int, seed: int, folder: Path | None = None) -> Iterator[bytes]:
    """Yield damaged models; the same seed gives the same ones."""
    rng = random.Random(seed)
    sound = originals(folder)
    for _ in range(count):
        data = bytearray(rng.choice(sound))
        rng.choice(_KINDS)(rng, data)
        yield bytes(data)


def _flip(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[_structure(rng, data)] ^= 1 << rng.randrange(8)


def _truncate(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _swap_words(rng: random.Random, data: bytearray) -> None:
    """Swap two small 32-bit numbers: indices of tensors, buffers, operators, subgraphs."""
    words = [i for i in range(0, len(data) - 3, 4) if struct.unpack_from("<i", data, i)[0] in range(-1, 64)]
    if len(words) > 1:
        a, b = rng.sample(words, 2)
        data[a : a + 4], data[b : b + 4] = data[b : b + 4], data[a : a + 4]


def _huge(rng: random.Random, data: bytearray) -> None:
    """Make a small 32-bit number huge or negative: a dimension, a length, an index."""
    words = [i for i in range(0, len(data) - 3, 4) if struct.unpack_from("<i", data, i)[0] in range(1, 4096)]
    if words:
        value = rng.choice((2**31 - 1, -(2**31), -1, 2**30, 65536, 1000003, 0))
        struct.pack_into("<i", data, rng.choice(words), value)


def _point_back(rng: random.Random, data: bytearray) -> None:
    """Make an offset point somewhere else in the file: tables inside themselves, cycles."""
    at = _structure(rng, data) // 4 * 4
    if at + 4 <= len(data):
        struct.pack_into("<I", data, at, rng.randrange(len(data)))


def _index(rng: random.Random, data: bytearray) -> None:
    """Change a small number by one: a tensor read before it is written, an operator that reads its own output."""
    words = [i for i in range(0, len(data) - 3, 4) if struct.unpack_from("<i", data, i)[0] in range(16)]
    if words:
        at = rng.choice(words)
        struct.pack_into("<i", data, at, max(-1, struct.unpack_from("<i", data, at)[0] + rng.choice((-1, 1, 2))))


def _structure(rng: random.Random, data: bytearray) -> int:
    """Pick a byte, mostly near the ends, where tables lie; weights lie between."""
    near = min(len(data), 4096)
    return rng.choice((rng.randrange(near), len(data) - 1 - rng.randrange(near), rng.randrange(len(data))))


_KINDS = (_flip, _truncate, _swap_words, _huge, _point_back, _index)


def read_and_plan(data: bytes) -> str:
    """Read and plan one model; returns "accepted" or "refused", and lets any other exception out."""
    try:
        model = parse(data)
        for target in Target:
            plan(model, target)
    except MicrogenError:
        return "refused"
    return "accepted"


def build(data: bytes) -> tuple[str, float, str]:
    """Run the whole `microgen build` in a process of its own: how it ended, its seconds of CPU, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        path, log = Path(folder) / "m.tflite", Path(folder) / "log"
        path.write_bytes(data)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            with log.open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            sys.argv = ["microgen", "build", str(path), "--out", f"{folder}/p", "--samples", "4", "--allow-float"]
            code = 99
            try:
                command()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 98
            except BaseException as error:
                print(f"Traceback {error!r}")
            finally:
                sys.stdout.flush()
                os._exit(code)
        while True:
            done, status, usage = os.wait4(child, os.WNOHANG)
            if done:
                break
            if time.monotonic() - started > _KILL_S:
                os.kill(child, 9)
                os.waitpid(child, 0)
                return "hang", _KILL_S, ""
            time.sleep(0.01)
        text = log.read_text("utf-8", "replace")
        ended = f"exit {os.waitstatus_to_exitcode(status)}"
        return (
            ("traceback" if "Traceback" in text or "internal error" in text else ended),
            usage.ru_utime + usage.ru_stime,
            text,
        )


def main() -> None:
    """Run many and print the counts."""
    options = argparse.ArgumentParser()
    options.add_argument("--reader", type=int, default=20000)
    options.add_argument("--builds", type=int, default=2000)
    options.add_argument("--first", type=int, default=0, help="number of the first build, to go on after a break")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--models", type=Path)
    given = options.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    for n, data in enumerate(mutations(given.reader, given.seed, given.models)):
        started = time.monotonic()
        try:
            counts[read_and_plan(data)] += 1
        except Exception as error:
            counts[f"{type(error).__name__}"] += 1
            print(f"reader {n}: {error!r}", flush=True)
            Path(tempfile.gettempdir(), f"mutation-reader-{n}.tflite").write_bytes(data)
        slowest = max(slowest, time.monotonic() - started)
    print(f"reader and planner: {dict(counts)}, slowest {slowest:.2f} s", flush=True)
    ends: collections.Counter[str] = collections.Counter()
    slow = 0
    damaged = mutations(given.builds, given.seed + 1, given.models)
    for n, data in itertools.islice(enumerate(damaged), given.first, None):
        ended, seconds, text = build(data)
        ends[ended] += 1
        slow += seconds > SLOW_S
        if ended not in ("exit 0", "exit 1", "exit 2") or seconds > SLOW_S:
            print(f"build {n}: {ended} after {seconds:.1f} s: {text[-300:]}", flush=True)
            Path(tempfile.gettempdir(), f"mutation-build-{n}.tflite").write_bytes(data)
        if n % 100 == 99:
            print(n + 1, dict(ends), flush=True)
    print(f"builds: {dict(ends)}, {slow} over {SLOW_S:.0f} s")


if __name__ == "__main__":
    main()
