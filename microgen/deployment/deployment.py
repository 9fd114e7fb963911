"""A model decided for a board: how a runtime runs it there, and how its firmware answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..applications.serial import DEFAULT_OPTIONS, Options
from ..boards import Board
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import Arena, RuntimePlan
from ..tflite import TfliteModel
from .labels import check_labels


@dataclass(frozen=True)
class Deployment:
    """Everything that a project is rendered from.

    Attributes:
        name: the firmware's name.
        plan: how the runtime runs the model on the board.
        labels: names of the elements of the first output.
        options: how its serial commands behave.
    """

    name: str
    model: TfliteModel
    board: Board
    plan: RuntimePlan
    labels: tuple[str, ...]
    options: Options = DEFAULT_OPTIONS

    @property
    def arena(self) -> Arena:
        """The memory in which the model's tensors lie."""
        return self.plan.arena

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the board's own kernels are known to get wrong in this model, and what of its memory is unknown."""
        return self.plan.warnings


def check(model: TfliteModel, board: Board, *, allow_float: bool = False, runtime: str = DEFAULT_RUNTIME) -> None:
    """Refuse a model that a runtime cannot run on this board; see `microgen.runtimes.runtime.Runtime`."""
    RUNTIMES.get(runtime).check(model, board, allow_float=allow_float)


def deploy(
    name: str,
    model: TfliteModel,
    board: Board,
    host_min_bytes: int = 0,
    labels: Sequence[str] = (),
    options: Options = DEFAULT_OPTIONS,
    arena_bytes: int | None = None,
    runtime: str = DEFAULT_RUNTIME,
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
        runtime: the name of what runs the model.

    Raises:
        InputError: the labels do not fit the first output, or no board could run the model in that arena.
    """
    check_labels(model, labels)
    plan = RUNTIMES.get(runtime).plan(model, board, host_min_bytes, arena_bytes)
    return Deployment(name, model, board, plan, tuple(labels), options)
