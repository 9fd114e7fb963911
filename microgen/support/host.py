"""What a runtime adds to the build of a firmware for this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HostBuild:
    """What a runtime adds to the build of a firmware for this machine.

    Attributes:
        sources: C and C++ files that are compiled too.
        includes: folders in which headers are looked for.
        flags: compiler flags.
        library: a shared library that the firmware is linked against when it is loaded; it exports
            `microgen_selftest` with the firmware then, see `microgen.workers.firmware`.
        obstacle: why firmware cannot run on this machine, "" when it can.
    """

    sources: tuple[Path, ...] = ()
    includes: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    library: Path | None = None
    obstacle: str = ""
