"""The sizes of TFLM's own structures, which live in the arena and are smaller where pointers are."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....support import toml


class Target(enum.IntEnum):
    """The kinds of target whose structures differ in size; the value is the column in structs.toml."""

    HOST = 0
    DEVICE = 1
    DEVICE_SHORT_ENUMS = 2


@dataclass(frozen=True)
class Structs:
    """The structures of one target."""

    target: Target
    _size: dict[str, int]
    _options: dict[str, int]
    _user_data: dict[str, int]

    @staticmethod
    @functools.cache
    def of(target: Target, own: tuple[tuple[str, int], ...] = ()) -> Structs:
        """Return the structures of a target.

        Args:
            target: the target.
            own: names and bytes of the interpreter's structures that a library compiles in another size.
        """
        table = toml.load(Path(__file__).with_name("structs.toml"))

        def pick(entries: dict[str, Any]) -> dict[str, int]:
            return {key: value[target] if isinstance(value, list) else value for key, value in entries.items()}

        size, options, user_data = (pick(table[k]) for k in ("size", "options", "user_data"))
        return Structs(target, size | dict(own), options, user_data)

    @property
    def pointer(self) -> int:
        """Bytes of a pointer."""
        return 8 if self.target is Target.HOST else 4

    def size(self, name: str) -> int:
        """Return the bytes of one of the interpreter's structures."""
        return self._size[name]

    def options(self, op: str) -> int:
        """Return the bytes of an operator's parsed options; 0 where it has none."""
        return self._options.get(op, 0)

    def user_data(self, op: str) -> int:
        """Return the bytes that an operator's kernel keeps for itself; 0 where it keeps nothing."""
        return self._user_data.get(op, 0)
