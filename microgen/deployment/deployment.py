"""A model decided for a board: its operators, its arena, what the board is known to get wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..applications.serial import DEFAULT_OPTIONS, Options
from ..boards import Board, TflmSnapshot
from ..runtimes.tflm.arena import Arena, op_shape, plan_board, size_arena
from ..runtimes.tflm.planner import MemoryPlan
from ..tflite import TfliteModel
from ..tflite.check import check_board, check_runnable, resolver_methods
from .labels import check_labels

# What a generated project does about a known issue of the kernels.
_REMEDY = {
    "wrong-values": "the firmware runs its golden vectors at every start and says whether the board's values are wrong",
    "overrun": "the firmware runs its golden vectors at every start, which shows whether it does harm",
}


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
    options: Options = DEFAULT_OPTIONS


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
    options: Options = DEFAULT_OPTIONS,
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
        InputError: the labels do not fit the first output, or no board could run the model in that arena.
    """
    check_labels(model, labels)
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


def known_issues(model: TfliteModel, snapshot: TflmSnapshot) -> tuple[str, ...]:
    """Return what the board's own kernels are known to get wrong in this model, one line an operator."""
    return tuple(
        f"operator {op.index} ({op.name}, '{graph.tensors[op.outputs[0]].name}') on {snapshot.kernels}: {issue.text}; "
        f"{issue.url}; {_REMEDY[issue.effect]}"
        for graph in model.subgraphs
        for op in graph.operators
        for issue in snapshot.issues(op.name, op_shape(graph, op))
    )
