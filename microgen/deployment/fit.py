"""Estimates whether a model fits a board: flash and RAM from measured parts, each with its source and error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..boards import Board, Region
from ..errors import InputError, command, option
from ..runtimes.runtime import Part
from .deployment import Deployment
from .golden import golden_bytes

GOLDEN, COPIES = "golden vectors", "copies of inputs and outputs"
# session.cc and session_load.cc as objects of GCC 12.2 at -Os: 8,400 bytes for Cortex-M, 11,200 for RV32IMC; and a
# Session's own variables. tests/deployment/test_firmware_objects.py measures them again.
_SERIAL_FLASH_BYTES, _SERIAL_FLASH_ERROR_BYTES = 8_500, 2_800
_SERIAL_RAM_BYTES = 280
Outcome = Literal["fits", "tight", "too large"]


@dataclass(frozen=True)
class Memory:
    """One memory of a board, and what lies in it.

    Attributes:
        name: "flash", "RAM", or the name of a further region.
        limit_bytes: its size.
    """

    name: str
    limit_bytes: int
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """The sum of the parts."""
        return sum(p.bytes for p in self.parts)

    @property
    def error_bytes(self) -> int:
        """The sum of their errors: the worst case, not the likely one."""
        return sum(p.error_bytes for p in self.parts)

    @property
    def outcome(self) -> Outcome:
        """ "fits" and "too large" whatever the errors are; "tight" when they decide."""
        if self.bytes + self.error_bytes <= self.limit_bytes:
            return "fits"
        return "tight" if self.bytes - self.error_bytes <= self.limit_bytes else "too large"

    def reason(self) -> str:
        """Why it does not fit, or may not; "" if it does."""
        if self.outcome == "fits":
            return ""
        largest = max(self.parts, key=lambda p: p.bytes)
        what = f"{self.name}: {self.bytes:,} bytes, +-{self.error_bytes:,}, of {self.limit_bytes:,}"
        return f"{what}; the largest part is the {largest.name} with {largest.bytes:,}"


@dataclass(frozen=True)
class Fit:
    """Whether a deployment fits its board.

    Attributes:
        memories: flash, RAM, and the further region where something lies in one.
        region: where the arena goes; None: with the static data.
        copies_region: where the copies of inputs and outputs go that the serial commands keep; None: with the static
            data.
    """

    memories: tuple[Memory, ...]
    region: Region | None
    copies_region: Region | None = None

    @property
    def placement_flags(self) -> tuple[str, ...]:
        """The build flags that put arena and copies where they go."""
        arena = self.region.build_flags if self.region else ()
        return arena + (self.copies_region.copies_build_flags if self.copies_region else ())

    @property
    def flash(self) -> Memory:
        """The flash."""
        return self.memories[0]

    @property
    def ram(self) -> Memory:
        """The RAM that static data goes to."""
        return self.memories[1]

    @property
    def outcome(self) -> Outcome:
        """The worst of the memories' outcomes."""
        order: tuple[Outcome, ...] = ("fits", "tight", "too large")
        return max((m.outcome for m in self.memories), key=order.index)

    @property
    def fits(self) -> bool:
        """False when a memory is too small whatever the errors are."""
        return self.outcome != "too large"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it does not fit, or may not: one line per memory."""
        return tuple(reason for m in self.memories if (reason := m.reason()))

    def to_json(self) -> dict[str, Any]:
        """Return the fit as plain data."""
        return {
            "outcome": self.outcome,
            "arena_in": self.region.name if self.region else "RAM",
            "copies_in": self.copies_region.name if self.copies_region else "RAM",
            "reasons": list(self.reasons),
            "release": vars(release_fit(self)),
            "memories": [
                {
                    "name": m.name,
                    "bytes": m.bytes,
                    "error_bytes": m.error_bytes,
                    "limit_bytes": m.limit_bytes,
                    "outcome": m.outcome,
                    "parts": [vars(p) for p in m.parts],
                }
                for m in self.memories
            ],
        }


class DoesNotFit(InputError):
    """A memory of the board is too small for the model, whatever the errors of the figures are (exit code 2)."""

    def __init__(self, deployment: Deployment, fit: Fit) -> None:
        names = ", ".join(d.name for d in deployment.models)
        does = "do" if deployment.others else "does"
        super().__init__(
            f"{names} {does} not fit {deployment.board.title}: {'; '.join(fit.reasons)}",
            f"{command('inspect', 'MODEL.tflite', option('board', 'NAME'))} suggests changes (microgen quantize "
            f"writes the .tflite); {command('build_all', 'MODEL')} compares boards",
        )
        self.fit = fit


@dataclass(frozen=True)
class ReleaseFit:
    """What a release build takes, without serial commands and golden vectors.

    Attributes:
        flash_bytes, flash_error_bytes, ram_bytes, ram_error_bytes: as the sums of `Memory`. Where TFLM's error messages
            are left out, too, it is less: they were not measured.
    """

    flash_bytes: int
    flash_error_bytes: int
    ram_bytes: int
    ram_error_bytes: int


def release_fit(fit: Fit) -> ReleaseFit:
    """Estimate what the release build of a firmware takes, from what its usual build does.

    Args:
        fit: of the usual build.
    """
    golden = sum(p.bytes for p in fit.flash.parts if p.name == GOLDEN)
    copies = sum(p.bytes for p in fit.ram.parts if p.name == COPIES)
    return ReleaseFit(
        max(0, fit.flash.bytes - golden - _SERIAL_FLASH_BYTES),
        fit.flash.error_bytes + _SERIAL_FLASH_ERROR_BYTES,
        max(0, fit.ram.bytes - copies - _SERIAL_RAM_BYTES),
        fit.ram.error_bytes,
    )


def memory_fit(deployment: Deployment) -> Fit:
    """Estimate the memory use of a deployment, and choose where its arena and copies go.

    Both lie with the static data where they fit there for certain. Else the copies go to the first further region that
    has room, for they are read and written once an inference; else the arena does; else both.
    """
    board, models = deployment.board, [d.model for d in deployment.models]
    flash = Memory("flash", board.mcu.flash_bytes, _flash_parts(deployment))
    static = _ram_parts(deployment)
    arena = Part("arena", deployment.arena.bytes, 0, "reserved by the firmware")
    # The commands keep the copies of one model at a time.
    edges = max(sum(t.bytes for t in m.inputs) for m in models) + max(sum(t.bytes for t in m.outputs) for m in models)
    copies = Part(COPIES, edges, 0, "kept by the serial commands")
    fit = Fit((flash, Memory("RAM", board.mcu.ram_bytes, (arena, copies, *static))), None)
    movable = ((copies,), (arena,), (arena, copies)) if deployment.arena.is_one_piece else ((copies,),)
    for moved in movable:
        if fit.ram.outcome == "fits":
            break
        region = next((r for r in board.mcu.regions if _takes(r, moved, copies)), None)
        if region is not None:
            stays = tuple(part for part in (arena, copies) if part not in moved)
            ram = Memory("RAM", board.mcu.ram_bytes, (*stays, *static))
            further = Memory(region.name, region.bytes, moved)
            fit = Fit((flash, ram, further), region if arena in moved else None, region if copies in moved else None)
    return fit


def _takes(region: Region, parts: tuple[Part, ...], copies: Part) -> bool:
    """Return whether a region has room for these parts, and the flags to put them there."""
    return region.bytes >= sum(p.bytes for p in parts) and (copies not in parts or bool(region.copies_build_flags))


def _flash_parts(deployment: Deployment) -> tuple[Part, ...]:
    board = deployment.board
    application = sum(part.flash_bytes for part in deployment.application.parts(deployment.model))
    own = Part.measured("application", application, 25, "its code, measured by GCC 12.2, and its constants")
    golden = sum(golden_bytes(d.model) for d in deployment.models)
    return (
        *deployment.firmware.model_parts(),
        Part(GOLDEN, golden, 0, "for the self-test"),
        *deployment.firmware.code_parts(),
        *((own,) if application else ()),
        Part.measured("board core", board.core.flash_bytes, board.core.error_percent, _core_source(board)),
    )


def _ram_parts(deployment: Deployment) -> tuple[Part, ...]:
    board = deployment.board
    own = sum(part.ram_bytes for part in deployment.application.parts(deployment.model))
    return (
        Part("firmware statics", deployment.firmware.static_bytes, 0, "upper bound, measured on 32-bit objects"),
        *((Part("application", own, 0, "upper bound of its queue, state and windows"),) if own else ()),
        Part.measured("board core", board.core.ram_bytes, board.core.error_percent, _core_source(board)),
        _stack(board),
        *(deployment.firmware.code_parts() if board.mcu.code_in_ram else ()),
    )


def _stack(board: Board) -> Part:
    """Return the stack of loop(); one that lies elsewhere has no bytes here, and its source says where it is."""
    core = board.core
    return Part("stack", core.stack_bytes, 0, _core_source(board) if core.stack_bytes else f"in {core.stack_in}")


def _core_source(board: Board) -> str:
    return f"{board.core.note}; {board.core.source}"
