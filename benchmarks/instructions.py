"""Instructions, bytes and stack of an inference on emulated CPUs, its outputs compared with TFLM's, bit by bit.

Instructions of QEMU are exact and the same from run to run; they are no cycles. `python -m benchmarks.instructions`
takes single models and CPUs, and shows single operators.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt

from microgen import workers
from microgen.runtimes.compiled.compiler import CompiledModel, Options, compile_model
from microgen.runtimes.runtime import Optimize
from microgen.support import resources
from microgen.tflite import TfliteModel, load
from microgen.workers import tflm as tflm_jobs

from . import semihosting
from .models import Model
from .semihosting import CPUS, Cpu, text_bytes

KERNELS = resources.path("firmware") / "runtimes" / "compiled"
_ARENA = 1 << 22
_SAMPLES = 6
_WARNINGS = ("-g0", "-Wall", "-Wextra", "-Werror")


@dataclass
class Figures:
    """What an inference costs.

    Attributes:
        instructions: of one inference. stack_bytes: below the caller. operators: instructions by operator, if asked
            for.
        code_bytes: code and constants without weights, as linked. weights_bytes, ram_bytes: of the model.
        equal, samples: how many samples gave TFLM's outputs, of how many.
    """

    instructions: int
    stack_bytes: int
    code_bytes: int
    weights_bytes: int
    ram_bytes: int
    equal: int
    samples: int
    operators: dict[int, int] = field(default_factory=dict)


def samples(model: TfliteModel, count: int) -> list[npt.NDArray[np.int8]]:
    """Return inputs [count, ...] of an int8 model: the extremes, and random ones of several kinds."""
    rng = np.random.default_rng(7)
    return [np.stack([_sample(rng, k, t.shape) for k in range(count)]) for t in model.inputs]


def _sample(rng: np.random.Generator, k: int, shape: Sequence[int]) -> npt.NDArray[np.int8]:
    n = int(np.prod(shape))
    if k in (1, 2):
        x = np.full(n, (-128, 127)[k - 1])
    elif k == 3:
        x = np.where(np.arange(n) % 2, 127, -128)
    elif k % 3 == 1:
        x = np.clip(rng.normal(rng.integers(-100, 100), rng.integers(2, 60), n).round(), -128, 127)
    elif k % 3 == 2:
        x = rng.choice([-128, 127], n)
    else:
        x = rng.integers(-128, 128, n)
    return np.asarray(x, np.int8).reshape(shape)


def tflm(model: TfliteModel, inputs: Sequence[npt.NDArray[np.int8]]) -> list[npt.NDArray[np.int8]]:
    """Return TFLM's outputs, [samples, ...] each."""
    request = tflm_jobs.RunRequest(model.data, tuple(inputs), _ARENA)
    return list(workers.run(workers.TFLM, tflm_jobs.run, request).outputs)


def measure(
    model: TfliteModel,
    cpu: Cpu,
    options: Options,
    inputs: Sequence[npt.NDArray[np.int8]],
    expected: Sequence[npt.NDArray[np.int8]],
    folder: Path,
    level: str = "-O2",
    operators: bool = False,
) -> Figures:
    """Compile a model for a CPU and run it in the emulator.

    Args:
        folder: where everything is made; what lies there is replaced.
        operators: count each operator; the sum then holds what counting costs.
    """
    compiled = compile_model(model, cpu.path, options)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in compiled.files.items():
        (folder / name).write_bytes(data)
    _write_harness(folder, model, compiled, cpu)
    inputs = [np.ascontiguousarray(x) for x in inputs]
    count = len(inputs[0])
    (folder / "in.bin").write_bytes(b"".join(x[k].tobytes() for k in range(count) for x in inputs))
    observe = ["-DMODEL_OBSERVE=model_observe", f"-DOPERATORS={len(model.main.operators)}"] if operators else []
    harness = str(semihosting.FILES / "harness.c")
    sources = [n for n in compiled.files if n.endswith((".c", ".S"))] + [
        str(KERNELS / f) for f in compiled.kernel_files
    ]
    semihosting.build(folder, cpu, "model.elf", [level, *_WARNINGS, *observe, f"-I{KERNELS}"], [*sources, harness])
    semihosting.build(folder, cpu, "empty.elf", [level, *_WARNINGS], ["empty.c", harness])
    run = semihosting.inference(folder, cpu, "model.elf")
    got = (folder / "out.bin").read_bytes()
    wanted = [b"".join(e[k].tobytes() for e in expected) for k in range(count)]
    size = len(wanted[0])
    equal = sum(got[k * size : (k + 1) * size] == w for k, w in enumerate(wanted))
    code = text_bytes(folder / "model.elf", cpu) - text_bytes(folder / "empty.elf", cpu) - compiled.weights_bytes
    return Figures(
        run.instructions, run.stack_bytes, code, compiled.weights_bytes, compiled.ram_bytes, equal, count, run.operators
    )


def _write_harness(folder: Path, model: TfliteModel, compiled: CompiledModel, cpu: Cpu) -> None:
    def sizes(values: Sequence[object]) -> str:
        return "{" + ", ".join(str(getattr(v, "bytes", 0)) for v in values) + "}"

    program = compiled.program
    (folder / "sizes.h").write_text(
        f"#define IN_BYTES {sizes(program.inputs)}\n#define OUT_BYTES {sizes(program.outputs)}\n"
    )
    (folder / "empty.c").write_text(
        "void *model_input(unsigned k) { (void)k; return 0; }\n"
        "const void *model_output(unsigned k) { (void)k; return 0; }\n"
        "void model_invoke(void) {}\nvoid model_reset(void) {}\n"
    )


@dataclass(frozen=True)
class Count:
    """A line of the table: what an inference of a model costs on a CPU; see `Figures`."""

    model: str
    cpu: str
    optimize: Optimize
    instructions: int
    code_bytes: int
    weights_bytes: int
    ram_bytes: int
    stack_bytes: int


def counts(models: Sequence[Model], problems: list[str]) -> list[Count]:
    """Return the costs of models on all CPUs; what cannot be measured is said in `problems`."""
    counted = []
    usable = {}
    for name, cpu in CPUS.items():
        if cpu.obstacle:
            problems.append(f"instructions on {name}: {cpu.obstacle}")
        else:
            usable[name] = cpu
    with tempfile.TemporaryDirectory() as temporary:
        for entry in models:
            model = load(entry.tflite)
            inputs = samples(model, _SAMPLES)
            expected = tflm(model, inputs)
            for name, cpu in usable.items():
                for optimize in get_args(Optimize):
                    level = _level(optimize)
                    f = measure(model, cpu, Options(optimize, None), inputs, expected, Path(temporary) / "m", level)
                    if f.equal != f.samples:
                        problems.append(f"{entry.name} on {name}: {f.samples - f.equal} outputs are not TFLM's")
                    counted.append(
                        Count(entry.name, name, optimize, f.instructions, f.code_bytes, f.weights_bytes, f.ram_bytes,
                              f.stack_bytes)
                    )  # fmt: skip
    return counted


def _level(optimize: Optimize) -> str:
    return "-Os" if optimize == "size" else "-O2"


def main() -> None:
    """Measure some models on some CPUs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=main.__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--cpu", action="append", choices=CPUS, help="all otherwise")
    parser.add_argument("--optimize", choices=get_args(Optimize), default="balanced")
    parser.add_argument("--extra", type=int, help="bytes by which weights may grow")
    parser.add_argument("--level", help="of the compiler (-O2; -Os for size)")
    parser.add_argument("--samples", type=int, default=_SAMPLES)
    parser.add_argument("--operators", action="store_true", help="show each operator")
    parser.add_argument("--keep", type=Path, help="folder for what is made")
    args = parser.parse_args()
    level = args.level or _level(args.optimize)
    print("model, CPU: instructions, code, weights, RAM, stack bytes, equal samples")
    with tempfile.TemporaryDirectory() as temporary:
        for path in args.models:
            model = load(path)
            inputs = samples(model, args.samples)
            expected = tflm(model, inputs)
            for name in args.cpu or CPUS:
                folder = (args.keep or Path(temporary)) / f"{path.stem}_{name}"
                options = Options(args.optimize, args.extra)
                f = measure(model, CPUS[name], options, inputs, expected, folder, level, args.operators)
                sizes = f"{f.code_bytes} {f.weights_bytes} {f.ram_bytes} {f.stack_bytes}"
                print(f"{path.stem} {name}: {f.instructions} {sizes} {f.equal}/{f.samples}")
                for op, n in f.operators.items():
                    print(f"  {op:3} {model.main.operators[op].name:24} {n:10}")
                sys.stdout.flush()
                if f.equal != f.samples:
                    sys.exit(1)


if __name__ == "__main__":
    main()
