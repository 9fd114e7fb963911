"""Estimates the cost of a compiled model on a board: flash, RAM, instructions, milliseconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..boards import Board
from ..errors import MicrogenError
from ..runtimes import RUNTIMES
from ..runtimes.runtime import CodeOptions
from ..tflite import TfliteModel


@dataclass(frozen=True)
class DeviceCost:
    """The cost of a model on a board, on a runtime that can estimate it.

    Attributes:
        runtime: its name; board: the board's title.
        weights_bytes: weights and tables in flash; code_bytes: the code that computes the model.
        ram_bytes: the memory for tensors.
        instructions, milliseconds: of an inference, estimated; error_percent: how far instructions may be off.
        stored: the layers whose weights are not stored as they are in the model, one line each.
    """

    runtime: str
    board: str
    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    instructions: int
    milliseconds: float | None
    error_percent: int
    stored: tuple[str, ...]

    @property
    def flash_bytes(self) -> int:
        """What the model takes of the flash."""
        return self.weights_bytes + self.code_bytes

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {**asdict(self), "flash_bytes": self.flash_bytes, "stored": list(self.stored)}


def device_cost(model: TfliteModel, board: Board, code: CodeOptions | None = None) -> DeviceCost | None:
    """Return the cost of a model on a board; None if no runtime that can estimate it supports the model.

    Args:
        code: the goal of generated code.
    """
    for runtime in RUNTIMES:
        try:
            runtime.check(model, board)
            plan = runtime.plan(model, board, code=code) if code else runtime.plan(model, board)
        except MicrogenError:
            continue
        if (count := plan.instructions) is None:
            continue
        cost = board.processor.cost
        return DeviceCost(
            runtime.name,
            board.title,
            sum(part.bytes for part in plan.model_parts()),
            plan.code_bytes,
            plan.arena.bytes,
            count.bytes,
            count.bytes * cost.cycles_per_instruction / board.mcu.clock_hz * 1000 if cost else None,
            round(100 * count.error_bytes / max(count.bytes, 1)),
            plan.stored(),
        )
    return None
