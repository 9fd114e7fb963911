"""Reads from the linker's map what each object takes of an image, after the linker left out what nobody uses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# Input section, address, size, object; a long name has a line of its own. Left out are alignment and symbols.
_PLACED = re.compile(r"^ (\.[^\s]+)\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", re.M)
_WRAPPED = re.compile(r"^( \.\S+)\n +(?=0x)", re.M)
_KINDS = {".text": "code", ".rodata": "constants", ".srodata": "constants", ".data": "data", ".sdata": "data"}
_KINDS |= {".bss": "zeroed", ".sbss": "zeroed", "COMMON": "zeroed"}


@dataclass(frozen=True)
class Linked:
    """Bytes of an image.

    Attributes:
        code, constants: in flash.
        data: variables with an initial value, in flash and RAM.
        zeroed: variables that start as zero, in RAM.
    """

    code: int = 0
    constants: int = 0
    data: int = 0
    zeroed: int = 0

    @property
    def flash_bytes(self) -> int:
        """All that lies in flash."""
        return self.code + self.constants + self.data

    @property
    def ram_bytes(self) -> int:
        """All that lies in RAM."""
        return self.data + self.zeroed


def total(parts: Iterable[Linked]) -> Linked:
    """Return the sum of parts."""
    counted = list(parts)
    return Linked(*(sum(getattr(part, name) for part in counted) for name in ("code", "constants", "data", "zeroed")))


def linked_objects(text: str) -> dict[str, Linked]:
    """Return what each object file takes, by its path as the linker was given it.

    Args:
        text: what GNU ld wrote for -Map.
    """
    _, _, placed = text.partition("Linker script and memory map")
    sizes: dict[str, dict[str, int]] = {}
    for section, _, size, path in _PLACED.findall(_WRAPPED.sub(r"\1 ", placed)):
        kind = next((kind for start, kind in _KINDS.items() if section == start or section.startswith(f"{start}.")), "")
        if kind:
            counted = sizes.setdefault(path, {})
            counted[kind] = counted.get(kind, 0) + int(size, 16)
    return {path: Linked(**counted) for path, counted in sizes.items()}
