"""emx-onnx-cgen: C code without an interpreter from ONNX; called as its documentation shows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np

from .. import peers
from ..measure import CommandFailed, run
from ..models import Model
from .tool import Outcome, Tool, against_onnxruntime, compile_all, onnxruntime_answers

_BIN = str(peers.BIN / "emx-onnx-cgen")
_FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Werror")
# Reads inputs from standard input, one after the other, and writes the outputs.
_DRIVER = """
#include <stdio.h>
{prototype};
static float input[{inputs}], output[{outputs}];
int main(void) {{
  while (fread(input, sizeof input, 1, stdin) == 1) {{
    m((void *)input, (void *)output);
    fwrite(output, sizeof output, 1, stdout);
  }}
  return 0;
}}
"""


def _command(model: Model, folder: Path) -> list[str]:
    return [_BIN, "compile", "--model-name", "m", str(model.onnx), "model.c"]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    source = folder / "model.c"
    compiles = compile_all([source], *_FLAGS)
    heap = "buffers of more than 1,024 bytes are on the heap" if "malloc(" in source.read_text() else "no heap"
    return Outcome(
        "C library without TFLM",
        compiles,
        _compare(model, folder, source) if compiles == "yes" else "not run",
        "compiled in, no resolver",
        f"none; {heap}",
        _verify(model, folder),
    )


def _compare(model: Model, folder: Path, source: Path) -> str:
    inputs, expected = onnxruntime_answers(model)
    (prototype,) = re.findall(r"^void m\([^)]*\)", source.read_text(), re.MULTILINE)
    driver = _DRIVER.format(prototype=prototype, inputs=inputs[0].size, outputs=expected[0].size)
    (folder / "driver.c").write_text(driver)
    command = ["gcc", "-std=c99", "-O1", "driver.c", str(source), "-o", "driver", "-lm"]
    linked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if linked.returncode != 0:
        return f"does not link: {linked.stderr.strip().splitlines()[-1]}"
    done = subprocess.run([folder / "driver"], input=inputs.tobytes(), capture_output=True)
    return f"yes; {against_onnxruntime(expected, np.frombuffer(done.stdout, np.float32))}"


def _verify(model: Model, folder: Path) -> str:
    """Return what its command `verify` says, which compares with onnxruntime on random inputs."""
    try:
        *_, said = run([_BIN, "verify", str(model.onnx)], folder)
    except CommandFailed as error:
        return f"verify: {error}"
    return f"verify: {' '.join(re.findall(r'^Result: (.*)', said, re.MULTILINE))}"


TOOL = Tool(
    "emx-onnx-cgen compile", ("emx-onnx-cgen==1.4.0", "onnxruntime==1.32.0"), ("onnx",), _command, _examine,
    "compiles nothing",
)  # fmt: skip
