"""One model for one board and for all: what boards share is done once. And where the time of a build goes."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

from microgen.boards import board_names

from .measure import Row, run, take_turns
from .models import Model

_BIN = str(Path(sys.executable).parent / "microgen")
_TOPIC = "several boards"


def rows(model: Model, runs: int) -> list[Row]:
    """Time a build for one board, and for all boards in one command."""
    build = [_BIN, "build", str(model.tflite)]
    count = len(board_names())
    tools = {
        "microgen build --board esp32": lambda _: [*build, "--board", "esp32"],
        "microgen build --all-boards": lambda _: [*build, "--all-boards"],
    }
    remarks = {"microgen build --all-boards": f"{count} boards; the firmware of each is compiled and run"}
    return take_turns(_TOPIC, model.name, tools, runs, remarks)


def profile(model: Model, runs: int) -> list[Row]:
    """Return the steps of a build as it times them itself (`timings_s` of --json)."""
    laps: dict[str, list[float]] = {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            said = run([_BIN, "build", str(model.tflite), "--out", "p", "--json"], Path(folder))[3]
        for step, seconds in json.loads(said[said.index("{") :])["timings_s"].items():
            laps.setdefault(step, []).append(seconds)
    total = sum(statistics.median(s) for s in laps.values())
    return [
        Row("profile of microgen build", model.name, step, s, 0, f"{statistics.median(s) / total:.0%}")
        for step, s in laps.items()
    ]
