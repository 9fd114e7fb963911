"""Compiled models on emulated CPUs, operator by operator: what host.py does on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgen.runtimes.compiled.armv7em import Armv7emPath
from microgen.runtimes.compiled.compiler import CompiledModel, GenericPath
from microgen.runtimes.compiled.path import CpuPath

from . import host

FILES = Path(__file__).parent / "emulator"
_WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]


@dataclass(frozen=True)
class Cpu:
    """A CPU, its compiler and its emulator; `rom`, `ram`: where the emulated board has its memories, of 4 MB each."""

    path: CpuPath
    compile: str
    emulate: str
    rom: int = 0
    ram: int = 0x20000000

    @property
    def obstacle(self) -> str:
        """Why it cannot be used here, "" if it can."""
        for program in (self.compile.split()[0], self.emulate.split()[0]):
            if not shutil.which(program):
                return f"{program} is not installed"
        return ""


_ARM = "arm-none-eabi-gcc -mthumb"
_QEMU_ARM = "qemu-system-arm -M"
_RISCV = "riscv64-unknown-elf-gcc -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs -mno-relax"
CPUS = {
    "m4f": Cpu(Armv7emPath(), f"{_ARM} -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard", f"{_QEMU_ARM} mps2-an386"),
    "m3": Cpu(GenericPath(), f"{_ARM} -mcpu=cortex-m3", f"{_QEMU_ARM} mps2-an385"),
    "m0plus": Cpu(GenericPath(), f"{_ARM} -mcpu=cortex-m0plus", f"{_QEMU_ARM} mps2-an385"),
    "rv32": Cpu(
        GenericPath(),
        f"{_RISCV} -march=rv32imac",
        "qemu-system-riscv32 -M virt -bios none",
        0x80000000,
        0x80400000,
    ),
}


def run(
    folder: Path,
    models: Sequence[CompiledModel],
    samples: Sequence[Sequence[object]],
    cpu: Cpu,
    level: str = "-O2",
) -> list[list[host.Run]]:
    """Compile the models, each with a prefix of its own ("m0", "m1", ...), into one program and run their samples."""
    host.write(folder, models, samples)
    memory = f"ROM (rx) : ORIGIN = {cpu.rom}, LENGTH = 4M\n  RAM (rwx) : ORIGIN = {cpu.ram}, LENGTH = 4M"
    (folder / "memory.ld").write_text(f"MEMORY {{\n  {memory}\n}}\nINCLUDE {FILES}/link.ld\n")
    kernels = sorted({f for m in models for f in m.kernel_files})
    generated = sorted({f for m in models for f in m.files if f.endswith((".c", ".S"))})
    command = [
        *cpu.compile.split(), "-nostartfiles", "-std=gnu11", level, *_WARNINGS, "-ffunction-sections",
        "-Wl,--gc-sections", "-I", str(FILES), "-I", str(host.KERNELS), "-I", ".", "-DMODEL_OBSERVE=observe",
        "-DMODEL_OBSERVE_TENSORS", "main.c", *(str(host.KERNELS / f) for f in kernels), *generated,
        str(FILES / "start.c"), "-T", "memory.ld", "-o", "run.elf", "-lm", "-lc", "-lgcc",
    ]  # fmt: skip
    _run(command, folder)
    (folder / "in.bin").write_bytes(b"".join(x.tobytes() for m in samples for sample in m for x in sample))
    emulator = [
        *cpu.emulate.split(), "-nographic", "-monitor", "none", "-serial", "none",
        "-semihosting-config", "enable=on,target=native", "-kernel", "run.elf",
    ]  # fmt: skip
    _run(emulator, folder)
    return host.read((folder / "out.bin").read_bytes(), models, [len(s) for s in samples])


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise AssertionError(f"{command[0]}: {(done.stdout + done.stderr)[-3000:]}")
