"""The tensor arena of a model on a board: laid out as the board's kernels ask, and sized with the snapshot's margin."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ...boards import Board
from ...boards.shapes import OpShape
from ...errors import InputError
from ...tflite import TfliteModel
from ..memory import align
from .planner import KernelBytes, MemoryPlan, Target, plan
from .snapshot import OperatorKind, operator_kinds, snapshot_of


@dataclass(frozen=True)
class Arena:
    """The tensor arena in bytes, and where the figure comes from.

    Attributes:
        bytes: reserved by the firmware on the board: the three that follow together.
        min_bytes: the smallest that works with TFLM's reference kernels, computed for the board.
        scratch_bytes: an upper bound of what the board's own kernels want on top.
        margin_bytes: what is added to both, for a TFLM of another date than the planner's; 0 where the board's own
            figure is known.
        host_bytes: reserved by the firmware on a 64-bit PC, where structures are larger.
        host_min_bytes: the smallest with which TFLM ran the model there; 0 when it was not measured.
        host_predicted_bytes: the same, computed.
        is_planned: whether it was planned so, and not asked for.
    """

    bytes: int
    min_bytes: int
    scratch_bytes: int
    margin_bytes: int
    host_bytes: int = 0
    host_min_bytes: int = 0
    host_predicted_bytes: int = 0
    is_planned: bool = True

    @property
    def origin(self) -> str:
        """Where the figure comes from, for people."""
        computed = f"{self.min_bytes:,} planned for the board with reference kernels"
        if self.is_planned:
            return f"{computed}, at most {self.scratch_bytes:,} more for its own, {self.margin_bytes:,} margin"
        short = self.bytes < self.min_bytes
        return f"as requested; {computed}" + (": only the board can show whether it is enough" if short else "")

    @property
    def is_one_piece(self) -> bool:
        """It is one array."""
        return True

    def to_json(self) -> dict[str, int]:
        """Return what a project's manifest records of it."""
        return {
            "bytes": self.bytes,
            "min_bytes": self.min_bytes,
            "scratch_bytes": self.scratch_bytes,
            "margin_bytes": self.margin_bytes,
            "host_bytes": self.host_bytes,
            "host_min_bytes": self.host_min_bytes,
            "host_predicted_bytes": self.host_predicted_bytes,
        }


# Bytes that a kernel asks for, by the (subgraph, operator) that it runs; operators that ask for none are left out.
_Asked = tuple[tuple[tuple[int, int], int], ...]


@dataclass(frozen=True)
class _Wanted:
    """A plan, by what it depends on: boards share most of them.

    Attributes:
        sha256, target: the model's file, and what it is planned for.
        scratch, persistent, temporary: what the board's own kernels ask for on top of the reference kernels.
        structs: what its library compiles in another size.
        model: the model itself.
    """

    sha256: str
    target: Target
    scratch: _Asked
    persistent: _Asked
    temporary: _Asked
    structs: tuple[tuple[str, int], ...]
    model: TfliteModel = field(compare=False)


@functools.lru_cache(maxsize=16)
def _planned(wanted: _Wanted) -> MemoryPlan:
    def sizes(asked: _Asked) -> KernelBytes:
        known = dict(asked)
        return lambda graph, op: [known[graph.index, op.index]] if (graph.index, op.index) in known else ()

    scratch, persistent, temporary = (sizes(a) for a in (wanted.scratch, wanted.persistent, wanted.temporary))
    return plan(wanted.model, wanted.target, scratch, persistent, temporary, wanted.structs)


def plan_board(model: TfliteModel, board: Board) -> MemoryPlan:
    """Lay the arena out as it lies on a board, with what the board's own kernels want.

    Optimised kernels (CMSIS-NN, ESP-NN) ask the arena for memory that the reference kernels do not; the snapshot
    knows how much at most.
    """
    snapshot = snapshot_of(board)

    def asked(size: Callable[[str, OpShape], int], kinds: Iterable[OperatorKind]) -> _Asked:
        sizes = [(kind, size(kind.name, kind.shape)) for kind in kinds]
        return tuple(sorted((place, count) for kind, count in sizes if count for place in kind.places))

    scratch = asked(snapshot.scratch_bytes, operator_kinds(model))
    kinds = operator_kinds(model, in_float=True)
    persistent, temporary = asked(snapshot.persistent_bytes, kinds), asked(snapshot.temporary_bytes, kinds)
    structs = tuple(sorted(snapshot.structs.items()))
    return _planned(_Wanted(model.sha256, target_of(board), scratch, persistent, temporary, structs, model))


def plan_reference(model: TfliteModel, target: Target) -> MemoryPlan:
    """Lay the arena out as TFLM's reference kernels want it."""
    return _planned(_Wanted(model.sha256, target, (), (), (), (), model))


def target_of(board: Board) -> Target:
    """Return the kind of target that a board is."""
    # GCC for bare-metal Arm stores an enum in as few bytes as it can (AAPCS); the others store an int.
    return Target.DEVICE_SHORT_ENUMS if board.mcu.architecture.startswith("arm") else Target.DEVICE


def size_arena(
    model: TfliteModel, board: Board, layout: MemoryPlan, host_min_bytes: int = 0, asked_bytes: int | None = None
) -> Arena:
    """Size the arena: the computed minimum and the snapshot's margin, or the device's own figure where it is known.

    Where the host needs more than was computed for it, a kernel asks for what the planner does not know: the board
    gets as much more.

    Raises:
        InputError: nothing could run the model in the arena that was asked for.
    """
    margin = snapshot_of(board).margin_bytes
    if asked_bytes is not None:
        _check_arena_bytes(model, layout, asked_bytes)
    minimum = plan_reference(model, target_of(board)).arena_min_bytes
    host = plan_reference(model, Target.HOST).arena_min_bytes
    unknown = max(0, host_min_bytes - host)
    needed = layout.arena_min_bytes
    wanted = asked_bytes if asked_bytes is not None else needed + unknown + margin(needed)
    total = align(wanted)
    scratch = min(needed - minimum, max(total - minimum, 0))
    largest = max(host, host_min_bytes)
    return Arena(
        bytes=total,
        min_bytes=minimum,
        scratch_bytes=scratch,
        margin_bytes=total - minimum - scratch,
        host_bytes=align(largest + margin(largest)),
        host_min_bytes=host_min_bytes,
        host_predicted_bytes=host,
        is_planned=asked_bytes is None,
    )


def _check_arena_bytes(model: TfliteModel, layout: MemoryPlan, asked_bytes: int) -> None:
    if not 1 <= asked_bytes < 2**31:
        raise InputError(
            "not a number of bytes", "omit it to use the planned size", option="arena_bytes", value=asked_bytes
        )
    least, (subgraph, operator) = layout.tensor_peak()
    if asked_bytes < least:
        name = model.subgraphs[subgraph].operators[operator].name
        raise InputError(
            f"operator {operator} ({name}) needs {least:,} bytes for its tensors and those of later operators",
            "omit it to use the planned size; microgen tune measures the size on a board",
            option="arena_bytes",
            value=asked_bytes,
            operator=name,
        )
