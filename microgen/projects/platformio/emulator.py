"""[env:emulator] of a project: PlatformIO compiles the firmware for the board's CPU and runs it in QEMU."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ...boards.cpus import Compiler, Machine
from ...deployment import Deployment
from ...devices.emulator import build
from ...devices.emulator.board import qemu_arguments
from ...devices.emulator.tools import install_command
from ...support.render import render
from ..firmware import copies
from ..kind import Files

FOLDER = "lib/emulator"
SCRIPT = "emulator.py"


@dataclass(frozen=True)
class Emulation:
    """How a board's CPU is emulated, for the templates of a project.

    Attributes:
        title: the CPU's name for people.
        compiler: its cross compiler.
        machine: the largest of its machines; PlatformIO links for one only.
        macros: definitions for all sources.
        command: what starts the machine, but for the image.
        packages: the command that installs compiler and emulator on Debian.
    """

    title: str
    compiler: Compiler
    machine: Machine
    macros: tuple[str, ...]
    command: tuple[str, ...]
    packages: str

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags for C and C++."""
        return (*self.compiler.flags, *build.FLAGS, *(f"-D{macro}" for macro in self.macros))

    @property
    def cxx_flags(self) -> tuple[str, ...]:
        """Flags for C++ alone."""
        return build.CXX_FLAGS

    @property
    def link_flags(self) -> tuple[str, ...]:
        """Flags for the linker, but for the linker script."""
        symbols = (f"-Wl,--defsym={name}={value:#x}" for name, value in build.link_symbols(self.machine).items())
        return (*self.compiler.flags, "-nostartfiles", *self.compiler.link_flags, "-Wl,--gc-sections", *symbols)


def emulation(deployment: Deployment) -> Emulation | None:
    """Return how the CPU of a deployment's board is emulated; None if it, or the runtime there, cannot be."""
    board = deployment.board
    cpu = board.processor
    if cpu.compiler is None or deployment.firmware.emulation_obstacle:
        return None
    machine = cpu.machines[-1]
    defines = (f"{name}={value:#x}u" for name, value in machine.defines.items())
    time = f"PICOSECONDS_PER_INSTRUCTION={build.picoseconds_per_instruction(cpu, board.mcu.clock_hz)}"
    packages = sorted({*cpu.compiler.all_packages, machine.package})
    return Emulation(
        cpu.title,
        cpu.compiler,
        machine,
        (*defines, time),
        tuple(qemu_arguments(machine, "null")),
        install_command(packages),
    )


def files(emulated: Emulation, libraries: Files) -> Files:
    """Return the script of PlatformIO, and the emulated board as a library.

    Args:
        emulated: the board's CPU.
        libraries: what the runtime's libraries ask of a board.
    """
    library = {
        "name": "emulator",
        "version": "1.0.0",
        "description": f"Stands in for a board: an emulated {emulated.title}, its serial port on a UART of QEMU",
        "frameworks": "*",
        "platforms": "native",
        # Its reset code and its vectors are called by nobody.
        "build": {"libArchive": False},
    }
    emulator = copies("platform/emulator")
    taken = (*emulated.machine.sources, *build.COMMON, "emulator.h", "firmware.ld")
    placed = {
        **libraries,
        **copies("platform", "*.h"),
        **copies("platform/posix", "Arduino.h"),
        **{name: emulator[name] for name in taken},
        "library.json": (json.dumps(library, indent=2) + "\n").encode(),
    }
    script = render("platformio/emulator.py.j2", emulation=emulated, folder=FOLDER)
    return {SCRIPT: script, **{f"{FOLDER}/{name}": data for name, data in placed.items()}}
