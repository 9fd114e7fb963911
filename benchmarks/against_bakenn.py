"""python -m benchmarks.against_bakenn MODEL...: BakeNN's C and the compiled runtime's, on one emulated CPU in one run.

BakeNN refuses most models as converters write them. It gets a copy without symbolic batch sizes, with the options of
RESHAPE that its importer asks for, and without a SOFTMAX at the end, which it lacks; the compiled runtime gets the same
copy. Its kernels are the portable ones, or those of its profile for the CPU; CMSIS-NN is not in its package.

Both are compiled with the same flags and linked into the same program, whose size without a model is taken away: flash
is code and all constants, RAM what both keep in static memory, inputs and outputs included; the stack is painted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from microgen.runtimes.compiled.compiler import Options
from microgen.runtimes.runtime import Optimize
from microgen.tflite import TfliteModel, load

from . import peers, semihosting
from .instructions import Figures, measure, samples, tflm
from .semihosting import CPUS, Cpu, text_bytes
from .tools.bakenn import TOOL, normalised

_SCRIPT = (
    "import sys, bakenn; from pathlib import Path;"
    "options = bakenn.CBackendOptions(target=bakenn.resolve_target(sys.argv[2]));"
    "bakenn.compile_tflite(Path(sys.argv[1]).read_bytes(), 'out', name='m', backend_options=options)"
)
_TARGETS = {"m4f": "cortex-m4", "m3": "portable32", "m0plus": "cortex-m0plus", "rv32": "rv32imc"}
_GLUE = """
#include "bknn_m.h"
#include "model.h"
static _Alignas(16) unsigned char arena[BKNN_M_ARENA_SIZE + 1];
static _Alignas(8) signed char input[BKNN_M_INPUT_BYTES], output[BKNN_M_OUTPUT_BYTES];
void *model_input(unsigned k) { (void)k; return input; }
const void *model_output(unsigned k) { (void)k; return output; }
void model_reset(void) {}
void model_invoke(void) { bknn_m_infer(BKNN_M_ARENA_SIZE ? arena : 0, input, output); }
"""
_HEADER = """
#define MODEL_INPUTS 1
#define MODEL_OUTPUTS 1
void *model_input(unsigned k);
const void *model_output(unsigned k);
void model_reset(void);
void model_invoke(void);
"""


def bakenn(
    model: TfliteModel,
    cpu: Cpu,
    inputs: Sequence[npt.NDArray[np.int8]],
    expected: Sequence[npt.NDArray[np.int8]],
    folder: Path,
) -> Figures | str:
    """Compile a model with BakeNN and run it in the emulator; return why not where it refuses the model.

    Its `code_bytes` are those of code and weights together, its `weights_bytes` 0: they cannot be told apart.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "m.tflite").write_bytes(model.data)
    command = [str(peers.BIN / "python"), "-c", _SCRIPT, "m.tflite", _TARGETS[cpu.name]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    (folder / "glue.c").write_text(_GLUE)
    (folder / "model.h").write_text(_HEADER)
    size_in, size_out = inputs[0][0].nbytes, expected[0][0].nbytes
    (folder / "sizes.h").write_text(f"#define IN_BYTES {{{size_in}}}\n#define OUT_BYTES {{{size_out}}}\n")
    (folder / "in.bin").write_bytes(np.ascontiguousarray(inputs[0]).tobytes())
    harness = str(semihosting.FILES / "harness.c")
    sources = [str(p.relative_to(folder)) for p in sorted((folder / "out").glob("*.c"))]
    semihosting.build(folder, cpu, "model.elf", ["-O2", "-Iout"], ["glue.c", *sources, harness])
    (folder / "empty.c").write_text(re.sub(r"bknn_m_infer\(.*?\);|#include \"bknn.*|static .*", "", _GLUE).replace(
        "return input", "return 0").replace("return output", "return 0"))  # fmt: skip
    semihosting.build(folder, cpu, "empty.elf", ["-O2"], ["empty.c", harness])
    run = semihosting.inference(folder, cpu, "model.elf")
    got = np.frombuffer((folder / "out.bin").read_bytes(), np.int8).reshape(len(inputs[0]), -1)
    equal = int((got == expected[0].reshape(len(got), -1)).all(axis=1).sum())
    arena = int(re.findall(r"BKNN_M_ARENA_SIZE (\d+)", (folder / "out" / "bknn_m.h").read_text())[0])
    flash = text_bytes(folder / "model.elf", cpu) - text_bytes(folder / "empty.elf", cpu)
    return Figures(run.instructions, run.stack_bytes, flash, 0, arena + size_in + size_out, equal, len(got))


def main() -> None:
    """Measure both on some models."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against_bakenn", description=main.__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--cpu", choices=CPUS, default="m4f")
    parser.add_argument("--optimize", choices=get_args(Optimize), default="balanced", help="of the compiled runtime")
    args = parser.parse_args()
    if why := peers.install(TOOL.requirements):
        parser.error(why)
    cpu = CPUS[args.cpu]
    print("model, tool: instructions, flash, RAM, stack bytes, equal samples")
    with tempfile.TemporaryDirectory() as temporary:
        for path in args.models:
            model = normalised(load(path))
            inputs = samples(model, 6)
            expected = tflm(model, inputs)
            theirs = bakenn(model, cpu, inputs, expected, Path(temporary) / "bakenn")
            ours = measure(model, cpu, Options(args.optimize), inputs, expected, Path(temporary) / "compiled")
            for name, figures in (("bakenn", theirs), ("compiled", ours)):
                text = figures if isinstance(figures, str) else _row(figures)
                print(f"{path.stem}, {name}: {text}", flush=True)


def _row(figures: Figures) -> str:
    flash = figures.code_bytes + figures.weights_bytes
    return f"{figures.instructions} {flash} {figures.ram_bytes} {figures.stack_bytes} {figures.equal}/{figures.samples}"


if __name__ == "__main__":
    main()
