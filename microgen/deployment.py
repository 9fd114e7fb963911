"""A model decided for a board: its operators, its arena, its golden vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .boards import Board, TflmSnapshot
from .errors import InputError
from .planner import KernelBytes, MemoryPlan, Target, align, plan
from .shapes import OpShape
from .tflite import Operator, Subgraph, TfliteModel
from .tflite.check import check_board, check_runnable, resolver_methods

GOLDEN_MAX = 8
# What a generated project does about a known issue of the kernels.
_REMEDY = {
    "wrong-values": "the firmware runs its golden vectors at every start and says whether the board's values are wrong",
    "overrun": "the firmware runs its golden vectors at every start, which shows whether it does harm",
}
_GOLDEN_FLASH_BYTES = 16 * 1024


@dataclass(frozen=True)
class Arena:
    """The tensor arena in bytes, and where the figure comes from.

    Attributes:
        bytes: what the firmware reserves on the board: the three that follow together.
        min_bytes: the smallest that works with TFLM's reference kernels, computed for the board.
        scratch_bytes: an upper bound of what the board's own kernels want on top.
        margin_bytes: what is added to both, for a TFLM of another date than the planner's; 0 where the board's own
            figure is known.
        host_bytes: what the firmware reserves on a 64-bit PC, where structures are larger.
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
        computed = f"{self.min_bytes:,} computed for the board"
        if self.is_planned:
            return f"{computed}, {self.scratch_bytes:,} for its kernels, {self.margin_bytes:,} margin"
        short = self.bytes < self.min_bytes
        return f"as asked for; {computed}" + (": only the board shows whether it suffices" if short else "")


@dataclass(frozen=True)
class Golden:
    """Golden vectors: for each sample all inputs' bytes side by side, and TFLM's answer."""

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 over inputs and outputs in their order."""
        return hashlib.sha256(b"".join((*self.inputs, *self.outputs))).hexdigest()


@dataclass(frozen=True)
class Options:
    """How the serial commands behave.

    Attributes:
        uint8_pixels: whether as many bytes as an int8 input has are uint8 pixels, of which 128 is taken.
        reconstruction_error: whether `results` is the mean squared error of the first output against the input.
        selftest_at_boot: whether the golden vectors run when the board starts.
    """

    uint8_pixels: bool = False
    reconstruction_error: bool = False
    selftest_at_boot: bool = False


@dataclass(frozen=True)
class Deployment:
    """Everything that a project is rendered from.

    Attributes:
        name: the firmware's name.
        resolver_methods: what registers the model's operators.
        plan: the arena's layout on the board.
        warnings: what the board's own kernels are known to get wrong in this model, and what of its memory is unknown.
        options: how its serial commands behave.
    """

    name: str
    model: TfliteModel
    board: Board
    arena: Arena
    plan: MemoryPlan
    labels: tuple[str, ...]
    resolver_methods: tuple[str, ...]
    warnings: tuple[str, ...]
    options: Options = Options()


def check(model: TfliteModel, board: Board, *, allow_float: bool = False) -> None:
    """Refuse a model that this board's TFLM cannot run; see `microgen.tflite.check`."""
    check_runnable(model, allow_float=allow_float)
    check_board(model, board.snapshot)
    resolver_methods(model)


def deploy(
    name: str,
    model: TfliteModel,
    board: Board,
    host_min_bytes: int = 0,
    labels: Sequence[str] = (),
    options: Options = Options(),
    arena_bytes: int | None = None,
) -> Deployment:
    """Decide how a model goes onto a board.

    Args:
        name: the firmware's name.
        model: a model that `check` let pass.
        board: the board.
        host_min_bytes: the smallest arena that works on the host, measured; 0 when it was not.
        labels: names of the elements of the first output.
        options: how the serial commands behave.
        arena_bytes: size of the arena, where it was found out on the board.

    Raises:
        InputError: the labels do not fit the first output, or the arena is no size.
    """
    if arena_bytes is not None and not 1 <= arena_bytes < 2**31:
        raise InputError(f"--arena {arena_bytes}: not a number of bytes", "leave it out to have it planned")
    classes = model.outputs[0].elements
    if labels and len(labels) != classes:
        raise InputError(
            f"{len(labels)} labels for the {classes} elements of output '{model.outputs[0].name}'",
            "give one label a line, in the order of the output's elements",
        )
    layout = plan_board(model, board)
    return Deployment(
        name=name,
        model=model,
        board=board,
        arena=size_arena(model, board, layout, host_min_bytes, arena_bytes),
        plan=layout,
        labels=tuple(labels),
        resolver_methods=tuple(resolver_methods(model)),
        warnings=(*known_issues(model, board.snapshot), *_unknown_memory(model)),
        options=options,
    )


def _unknown_memory(model: TfliteModel) -> tuple[str, ...]:
    """Name the operators whose kernels may ask the arena for more than the planner knows."""
    custom = sorted({op.name for graph in model.subgraphs for op in graph.operators if op.is_custom})
    return tuple(
        f"what {name}, a custom operator, asks the arena for is not known: microgen build measures it on this machine, "
        "microgen tune on the board"
        for name in custom
    )


def choose_golden(
    model: TfliteModel, inputs: Sequence[npt.NDArray[Any]], outputs: Sequence[npt.NDArray[Any]]
) -> Golden:
    """Take golden vectors from the first samples, as many as fit into a few KiB of flash, at least one.

    Args:
        model: the model.
        inputs, outputs: samples and TFLM's answers, one array a tensor, samples first.
    """
    count = min(golden_bytes(model)[0], len(inputs[0]))
    return Golden(_side_by_side(inputs, count), _side_by_side(outputs, count))


def golden_bytes(model: TfliteModel) -> tuple[int, int]:
    """Return how many golden vectors a firmware has at most, and the flash that they take, in bytes."""
    vector_bytes = sum(t.bytes for t in (*model.inputs, *model.outputs))
    count = min(max(_GOLDEN_FLASH_BYTES // vector_bytes, 1), GOLDEN_MAX)
    return count, count * vector_bytes


def plan_board(model: TfliteModel, board: Board) -> MemoryPlan:
    """Lay the arena out as it lies on a board, with what the board's own kernels want.

    Optimised kernels (CMSIS-NN, ESP-NN) ask the arena for memory that the reference kernels do not; the snapshot
    knows how much at most.
    """
    snapshot = board.snapshot

    def asked(size: Callable[[str, OpShape], int]) -> KernelBytes:
        def sizes(graph: Subgraph, op: Operator) -> Sequence[int]:
            found = size(op.name, op_shape(graph, op))
            return (found,) if found else ()

        return sizes

    return plan(model, target_of(board), asked(snapshot.scratch_bytes), asked(snapshot.persistent_bytes))


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
    """
    minimum = plan(model, target_of(board)).arena_min_bytes
    host = plan(model, Target.HOST).arena_min_bytes
    unknown = max(0, host_min_bytes - host)
    needed = layout.arena_min_bytes
    wanted = asked_bytes if asked_bytes is not None else needed + unknown + board.snapshot.margin_bytes(needed)
    total = align(wanted)
    scratch = min(needed - minimum, max(total - minimum, 0))
    largest = max(host, host_min_bytes)
    return Arena(
        bytes=total,
        min_bytes=minimum,
        scratch_bytes=scratch,
        margin_bytes=total - minimum - scratch,
        host_bytes=align(largest + board.snapshot.margin_bytes(largest)),
        host_min_bytes=host_min_bytes,
        host_predicted_bytes=host,
        is_planned=asked_bytes is None,
    )


def known_issues(model: TfliteModel, snapshot: TflmSnapshot) -> tuple[str, ...]:
    """Return what the board's own kernels are known to get wrong in this model, one line an operator."""
    return tuple(
        f"operator {op.index} ({op.name}, '{graph.tensors[op.outputs[0]].name}') on {snapshot.kernels}: {issue.text}; "
        f"{issue.url}; {_REMEDY[issue.effect]}"
        for graph in model.subgraphs
        for op in graph.operators
        for issue in snapshot.issues(op.name, op_shape(graph, op))
    )


def op_shape(graph: Subgraph, op: Operator) -> OpShape:
    """Return the shapes of one operator, as a kernel library's scratch memory depends on them."""
    inputs = [graph.tensors[i] for i in op.inputs if i >= 0]
    data = next((t for t in inputs if not t.is_constant), None)
    weights = next((t for t in inputs if t.is_constant and len(t.shape) >= 2), None)
    return OpShape(
        input=data.shape if data else (),
        output=graph.tensors[op.outputs[0]].shape if op.outputs else (),
        filter=weights.shape if weights else (),
        activation_bytes=data.bytes // data.elements if data and data.elements else 1,
        strides=op.strides,
        dilations=op.dilations,
    )


def _side_by_side(arrays: Sequence[npt.NDArray[Any]], count: int) -> tuple[bytes, ...]:
    return tuple(b"".join(np.ascontiguousarray(a[s]).tobytes() for a in arrays) for s in range(count))
