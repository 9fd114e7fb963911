"""Reads what an emulated firmware reports besides its serial line; firmware/platform/emulator writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_MOST_BYTES = 2**26
_N = r"\d{1,18}"
_INFERENCE = re.compile(rf"^inference ({_N} {_N} {_N}(?: {_N}:{_N})*)$", re.M)


@dataclass(frozen=True)
class InferenceCount:
    """What one inference took.

    Attributes:
        instructions: from the call of model::Invoke() to its return.
        stack_bytes: stack that it took.
        firmware_stack_bytes: stack that the firmware took in all until then.
        operators: number of the operator in the model and its instructions, in the order of their running; empty where
            the runtime does not report its operators.
    """

    instructions: int
    stack_bytes: int
    firmware_stack_bytes: int
    operators: tuple[tuple[int, int], ...] = ()

    @property
    def outside_operators(self) -> int:
        """Instructions that no operator took."""
        return self.instructions - sum(count for _, count in self.operators)


@dataclass(frozen=True)
class Fault:
    """Why a firmware stopped.

    Attributes:
        name: "unaligned access", "stack overflow", "undefined instruction", ...
        registers: what the CPU had in its registers, by name.
    """

    name: str
    registers: dict[str, int]

    def describe(self, function: str = "") -> str:
        """Return it for a message, with the registers that matter first."""
        place = f" in {function}" if function else ""
        values = ", ".join(f"{name} {value:#010x}" for name, value in self.registers.items())
        return f"{self.name}{place}" + (f" ({values})" if values else "")


class Log:
    """The log of a firmware that runs, or ran.

    Attributes:
        path: its file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def inferences(self) -> list[InferenceCount]:
        """Return what each inference so far took."""
        result = []
        for line in _INFERENCE.findall(self._text()):
            total, stack, firmware_stack, *operators = line.split(" ")
            pairs = (pair.split(":") for pair in operators)
            counts = tuple((int(index), int(count)) for index, count in pairs)
            result.append(InferenceCount(int(total), int(stack), int(firmware_stack), counts))
        return result

    def fault(self) -> Fault | None:
        """Return why the firmware stopped; None if it reported nothing."""
        match = re.search(r"^fault: ([^;\n]+);?(.*)$", self._text(), re.M)
        if match is None:
            return None
        registers = {name: int(value, 16) for name, value in re.findall(r"(\w+)=(0x[0-9a-f]{1,16})", match[2])}
        return Fault(match[1], registers)

    def _text(self) -> str:
        try:
            with self.path.open("rb") as file:
                return file.read(_MOST_BYTES).decode("ascii", "replace")
        except FileNotFoundError:
            return ""
