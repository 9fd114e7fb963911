"""Candidates that cost nothing, for tests of how a sweep runs: what they are measured at follows from their name."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from microgen.__main__ import main
from microgen.compression.price import Price
from microgen.errors import EngineError, InputError
from microgen.sweeping import evaluation, run
from tests.support import models

DATA = {"x": np.zeros((20, 8), np.float32), "y": np.arange(20) % 4}


def price(score, size, macs=100):
    return Price(size, size, score, score, score, size, size // 2, macs, 1000)


def evaluate(work, data):
    """Stand in for `evaluation.evaluate`: amounts 0.9 are refused, 0.8 crash, 0.7 take their process with them, 0.6 are
    a fault of microgen itself, and 0.55 come out with an operator that no board has."""
    assert data is not None and len(data["x"]) == 16
    with Path(os.environ["SWEEP_LOG"]).open("a") as log:
        log.write("+".join(map(str, work.steps)) + f" {os.getpid()}\n")
    if not work.steps:
        return evaluation.Result(price(0.9, 2000), "accuracy", b"original", models.fully_connected())
    time.sleep(float(os.environ.get("SWEEP_SLEEP", "0")))
    amount = work.steps[-1].amount
    if amount == 0.9:
        return evaluation.failure(InputError("layer 'kind' cannot be pruned", "use another"))
    if amount == 0.8:
        return evaluation.failure(EngineError("converter", "crashed with SIGSEGV", "use another"))
    if amount == 0.7:
        os.kill(os.getpid(), signal.SIGKILL)
    if amount == 0.6:
        raise ValueError("two\nlines")
    found = price(0.9 - amount / 10, int(2000 * (1 - amount)), int(100 * (1 - amount)))
    tflite = models.one_operator("GELU") if amount == 0.55 else models.fully_connected(units=4)
    return evaluation.Result(found, "accuracy", b"keras", tflite)


def sweep(folder, candidates, **options):
    """Sweep a file that only `evaluate` above can read."""
    (folder / "m.keras").write_bytes(b"model")
    return run.sweep(folder / "m.keras", DATA, out=folder / "out", candidates=candidates, **options)


if __name__ == "__main__":
    evaluation.evaluate = evaluate
    if sys.argv[1] == "sweep":  # the command, in the current folder
        main()
    sweep(Path(sys.argv[1]), sys.argv[2], jobs=1, picture=None)
