"""shrinkray-cli: a C array and an estimate of flash and RAM from Keras or a .tflite; called as its documentation shows.

It quantizes Keras models. A .tflite that is quantized already is only packed, which it calls the method float.
"""

from __future__ import annotations

import re
from pathlib import Path

from microgen.tflite import parse

from .. import peers
from ..models import Model
from .tool import BOARD, Outcome, Tool, arena, c_bytes, compile_all, in_tflm

_BIN = str(peers.BIN / "shrinkray")
_TAKES = ("keras", "tflite")


def _command(model: Model, folder: Path) -> list[str]:
    method = ["--method", "int8", "--data", str(model.data)] if model.keras else ["--method", "float"]
    return [_BIN, "convert", str(model.file(_TAKES)), "--target", BOARD, *method, "--out", "out"]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    (tflite,) = (folder / "out").glob("*.tflite")
    source = tflite.with_suffix(".cc")
    verdict = " ".join(" ".join(said.split("wrote out/report")[0].split("pipeline:")[1:]).split())
    kilobytes = re.findall(r"est\. RAM ([\d.]+) KiB", verdict)
    found = re.findall(r"accuracy (.*?) (?:esp32|wrote)", verdict)
    made = parse(tflite.read_bytes(), "model", "the model")
    return Outcome(
        f"C array; the model takes {made.inputs[0].dtype} and gives {made.outputs[0].dtype}",
        compile_all([source], "-std=c++17", "-Wall", "-Wextra", "-Werror"),
        f"in TFLM: {in_tflm(c_bytes(source.read_text()))}",
        arena=f"estimated: {arena(tflite, round(float(kilobytes[0]) * 1024))}" if kilobytes else "none",
        check=f"with the Keras model: {found[0]}" if found else "none",
    )


TOOL = Tool(
    "shrinkray convert", ("shrinkray-cli==0.1.0",), _TAKES, _command, _examine,
    "quantizes Keras models in TensorFlow, packs others",
)  # fmt: skip
