"""Bare programs on emulated CPUs, which read in.bin and write out.bin by semihosting: no board, no firmware."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgen.boards import load_cpu
from microgen.devices.emulator import missing_packages
from microgen.runtimes.compiled.armv7em import Armv7emPath
from microgen.runtimes.compiled.compiler import GenericPath
from microgen.runtimes.compiled.path import CpuPath

FILES = Path(__file__).parent / "firmware"
_SECONDS = 600


@dataclass(frozen=True)
class Cpu:
    """A CPU, its compiler, and the emulator that runs it.

    Attributes:
        board_cpu: its name in boards/cpus.
        compile: compiler and flags. rom, ram: where the emulated board has its memories, of 4 MB each.
        icount: how QEMU counts; the harness knows what a tick of the timer is then.
    """

    name: str
    board_cpu: str
    path: CpuPath
    compile: str
    emulate: str
    icount: str
    rom: int = 0
    ram: int = 0x20000000

    @property
    def prefix(self) -> str:
        """Of the names of its compiler's programs."""
        return self.compile.split()[0].removesuffix("gcc")

    @property
    def obstacle(self) -> str:
        """Why it cannot be used here, "" if it can."""
        missing = missing_packages([load_cpu(self.board_cpu)])
        return f"not installed (Debian): {', '.join(missing)}" if missing else ""


_ARM = "arm-none-eabi-gcc -mthumb"
_QEMU_ARM = "qemu-system-arm -M"
_RISCV = "riscv64-unknown-elf-gcc -mabi=ilp32 -mcmodel=medany --specs=picolibc.specs -mno-relax"
_M4F = f"{_ARM} -mcpu=cortex-m4 -mfpu=fpv4-sp-d16 -mfloat-abi=hard"
_VIRT = "qemu-system-riscv32 -M virt -bios none"
_AN385 = f"{_QEMU_ARM} mps2-an385"
_LIST = (
    Cpu("m4f", "cortex-m4f", Armv7emPath(), _M4F, f"{_QEMU_ARM} mps2-an386", "shift=6"),
    Cpu("m3", "cortex-m3", GenericPath(), f"{_ARM} -mcpu=cortex-m3", _AN385, "shift=6"),
    Cpu("m0plus", "cortex-m0plus", GenericPath(), f"{_ARM} -mcpu=cortex-m0plus", _AN385, "shift=6"),
    Cpu("rv32", "rv32imafc", GenericPath(), f"{_RISCV} -march=rv32imac", _VIRT, "shift=0", 0x80000000, 0x80400000),
)
CPUS = {cpu.name: cpu for cpu in _LIST}


def build(folder: Path, cpu: Cpu, name: str, flags: Sequence[str], sources: Sequence[str]) -> None:
    """Compile and link a program with what starts it; `folder` is where it and its own headers lie."""
    memory = f"ROM (rx) : ORIGIN = {cpu.rom}, LENGTH = 4M\n  RAM (rwx) : ORIGIN = {cpu.ram}, LENGTH = 4M"
    (folder / "memory.ld").write_text(f"MEMORY {{\n  {memory}\n}}\nINCLUDE {FILES}/link.ld\n")
    output_of([
        *cpu.compile.split(), "-nostartfiles", "-std=gnu11", "-ffunction-sections", "-fdata-sections",
        "-Wl,--gc-sections", f"-I{FILES}", "-I.", *flags, *sources, str(FILES / "start.c"), "-T", "memory.ld",
        "-o", name, "-lm", "-lc", "-lgcc",
    ], folder)  # fmt: skip


def emulate(folder: Path, cpu: Cpu, name: str) -> str:
    """Run a program; return what it printed."""
    return output_of([
        *cpu.emulate.split(), "-nographic", "-monitor", "none", "-serial", "none",
        "-semihosting-config", "enable=on,target=native", "-icount", cpu.icount, "-kernel", name,
    ], folder)  # fmt: skip


@dataclass(frozen=True)
class Inference:
    """What harness.c counted.

    Attributes:
        instructions: of the first inference.
        stack_bytes: of it, below the caller.
        operators: instructions by operator, where it was compiled to count them.
    """

    instructions: int
    stack_bytes: int
    operators: dict[int, int]


def inference(folder: Path, cpu: Cpu, name: str) -> Inference:
    """Run a program with harness.c.

    Raises:
        RuntimeError: it failed, or printed no count.
    """
    text = emulate(folder, cpu, name)
    first = re.search(r"inference (\d+) (\d+)", text)
    if not first:
        raise RuntimeError(f"{cpu.name}: {text}")
    operators = {int(i): int(n) for i, n in re.findall(r"operator (\d+) (\d+)", text)}
    return Inference(int(first[1]), int(first[2]), operators)


def text_bytes(elf: Path, cpu: Cpu) -> int:
    """Return what a program takes of the flash: code, constants and initial values of variables."""
    sections = output_of([f"{cpu.prefix}size", str(elf)], elf.parent).splitlines()[1].split()
    return int(sections[0]) + int(sections[1])


def output_of(command: Sequence[str], folder: Path) -> str:
    """Return what a command says.

    Raises:
        RuntimeError: it failed.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout + done.stderr
