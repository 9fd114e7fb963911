"""Compiles a firmware for an emulated CPU and links it into the memory of an emulated machine."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...boards.cpus import Compiler, Cpu, Machine
from ...errors import InputError
from ...support import resources
from ..compilation import Compilation, CompilerError, run_compiler
from .instructions import check_instructions
from .linked import Linked, linked_objects, total
from .tools import header_flags, require_tools

_TIMEOUT_S = 60
SOURCES = (".c", ".cc", ".cpp", ".S")  # suffixes of what is compiled
# Floating point is contracted on no CPU: TFLM's reference results come from single operations.
FLAGS = (
    "-O2",
    "-ffp-contract=off",
    "-ffunction-sections",
    "-fdata-sections",
    "-DMICROGEN_HOST=1",
    "-DMICROGEN_EMULATOR=1",
)
C_FLAGS = ("-std=gnu11",)
CXX_FLAGS = ("-std=gnu++17", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
_OBSERVED = ("-DMODEL_OBSERVE=emulator_observe",)
# Between a firmware and its model: firmware/platform/emulator/observe.cc.
_WRAPPED = ("_ZN5model6InvokeEv", "_ZN5model4InitEPFvvE")
_OBSERVER = "observe.cc"
# What each machine has besides its own sources, in firmware/platform/emulator.
COMMON = ("clock.c", "log.c", "serial.c", "sensor.cc", "arduino.cc", "platform.cc")


@dataclass(frozen=True)
class Program:
    """What a firmware is compiled from.

    Attributes:
        files: its C and C++ sources.
        includes: folders of its headers.
        lenient: those of the files that may have warnings: the user's own.
        folder: the project that they are of, for the cache of objects; None: none.
        flags: the project's own, after those that every firmware has.
    """

    files: tuple[Path, ...]
    includes: tuple[Path, ...]
    lenient: frozenset[Path] = frozenset()
    folder: Path | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """A linked firmware.

    Attributes:
        elf: the file.
        cpu: what it is compiled for.
        machine: the emulated machine that it is linked for.
        flash_bytes: code and constants, with the initial values of variables.
        ram_bytes: variables, without stack and heap.
        parts: what each of the program's sources takes of it.
    """

    elf: Path
    cpu: Cpu
    machine: Machine
    flash_bytes: int
    ram_bytes: int
    parts: Mapping[Path, Linked]

    def part(self, folder: Path) -> Linked:
        """Return what the sources in a folder and below it take, libraries that they call left out."""
        return total(linked for source, linked in self.parts.items() if source.is_relative_to(folder))

    def functions(self, addresses: Sequence[int]) -> list[str]:
        """Return the name of the function that each address lies in; "" if it lies in none."""
        assert self.cpu.compiler is not None
        listed = _output_of([f"{self.cpu.compiler.prefix}nm", "-nC", "--defined-only", str(self.elf)])
        matches = re.findall(r"^([0-9a-f]+) [tTwW] (.+)$", listed, re.M)
        symbols = [(int(address, 16) & ~1, name) for address, name in matches]
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
    assert cpu.compiler is not None
    platforms = resources.path("firmware") / "platform"
    folder = platforms / "emulator"
    roots = {"firmware": resources.path("firmware")} | ({"project": program.folder} if program.folder else {})
    # Of posix/ only its Arduino.h is used.
    includes = (*program.includes, platforms, folder, platforms / "posix")
    drivers = [[f"{cpu.compiler.prefix}gcc"], [f"{cpu.compiler.prefix}g++"]]
    compilation = Compilation(drivers, work, roots, includes, sorted({p.parent for p in program.files}))
    macros = {
        "clock.c": (f"-DPICOSECONDS_PER_INSTRUCTION={picoseconds_per_instruction(cpu, clock_hz)}",),
        _OBSERVER: (f"-DMODEL_OPERATORS={max(1, operators)}",),
    }
    own = {
        path: (*program.flags, *_OBSERVED, *(() if path in program.lenient else _WARNINGS)) for path in program.files
    }
    objects = _compile(cpu, compilation, own)
    failure = ""
    for machine in cpu.machines:
        defines = tuple(f"-D{name}={value:#x}u" for name, value in machine.defines.items())
        platform = {
            folder / name: (*_WARNINGS, *defines, *macros.get(name, ()))
            for name in (*machine.sources, *COMMON, _OBSERVER)
        }
        elf = work / f"{machine.name}.elf"
        linked = [*objects.values(), *_compile(cpu, compilation, platform).values()]
        try:
            _link(cpu.compiler, machine, linked, folder / "firmware.ld", elf)
        except CompilerError as error:
            failure = re.sub(r"^.*/ld: ", "", str(error))
            if "overflowed" in failure:
                continue
            break
        compilation.finish()
        check_instructions(cpu, elf)
        objects_linked = linked_objects(elf.with_suffix(".map").read_text("utf-8", "replace"))
        parts = {source: objects_linked.get(str(file), Linked()) for source, file in objects.items()}
        return Image(elf, cpu, machine, *_sizes(cpu.compiler, elf), parts)
    raise InputError(
        f"the firmware does not link for {cpu.title} (emulated): {failure}",
        "a smaller model or arena fits" if "overflowed" in failure else f"compiler: {cpu.compiler.prefix}gcc",
    )


def picoseconds_per_instruction(cpu: Cpu, clock_hz: int) -> int:
    """Return the estimated time of one instruction, which the firmware's clock counts with."""
    assert cpu.cost is not None
    return max(1, round(cpu.cost.cycles_per_instruction / clock_hz * 1e12))


def link_symbols(machine: Machine) -> dict[str, int]:
    """Return what firmware/platform/emulator/firmware.ld wants to know of a machine."""
    return {
        "FLASH_ORIGIN": machine.flash.origin,
        "FLASH_BYTES": machine.flash.bytes,
        "RAM_ORIGIN": machine.ram.origin,
        "RAM_BYTES": machine.ram.bytes,
        "STACK_BYTES": machine.stack_bytes,
    }


def _compile(cpu: Cpu, compilation: Compilation, sources: Mapping[Path, Sequence[str]]) -> dict[Path, Path]:
    """Compile sources, each with further flags; return the object of each."""
    compiler = cpu.compiler
    assert compiler is not None

    def compiled(source: Path) -> Path:
        driver, flags = _driver(compiler, source)
        try:
            return compilation.compile(source, [driver], (*flags, *FLAGS, *sources[source])).file
        except CompilerError as error:
            raise InputError(
                f"{source.name} does not compile for {cpu.title}: {error}",
                f"compiler: {driver}; guard code that only the board has with #ifndef MICROGEN_HOST",
            ) from None

    # The largest first, so that it does not run alone at the end.
    ordered = sorted(sources, key=lambda p: p.stat().st_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(ordered, pool.map(compiled, ordered), strict=True))


def _driver(compiler: Compiler, source: Path) -> tuple[str, tuple[str, ...]]:
    if source.suffix == ".S":
        return f"{compiler.prefix}gcc", compiler.flags
    if source.suffix == ".c":
        return f"{compiler.prefix}gcc", (*compiler.flags, *C_FLAGS)
    return f"{compiler.prefix}g++", (*compiler.flags, *CXX_FLAGS, *header_flags(compiler))


def _link(compiler: Compiler, machine: Machine, objects: Sequence[Path], script: Path, elf: Path) -> None:
    run_compiler(
        [f"{compiler.prefix}gcc", *compiler.flags, "-nostartfiles", *compiler.link_flags, "-Wl,--gc-sections",
         f"-Wl,-Map={elf.with_suffix('.map')}",
         *(f"-Wl,--defsym={name}={value:#x}" for name, value in link_symbols(machine).items()),
         *(f"-Wl,--wrap={name}" for name in _WRAPPED), "-T", str(script), *map(str, objects), "-lm", "-o", str(elf)]
    )  # fmt: skip


def _sizes(compiler: Compiler, elf: Path) -> tuple[int, int]:
    """Return bytes of flash, and of RAM without the stack."""
    listed = _output_of([f"{compiler.prefix}size", "-A", "-d", str(elf)])
    size = {name: int(value) for name, value in re.findall(r"^(\.\S+)\s+(\d+)\s", listed, re.M)}
    constant = sum(size.get(name, 0) for name in (".text", ".rodata", ".ARM.exidx", ".data"))
    return constant, size.get(".data", 0) + size.get(".bss", 0)


def _output_of(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S).stdout
