"""What a candidate of a sweep must keep to: flash=64K,ram=16K,ms=20."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ..deployment import DeviceCost
from ..errors import InputError, nearest, option
from ..support.sizes import EXAMPLES, number_of_bytes

_EXAMPLE = "board=pico,flash=64K,ram=16K,ms=20"
_NAMES = ("board", "flash", "ram", "ms")


@dataclass(frozen=True)
class Limits:
    """Limits of a model on a board, each None where there is none.

    Attributes:
        flash: bytes of weights and code. ram: bytes of the memory for tensors. ms: estimated time of an inference.
    """

    flash: int | None = None
    ram: int | None = None
    ms: float | None = None

    def broken(self, cost: DeviceCost | None) -> str:
        """Return the first limit that a model does not keep to, for people; "" where it keeps to all."""
        if cost is None:
            return "no runtime with known costs supports it"
        if self.flash is not None and cost.flash_bytes > self.flash:
            return "flash"
        if self.ram is not None and cost.ram_bytes > self.ram:
            return "RAM"
        if self.ms is None:
            return ""
        if cost.milliseconds is None:
            return "its time is unknown"
        return "time" if cost.milliseconds > self.ms else ""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        given = [("flash", self.flash, "bytes"), ("RAM", self.ram, "bytes"), ("time", self.ms, "ms")]
        return ", ".join(f"{name} {value:,} {unit}" for name, value, unit in given if value is not None)


def read_limits(text: str) -> tuple[str | None, Limits]:
    """Read limits as users write them; return the board, None where it is not named, and the limits.

    Raises:
        InputError: a name or number cannot be, or nothing is limited.
    """
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, value = (p.strip() for p in part.partition("="))
        if name not in _NAMES:
            raise _wrong(f"no limit '{name}'", nearest(name, _NAMES, f"limits: {', '.join(_NAMES)}"), text)
        if name in found:
            raise _wrong(f"{name} is repeated", "give it once", text)
        if not value:
            raise _wrong(f"{name} has no value", f"for example {option('fit', _EXAMPLE)}", text)
        found[name] = value
    limits = Limits(
        _bytes("flash", found["flash"], text) if "flash" in found else None,
        _bytes("ram", found["ram"], text) if "ram" in found else None,
        _milliseconds(found["ms"], text) if "ms" in found else None,
    )
    if limits == Limits():
        raise _wrong("nothing is limited", f"for example {option('fit', _EXAMPLE)}", text)
    return found.get("board"), limits


def _bytes(name: str, value: str, text: str) -> int:
    try:
        limit = number_of_bytes(value)
    except ValueError:
        limit = 0
    if limit == 0:
        raise _wrong(f"{name}={value}: not a number of bytes", f"write {EXAMPLES}", text)
    return limit


def _milliseconds(value: str, text: str) -> float:
    if not re.fullmatch(r"[0-9]+([.][0-9]+)?", value) or float(value) == 0:
        raise _wrong(f"ms={value}: not a number of milliseconds", "write 20 or 0.5", text)
    return float(value)


def _wrong(message: str, hint: str, text: str) -> InputError:
    return InputError(message, hint, option="fit", value=text)
