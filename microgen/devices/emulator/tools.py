"""Finds the cross compiler and the emulator of a CPU."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ...boards.cpus import Compiler, Cpu
from ...errors import SetupError

EMULATOR = "emulator"
_TIMEOUT_S = 60
_PROBE = "#include <cstddef>\n#include <cstring>\n#include <new>\n"


def require_tools(cpu: Cpu) -> None:
    """Reject a CPU that this machine cannot emulate.

    Raises:
        SetupError: names what is missing, and the command that installs it.
    """
    if cpu.obstacle is not None:
        raise SetupError(f"{cpu.title} cannot be emulated: {cpu.obstacle}", "verify on this machine or on a board")
    missing = missing_packages([cpu])
    if missing:
        raise SetupError(
            f"{cpu.title} cannot be emulated here: the Debian packages {', '.join(missing)} are not installed",
            install_command(missing),
        )


def missing_packages(cpus: Sequence[Cpu]) -> list[str]:
    """Return the Debian packages that compiling for these CPUs and emulating them lacks, sorted."""
    missing: set[str] = set()
    for cpu in cpus:
        if cpu.compiler is not None:
            missing.update(_missing_of_compiler(cpu.compiler))
        missing.update(m.package for m in cpu.machines if shutil.which(m.program) is None)
    return sorted(missing)


def install_command(packages: Sequence[str]) -> str:
    """Return the command that installs Debian packages."""
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def header_flags(compiler: Compiler) -> tuple[str, ...]:
    """Return the flags that name the C++ headers of a compiler without its own; none if they are not installed."""
    if compiler.cxx_headers is None:
        return ()
    pattern = Path(compiler.cxx_headers)
    folders = sorted((p for p in pattern.parent.glob(pattern.name) if p.is_dir()), key=_version)
    if not folders:
        return ()
    newest = folders[-1]
    target = newest / compiler.cxx_target if compiler.cxx_target else None
    return ("-isystem", str(newest), *(("-isystem", str(target)) if target else ()))


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split(".") if part.isdigit())


def _missing_of_compiler(compiler: Compiler) -> tuple[str, ...]:
    program = shutil.which(f"{compiler.prefix}g++")
    if program is None or shutil.which(f"{compiler.prefix}objdump") is None:
        return compiler.all_packages
    flags = (*compiler.flags, *compiler.link_flags, *header_flags(compiler))
    return () if _compiles(program, flags) else compiler.all_packages


@lru_cache
def _compiles(program: str, flags: tuple[str, ...]) -> bool:
    """Report whether C and C++ headers and the specs of the C library are installed."""
    try:
        command = [program, *flags, "-E", "-x", "c++", "-"]
        done = subprocess.run(command, input=_PROBE, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
