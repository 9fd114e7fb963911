"""xxd -i: a C array from any file."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from ..models import Model
from .tool import Outcome, Tool, c_bytes, compile_all, in_tflm


def _command(model: Model, folder: Path) -> list[str]:
    shutil.copyfile(model.tflite, folder / "model.tflite")
    return ["xxd", "-i", "model.tflite", "model.c"]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    source = folder / "model.c"
    compiles = compile_all([source], "-Wall", "-Wextra", "-Werror")
    return Outcome(
        "C array",
        f"{compiles}; {_placed(source)}" if compiles == "yes" else compiles,
        f"in TFLM: {in_tflm(c_bytes(source.read_text()))}",
    )


def _placed(source: Path) -> str:
    """Say in which section the array lands on a microcontroller, and how it is aligned there."""
    if not shutil.which("arm-none-eabi-gcc"):
        return "arm-none-eabi-gcc is missing, so its place in memory was not looked at"
    done = subprocess.run(
        ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-S", "-o", "-", source], capture_output=True, text=True, check=True
    )
    section = next((s for s in (".data", ".rodata") if re.search(rf"^\s*(\.section\s+)?\{s}", done.stdout, re.M)), "?")
    power = re.findall(r"^\s*\.align\s+(\d+)", done.stdout, re.M)
    memory = "in RAM and in flash" if section == ".data" else "in flash"
    return f"on a Cortex-M in {section}: {memory}, aligned to {2 ** int(power[0]) if power else 1} bytes"


TOOL = Tool("xxd -i", (), ("tflite",), _command, _examine, "copies the file first")
