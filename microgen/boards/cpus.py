"""The TOML files in `boards/cpus/`: a CPU, its cross compiler, the emulated machines that have it.

A CPU is data: adding one is adding a file. Peripherals that no file of firmware/platform/emulator drives yet need one
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)

_Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
CpuName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
_Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\.c$")]
_Macro = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
Architecture = Literal["armv6-m", "armv7-m", "armv7e-m", "armv8-m", "rv32imafc", "rv32imc", "xtensa"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Compiler(_Model):
    """A cross compiler, GCC with binutils.

    Attributes:
        prefix: of its programs: "arm-none-eabi-".
        flags: what selects the CPU, for compiler and linker.
        link_flags: for the linker alone.
        packages: Debian packages of the compiler and of its C library.
        cxx_packages: Debian packages of its C++ headers.
        cxx_headers: pattern of the folder of C++ headers, for a compiler without its own; the newest version is taken.
        cxx_target: that folder's subfolder with the headers of its target.
    """

    prefix: _Text
    flags: Annotated[tuple[_Text, ...], Field(min_length=1)]
    link_flags: tuple[_Text, ...] = ()
    packages: Annotated[tuple[_Text, ...], Field(min_length=1)]
    cxx_packages: tuple[_Text, ...]
    cxx_headers: _Text | None = None
    cxx_target: _Text | None = None

    @property
    def all_packages(self) -> tuple[str, ...]:
        """The Debian packages that compile C and C++."""
        return (*self.packages, *self.cxx_packages)


class Memory(_Model):
    """A range of addresses."""

    origin: NonNegativeInt
    bytes: PositiveInt


class Machine(_Model):
    """A machine of QEMU.

    Attributes:
        name: as QEMU's option -M names it.
        program: QEMU's program.
        options: further options of it.
        package: Debian package that it is in.
        sources: files of firmware/platform/emulator that drive its CPU and its peripherals.
        flash, ram: where code and data go. The stack is the first part of the RAM.
        stack_bytes: bytes of stack.
        defines: macros for the sources: addresses, interrupt numbers.
    """

    name: _Text
    program: _Text
    options: tuple[_Text, ...] = ()
    package: _Text
    sources: Annotated[tuple[_Source, ...], Field(min_length=1)]
    flash: Memory
    ram: Memory
    stack_bytes: PositiveInt
    defines: Mapping[_Macro, NonNegativeInt]


class Cost(_Model):
    """The average cost of an instruction in an inference.

    Attributes:
        cycles_per_instruction: clock cycles.
        error_percent: the error of a time in milliseconds.
        source: how the figure was determined.
    """

    cycles_per_instruction: PositiveFloat
    error_percent: PositiveInt
    source: _Text


class Cpu(_Model):
    """A CPU.

    Attributes:
        name: the name of its file, without ".toml".
        architecture: as `Mcu.architecture` names it.
        compiler, machines, cost: how to compile for it, where to run it, what that takes. The first machine in whose
            memory a firmware fits is taken.
        proves: what a firmware that runs there shows, and what it does not.
        obstacle: why it cannot be emulated, in place of the four.
        instructions: patterns of the CPU's mnemonics, if its machine has more; none: not checked.
        lacks: patterns of mnemonics that the CPU lacks although its machine executes them.
    """

    name: CpuName
    title: _Text
    architecture: Architecture
    compiler: Compiler | None = None
    machines: tuple[Machine, ...] = ()
    cost: Cost | None = None
    proves: _Text | None = None
    obstacle: _Text | None = None
    instructions: tuple[_Text, ...] = ()
    lacks: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _emulated_or_not(self) -> Cpu:
        parts = (self.compiler, self.machines, self.cost, self.proves)
        if self.obstacle is None and not all(parts):
            raise ValueError("needs 'compiler', 'machines', 'cost' and 'proves', or 'obstacle'")
        if self.obstacle is not None and any(parts):
            raise ValueError("'obstacle' stands in place of 'compiler', 'machines', 'cost' and 'proves'")
        return self
