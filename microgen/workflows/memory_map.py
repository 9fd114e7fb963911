"""Where flash and RAM of a project's firmware go, as linked for its board's CPU: by part and by largest symbol."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import SetupError, command, option
from ..projects import open_project
from ..projects.manifest import project_board, project_runtime
from .device import compile_emulated, firmware_of

_RELEASE = "-DMICROGEN_RELEASE=1"
_SYMBOL = re.compile(r"^[0-9a-f]+ ([0-9a-f]+) (\w) (.+)$", re.M)
_IN_RAM = "bBdD"
_LARGEST = 12
_TIMEOUT_S = 60


@dataclass(frozen=True)
class MemoryMap:
    """What a linked firmware takes, without the board's own core.

    Attributes:
        cpu: what it was linked for.
        release: whether it is a release build.
        flash_bytes, ram_bytes: of the whole image, the drivers of the emulated machine included.
        parts: folders of the project with their bytes of flash and of RAM.
        symbols: the largest, with their bytes and the memory that they lie in.
    """

    cpu: str
    release: bool
    flash_bytes: int
    ram_bytes: int
    parts: tuple[tuple[str, int, int], ...]
    symbols: tuple[tuple[str, int, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        parts = [{"part": name, "flash_bytes": flash, "ram_bytes": ram} for name, flash, ram in self.parts]
        symbols = [{"symbol": name, "bytes": size, "memory": memory} for name, size, memory in self.symbols]
        return {**vars(self), "parts": parts, "symbols": symbols}


def memory_map(path: str | Path, *, release: bool = False) -> MemoryMap:
    """Compile a project for its board's CPU and say what takes its flash and RAM.

    Args:
        path: the project's folder.
        release: without serial commands and golden vectors.

    Raises:
        InputError: it is no project, or does not compile.
        SetupError: this machine has no compiler for that CPU, or no code of the runtime for it.
    """
    opened = open_project(path)
    cpu = project_board(opened).processor
    if obstacle := project_runtime(opened).emulator_obstacle(cpu):
        again = "" if cpu.obstacle else f"build it with {command('build', 'MODEL', option('runtime', 'compiled'))}, or "
        raise SetupError(
            f"{path}: {obstacle}", f"{again}compile it with the board's own tools and read the map of their linker"
        )
    firmware = firmware_of(opened)
    flags = (*firmware.flags, *((_RELEASE,) if release else ()))
    with tempfile.TemporaryDirectory(prefix="microgen-map-") as folder:
        image = compile_emulated(replace(firmware, flags=flags), Path(folder))
        assert image.cpu.compiler is not None
        lister = [f"{image.cpu.compiler.prefix}nm", "-SC", "--size-sort", "-r", "--defined-only", str(image.elf)]
        listed = subprocess.run(lister, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S).stdout
        layout = firmware.layout
        folders = dict.fromkeys((str(Path(layout.main).parent), *layout.libraries))
        linked = {name: image.part(opened.path / name) for name in folders}
    found = [
        (name, int(size, 16), "RAM" if kind in _IN_RAM else "flash") for size, kind, name in _SYMBOL.findall(listed)
    ]
    parts = tuple((name, part.flash_bytes, part.ram_bytes) for name, part in linked.items())
    return MemoryMap(image.cpu.title, release, image.flash_bytes, image.ram_bytes, parts, tuple(found[:_LARGEST]))
