"""Compiled models on emulated CPUs, operator by operator: what host.py does on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import semihosting
from microgen.runtimes.compiled.compiler import CompiledModel

from . import host

_FLAGS = ["-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-I", str(host.KERNELS), *host.OBSERVE]


def run(
    folder: Path, models: Sequence[CompiledModel], samples: Sequence[Sequence[object]], cpu: semihosting.Cpu
) -> list[list[host.Run]]:
    """Compile the models, each with a prefix of its own ("m0", "m1", ...), into one program and run their samples."""
    host.write(folder, models, samples)
    kernels = sorted({str(host.KERNELS / f) for m in models for f in m.kernel_files})
    generated = sorted({f for m in models for f in m.files if f.endswith((".c", ".S"))})
    semihosting.build(folder, cpu, "run.elf", _FLAGS, ["main.c", *kernels, *generated])
    (folder / "in.bin").write_bytes(b"".join(x.tobytes() for m in samples for sample in m for x in sample))
    semihosting.emulate(folder, cpu, "run.elf")
    return host.read((folder / "out.bin").read_bytes(), models, [len(s) for s in samples])
