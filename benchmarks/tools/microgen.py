"""microgen itself, through its command line, as the others."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np

import microgen
from microgen.projects import open_project
from microgen.projects.manifest import project_sources
from microgen.support import resources

from ..models import Model
from .tool import (
    BOARD,
    Outcome,
    Tool,
    against_onnxruntime,
    arena,
    compile_all,
    declarations,
    onnxruntime_answers,
    operators,
)

_BIN = Path(sys.executable).parent / "microgen"
_TAKES = ("tflite", "onnx")


def _command(model: Model, folder: Path) -> list[str]:
    quantized = [] if model.tflite else ["--calibration", str(model.data)]
    return [str(_BIN), "build", str(model.file(_TAKES)), *quantized, "--board", BOARD, "--out", "out", "--json"]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    found = json.loads(said)
    out = folder / "out"
    verdict = found["verdict"]
    layout = project_sources(open_project(out)).layout
    rooms = [out / room for room in layout.libraries]
    platform = resources.path("firmware") / "platform"
    sources = [*(p for room in rooms for p in sorted(room.glob("*.cc"))), out / layout.main]
    flags = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror", "-DMICROGEN_HOST=1"]
    config = (out / layout.model / "model_config.h").read_text()
    runs = "yes" if verdict["firmware"] == "equal" else f"no: {verdict['reason']}"
    if model.onnx and runs == "yes":
        inputs, expected = onnxruntime_answers(model)
        answers = np.stack([prediction.outputs[0] for prediction in microgen.predict(out, inputs)])
        runs += f"; {against_onnxruntime(expected, answers)}"
    tflite = model.tflite or out / "model.tflite"
    return Outcome(
        "PlatformIO project",
        compile_all(sources, *flags, *(f"-I{p}" for p in (*rooms, platform, platform / "posix", declarations()))),
        runs,
        operators(tflite, set(re.findall(r"X\((Add\w+)\(", config))),
        arena(tflite, found["arena_bytes"]),
        f"{verdict['status']} on {verdict['samples']} samples: firmware {verdict['firmware']} to TFLM, TFLM to LiteRT",
    )


TOOL = Tool(
    "microgen build",
    (),
    _TAKES,
    _command,
    _examine,
    "100 samples in LiteRT, TFLM and the compiled firmware",
)
