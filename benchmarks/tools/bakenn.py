"""BakeNN: C code without an interpreter from a .tflite; called as its documentation shows.

It refuses most models as converters write them, so it gets a copy that computes the same (`normalised`).
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from microgen.tflite import TfliteModel, load, parse

from .. import peers
from ..models import Model
from .tool import Outcome, Tool, answers, compile_all, needed_on_board

_SCRIPT = (
    "import sys, bakenn; from pathlib import Path;"
    "bakenn.compile_tflite(Path(sys.argv[1]).read_bytes(), 'out', name='m')"
)
_COPY = "model.tflite"
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


def normalised(model: TfliteModel) -> TfliteModel:
    """Return a copy that it takes if it has the operators.

    The copy has no symbolic batch sizes, the options of RESHAPE that the importer asks for, and no SOFTMAX at the end,
    which BakeNN lacks.
    """
    tree = schema.ModelT.InitFromPackedBuf(model.data, 0)
    tree.signatureDefs, tree.metadata = [], []
    (graph,) = tree.subgraphs
    names = [op.name for op in model.main.operators]
    if names[-1] == "SOFTMAX":
        graph.outputs = [graph.operators.pop().inputs[0]]
    for tensor in graph.tensors:
        tensor.shapeSignature = None
    for name, op in zip(names, graph.operators, strict=False):
        if name == "RESHAPE" and op.builtinOptions is None:
            op.builtinOptions, op.builtinOptionsType = schema.ReshapeOptionsT(), schema.BuiltinOptions.ReshapeOptions
            op.builtinOptions.newShape = list(graph.tensors[op.outputs[0]].shape)
    builder = flatbuffers.Builder(1024)
    builder.Finish(tree.Pack(builder), b"TFL3")
    return parse(bytes(builder.Output()), model.name)


def _command(model: Model, folder: Path) -> list[str]:
    (folder / _COPY).write_bytes(normalised(load(model.tflite)).data)
    return [str(peers.BIN / "python"), "-c", _SCRIPT, _COPY]


def _examine(model: Model, folder: Path, said: str) -> Outcome:
    out = folder / "out"
    ends = load(model.tflite).main.operators[-1].name
    sources = sorted(out.glob("*.c"))
    compiles = compile_all(sources, "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{out}")
    runs = _compare(folder, sources) if compiles == "yes" else "not run"
    size = int(re.findall(r"BKNN_M_ARENA_SIZE (\d+)", (out / "bknn_m.h").read_text())[0])
    return Outcome(
        f"C library without TFLM{', of the model without its SOFTMAX' if ends == 'SOFTMAX' else ''}",
        compiles,
        runs,
        "compiled in, no resolver",
        f"{size:,} bytes, without inputs and outputs; TFLM needs {needed_on_board(folder / _COPY):,}",
    )


def _compare(folder: Path, sources: list[Path]) -> str:
    (folder / "driver.c").write_text(_DRIVER)
    command = ["gcc", "-std=c11", "-O1", f"-I{folder / 'out'}", "driver.c", *map(str, sources), "-o", "driver", "-lm"]
    linked = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if linked.returncode != 0:
        return f"does not link: {linked.stderr.strip().splitlines()[-1]}"
    inputs, tflm, litert = answers(folder / _COPY)
    done = subprocess.run([folder / "driver"], input=np.ascontiguousarray(inputs[0]).tobytes(), capture_output=True)
    found = np.frombuffer(done.stdout, tflm[0].dtype).reshape(tflm[0].shape)
    differs = [int((found != other).reshape(len(found), -1).any(axis=1).sum()) for other in (tflm[0], litert[0])]
    return f"yes; of 100 samples {differs[0]} differ from TFLM, {differs[1]} from LiteRT's reference"


TOOL = Tool(
    "bakenn compile_tflite", ("bakenn[tflite]==1.0.0",), ("tflite",), _command, _examine,
    "compiles nothing; of a copy with a fixed batch size, without SOFTMAX at the end",
)  # fmt: skip
