"""Compiles a firmware for an emulated CPU and links it into the memory of an emulated machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...boards.cpus import Compiler, Cpu, Machine
from ...errors import InputError, one_line
from ...support import resources
from .instructions import check_instructions
from .tools import header_flags, require_tools

_TIMEOUT_S = 300
# Floating point is contracted on no CPU: TFLM's reference results come from single operations.
_FLAGS = (
    "-O2",
    "-ffp-contract=off",
    "-ffunction-sections",
    "-fdata-sections",
    "-DMICROGEN_HOST=1",
    "-DMICROGEN_EMULATOR=1",
)
_C_FLAGS = ("-std=gnu11",)
_CXX_FLAGS = ("-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
# Between a firmware and its model: firmware/platform/emulator/observe.cc.
_WRAPPED = ("_ZN5model6InvokeEv", "_ZN5model4InitEPFvvE")
_COMMON = ("clock.c", "log.c", "serial.c", "arduino.cc", "platform.cc", "observe.cc")


@dataclass(frozen=True)
class Program:
    """What a firmware is compiled from.

    Attributes:
        files: its C and C++ sources.
        includes: folders of its headers.
        lenient: those of the files that may have warnings: the user's own.
    """

    files: tuple[Path, ...]
    includes: tuple[Path, ...]
    lenient: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Image:
    """A linked firmware.

    Attributes:
        elf: the file.
        cpu: what it is compiled for.
        machine: the emulated machine that it is linked for.
        flash_bytes: code and constants, with the initial values of variables.
        ram_bytes: variables, without stack and heap.
    """

    elf: Path
    cpu: Cpu
    machine: Machine
    flash_bytes: int
    ram_bytes: int

    def functions(self, addresses: Sequence[int]) -> list[str]:
        """Return the name of the function that each address lies in; "" where it lies in none."""
        assert self.cpu.compiler is not None
        done = _run([f"{self.cpu.compiler.prefix}nm", "-nC", "--defined-only", str(self.elf)])
        symbols = [
            (int(found[1], 16) & ~1, found[2]) for found in re.finditer(r"^([0-9a-f]+) [tTwW] (.+)$", done.stdout, re.M)
        ]
        return [next((name for start, name in reversed(symbols) if start <= (a & ~1)), "") for a in addresses]


def build_image(cpu: Cpu, program: Program, work: Path, *, clock_hz: int, operators: int = 1) -> Image:
    """Compile a firmware for a CPU and link it for the first of the CPU's machines that it fits.

    Args:
        cpu: the CPU.
        program: the firmware's sources, model and setup() and loop() included.
        work: an existing folder for objects and the image.
        clock_hz: clock of the board, for the firmware's own clock, which gives the estimated time.
        operators: number of operators of the model, for counts by operator.

    Raises:
        SetupError: this machine lacks the compiler or the emulator.
        InputError: a source does not compile, or the firmware fits no machine, or it has an instruction that the CPU
            lacks.
    """
    require_tools(cpu)
    assert cpu.compiler is not None and cpu.cost is not None
    picoseconds = max(1, round(cpu.cost.cycles_per_instruction / clock_hz * 1e12))
    platforms = resources.path("firmware") / "platform"
    platform = platforms / "emulator"
    # Of posix/ only its Arduino.h is used.
    includes = (*program.includes, platforms, platform, platforms / "posix")
    macros = (f"-DPICOSECONDS_PER_INSTRUCTION={picoseconds}", f"-DMODEL_OPERATORS={max(1, operators)}")
    objects = _compile(cpu, program.files, includes, ("-DMODEL_OBSERVE=emulator_observe",), work, program.lenient)
    failure = ""
    for machine in cpu.machines:
        folder = work / machine.name
        folder.mkdir(exist_ok=True)
        own = [platform / name for name in (*machine.sources, *_COMMON)]
        defines = tuple(f"-D{name}={value:#x}u" for name, value in machine.defines.items())
        elf = folder / "firmware.elf"
        linked = [*objects, *_compile(cpu, own, includes, (*macros, *defines), folder)]
        failure = _link(cpu.compiler, machine, linked, platform / "firmware.ld", elf)
        if not failure:
            check_instructions(cpu, elf)
            return Image(elf, cpu, machine, *_sizes(cpu.compiler, elf))
        if "overflowed" not in failure:
            break
    raise InputError(
        f"the firmware does not link for {cpu.title} (emulated): {failure}",
        "a smaller model or arena fits" if "overflowed" in failure else f"compiler: {cpu.compiler.prefix}gcc",
    )


def _compile(
    cpu: Cpu,
    files: Sequence[Path],
    includes: Sequence[Path],
    macros: Sequence[str],
    work: Path,
    lenient: frozenset[Path] = frozenset(),
) -> list[Path]:
    assert cpu.compiler is not None
    # The largest first, so that it does not run alone at the end.
    ordered = sorted(files, key=lambda p: p.stat().st_size, reverse=True)
    objects = [work / f"{i}-{p.stem}.o" for i, p in enumerate(ordered)]
    jobs = [
        [*_driver(cpu.compiler, source), *_FLAGS, *macros, *(() if source in lenient else _WARNINGS),
         *(f"-I{p}" for p in includes), "-c", str(source), "-o", str(target)]
        for source, target in zip(ordered, objects, strict=True)
    ]  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for source, done in zip(ordered, pool.map(_run, jobs), strict=True):
            if done.returncode:
                raise InputError(
                    f"{source.name} does not compile for {cpu.title}: {_first_error(done.stderr)}",
                    f"compiler: {cpu.compiler.prefix}g++; "
                    "guard code that only the board has with #ifndef MICROGEN_HOST",
                )
    return objects


def _driver(compiler: Compiler, source: Path) -> list[str]:
    if source.suffix == ".c":
        return [f"{compiler.prefix}gcc", *compiler.flags, *_C_FLAGS]
    return [f"{compiler.prefix}g++", *compiler.flags, *_CXX_FLAGS, *header_flags(compiler)]


def _link(compiler: Compiler, machine: Machine, objects: Sequence[Path], script: Path, elf: Path) -> str:
    """Link; return "" or the first error."""
    symbols = {
        "FLASH_ORIGIN": machine.flash.origin,
        "FLASH_BYTES": machine.flash.bytes,
        "RAM_ORIGIN": machine.ram.origin,
        "RAM_BYTES": machine.ram.bytes,
        "STACK_BYTES": machine.stack_bytes,
    }
    done = _run(
        [f"{compiler.prefix}gcc", *compiler.flags, "-nostartfiles", *compiler.link_flags, "-Wl,--gc-sections",
         *(f"-Wl,--defsym={name}={value:#x}" for name, value in symbols.items()),
         *(f"-Wl,--wrap={name}" for name in _WRAPPED), "-T", str(script), *map(str, objects), "-lm", "-o", str(elf)]
    )  # fmt: skip
    return _first_error(done.stderr) if done.returncode else ""


def _sizes(compiler: Compiler, elf: Path) -> tuple[int, int]:
    """Return bytes of flash, and of RAM without the stack."""
    done = _run([f"{compiler.prefix}size", "-A", "-d", str(elf)])
    size = {found[1]: int(found[2]) for found in re.finditer(r"^(\.\S+)\s+(\d+)\s", done.stdout, re.M)}
    constant = sum(size.get(name, 0) for name in (".text", ".rodata", ".ARM.exidx", ".data"))
    return constant, size.get(".data", 0) + size.get(".bss", 0)


def _first_error(log: str) -> str:
    lines = log.splitlines()
    telling = [line for line in lines if re.search(r"error|undefined|multiple definition|overflowed", line)]
    line = next((x for x in telling if "overflowed" in x), (telling or lines or ["no output"])[0])
    return one_line(re.sub(r"^.*/ld: ", "", line))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", f"error: {error}")
