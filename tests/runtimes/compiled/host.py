"""Compiled models on this machine, under AddressSanitizer and UndefinedBehaviorSanitizer, operator by operator."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgen.devices.compilation import Compilation
from microgen.runtimes.compiled.compiler import CompiledModel
from microgen.support import resources

FLAGS = [
    "-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer",
    "-Wall", "-Wextra", "-Wconversion", "-Werror",
]  # fmt: skip
OBSERVE = ["-DMODEL_OBSERVE=observe", "-DMODEL_OBSERVE_TENSORS"]
KERNELS = resources.path("firmware") / "runtimes" / "compiled"
# Objects of kernels, which are the same in all programs of this process; other processes find them in the cache.
_OBJECTS = tempfile.TemporaryDirectory(prefix="kernels")


@dataclass
class Run:
    """What a compiled model answered for one sample: its outputs, and what each step left, by tensor."""

    outputs: list[np.ndarray]
    tensors: dict[int, np.ndarray]


_MAIN = """
#include <stdint.h>
#include <stdio.h>
#include <string.h>
%(includes)s
static int model;
static void put(const void *p, unsigned n) { if (fwrite(p, 1, n, stdout) != n) { perror("write"); } }
static void get(void *p, unsigned n) { if (fread(p, 1, n, stdin) != n) { perror("read"); } }
static void take(unsigned tensor, const void *p, unsigned n, const uint16_t *channels, unsigned kept) {
  (void)tensor; (void)channels; (void)kept;
  put(p, n);
}
void observe(unsigned op);
void observe(unsigned op) {
  if (op == M0_INPUT_VALUES) { return; }
  switch (model) {
%(observe)s
    default: (void)op;
  }
}
int main(void) {
%(main)s
  return 0;
}
"""


def compiler() -> str:
    return "gcc"


def run(
    folder: Path,
    models: Sequence[CompiledModel],
    samples: Sequence[Sequence[Sequence[np.ndarray]]],
    flags: Sequence[str] = (),
) -> list[list[Run]]:
    """Compile the models, each with a prefix of its own ("m0", "m1", ...), into one program and run their samples."""
    write(folder, models, samples)
    objects = [_kernel(f, tuple(flags)) for f in sorted({f for m in models for f in m.kernel_files})]
    sources = ["main.c", *(f"m{k}.c" for k in range(len(models)))]
    command = [compiler(), *FLAGS, *flags, "-I", str(KERNELS), *OBSERVE, *sources, *objects, "-o", "run"]
    subprocess.run(command, cwd=folder, check=True)
    fed = b"".join(x.tobytes() for per_model in samples for sample in per_model for x in sample)
    done = subprocess.run([str(folder / "run")], input=fed, capture_output=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.decode()[-6000:])
    return read(done.stdout, models, [len(s) for s in samples])


@functools.cache
def _compilation() -> Compilation:
    return Compilation([[compiler()]], Path(_OBJECTS.name), {"kernels": KERNELS}, [KERNELS])


@functools.cache
def _kernel(name: str, flags: tuple[str, ...]) -> str:
    """The object of a kernel's file."""
    return str(_compilation().compile(KERNELS / name, [compiler()], [*FLAGS, *flags]).file)


def _observed(model: CompiledModel) -> list[tuple[int, list]]:
    """For each step the values that it writes and that are in the buffer."""
    return [
        (step.index, [v for v in step.outputs if v.index in model.layout.values and v.bytes])
        for step in model.program.steps
    ]


def write(folder: Path, models: Sequence[CompiledModel], samples: Sequence[Sequence[object]]) -> None:
    """Write the sources."""
    includes, observe, main = [], [], []
    for k, m in enumerate(models):
        for name, data in m.files.items():
            (folder / name).write_bytes(data)
        includes.append(f'#include "m{k}.h"')
        observe.append(f"    case {k}: m{k}_values(op, take); break;")
        gets = " ".join(f"get(m{k}_input({i}), {v.bytes});" for i, v in enumerate(m.program.inputs))
        puts = " ".join(f"put(m{k}_output({i}), {v.bytes});" for i, v in enumerate(m.program.outputs))
        main.append(f"  model = {k}; m{k}_reset();\n  for (int i = 0; i < {len(samples[k])}; i++) "
                    f"{{ {gets} m{k}_invoke(); {puts} }}")  # fmt: skip
    (folder / "main.c").write_text(
        _MAIN % {"includes": "\n".join(includes), "observe": "\n".join(observe), "main": "\n".join(main)}
    )


def read(answer: bytes, models: Sequence[CompiledModel], counts: Sequence[int]) -> list[list[Run]]:
    """Take the program's answer apart."""
    at = 0

    def take(value) -> np.ndarray:
        nonlocal at
        found = np.frombuffer(answer, value.dtype, value.elements, at).reshape(value.shape)
        at += value.bytes
        return found

    runs = []
    for m, count in zip(models, counts, strict=True):
        per_model = []
        for _ in range(count):
            tensors = {v.index: take(v) for _, values in _observed(m) for v in values}
            per_model.append(Run([take(v) for v in m.program.outputs], tensors))
        runs.append(per_model)
    assert at == len(answer)
    return runs
