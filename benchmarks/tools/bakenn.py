"""BakeNN: C code without an interpreter from a .tflite; called as its documentation shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np

from .. import peers
from ..models import Model
from .tool import Outcome, Tool, answers, compile_all, needed_on_board

_SCRIPT = (
    "import sys, bakenn; from pathlib import Path;"
    "bakenn.compile_tflite(Path(sys.argv[1]).read_bytes(), 'out', name='m')"
)
# Reads inputs from standard input, one after the other, and writes the outputs.
_DRIVER = """
#include <stdio.h>
#include "bknn_m.h"
static _Alignas(16) unsigned char arena[BKNN_M_ARENA_SIZE + 1];
static signed char input[BKNN_M_INPUT_BYTES], output[BKNN_M_OUTPUT_BYTES];
int main(void) {
  while (fread(input, 1, sizeof input, stdin) == sizeof input) {
    bknn_m_infer(BKNN_M_ARENA_SIZE ? arena : NULL, input, output);
    fwrite(output, 1, sizeof output, stdout);
  }
  return 0;
}
"""


def _command(model: Model, folder: Path) -> list[str]:
    return [str(peers.BIN / "python"), "-c", _SCRIPT, str(model.tflite)]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    out = folder / "out"
    sources = sorted(out.glob("*.c"))
    compiles = compile_all(sources, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{out}")
    runs = _compare(model, folder, sources) if compiles == "yes" else "not run"
    size = int(re.findall(r"BKNN_M_ARENA_SIZE (\d+)", (out / "bknn_m.h").read_text())[0])
    return Outcome(
        "C library without TFLM",
        compiles,
        runs,
        "compiled in, no resolver",
        f"{size:,} bytes, without inputs and outputs; TFLM needs {needed_on_board(model):,}",
    )


def _compare(model: Model, folder: Path, sources: list[Path]) -> str:
    (folder / "driver.c").write_text(_DRIVER)
    command = ["gcc", "-std=c11", "-O1", f"-I{folder / 'out'}", "driver.c", *map(str, sources), "-o", "driver", "-lm"]
    linked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if linked.returncode != 0:
        return f"does not link: {linked.stderr.strip().splitlines()[-1]}"
    inputs, tflm, litert = answers(model)
    done = subprocess.run([folder / "driver"], input=np.ascontiguousarray(inputs[0]).tobytes(), capture_output=True)
    found = np.frombuffer(done.stdout, tflm[0].dtype).reshape(tflm[0].shape)
    differs = [int((found != other).reshape(len(found), -1).any(axis=1).sum()) for other in (tflm[0], litert[0])]
    return f"yes; of 100 samples {differs[0]} differ from TFLM, {differs[1]} from LiteRT's reference"


TOOL = Tool("bakenn compile_tflite", ("bakenn[tflite]==1.0.0",), "tflite", _command, _examine, "compiles nothing")
