"""Chooses the runtime of a model on a board if the user does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..boards import Board
from ..errors import InputError
from ..runtimes import DEFAULT_RUNTIME, RUNTIMES
from ..runtimes.runtime import DEFAULT_CODE, CodeOptions
from ..tflite import TfliteModel
from .deployment import Deployment, check_model, deploy, deploy_together
from .fit import Fit, memory_fit

AUTO = "auto"


@dataclass(frozen=True)
class Candidate:
    """A model on one runtime.

    Attributes:
        runtime: its name.
        placed: the model on the board, and its memory use; None if the runtime does not support it.
        error: the reason; None if the runtime supports the model.
    """

    runtime: str
    placed: tuple[Deployment, Fit] | None
    error: InputError | None = None

    @property
    def bytes(self) -> tuple[int, int]:
        """Flash and RAM, further regions too."""
        assert self.placed is not None
        flash, *others = self.placed[1].memories
        return flash.bytes, sum(memory.bytes for memory in others)

    @property
    def refusal(self) -> str:
        """Why the runtime does not support the model; "" if it does."""
        return self.error.message if self.error else ""


@dataclass(frozen=True)
class Choice:
    """The chosen runtime, and the reason: one sentence without a full stop."""

    runtime: str
    reason: str


def usual_runtime(board: Board) -> str:
    """Return a board's default runtime: the usual one, or another if the usual one has no library for the board."""
    usual_first = sorted(RUNTIMES.names, key=lambda name: name != DEFAULT_RUNTIME)
    for name in usual_first:
        try:
            RUNTIMES.get(name).library(board)
        except InputError:
            continue
        return name
    return DEFAULT_RUNTIME


def candidates(
    models: TfliteModel | Sequence[TfliteModel],
    board: Board,
    *,
    allow_float: bool = False,
    arena_bytes: int | None = None,
    code: CodeOptions = DEFAULT_CODE,
) -> tuple[Candidate, ...]:
    """Return a candidate for every runtime, the usual one first.

    Args:
        models: one, or those of one firmware.
        board, allow_float, arena_bytes, code: see `deploy`.
    """

    together = [models] if isinstance(models, TfliteModel) else models

    def candidate(name: str) -> Candidate:
        try:
            for model in together:
                check_model(model, board, allow_float=allow_float, runtime=name)
            alone = [deploy(m.name, m, board, arena_bytes=arena_bytes, runtime=name, code=code) for m in together]
            deployment = deploy_together(alone)
        except InputError as error:
            return Candidate(name, None, error)
        return Candidate(name, (deployment, memory_fit(deployment)))

    return tuple(candidate(name) for name in sorted(RUNTIMES.names, key=lambda name: name != DEFAULT_RUNTIME))


def choose_runtime(models: TfliteModel | Sequence[TfliteModel], board: Board, **wishes: Any) -> Choice:  # noqa: ANN401
    """Choose a different runtime from the usual one if it supports the model and is better.

    Better is what needs no more of flash and RAM, and less of one. The usual runtime stays where its kernels use a
    vector unit that no other code uses, unless they are known to get an operator of the model wrong. Figures are those
    of `memory_fit`, so that the choice is the same on every machine.

    Args:
        models: one, or those of one firmware.
        board: the board.
        wishes: the further arguments of `candidates`.

    Raises:
        InputError: no runtime takes the model; the error is that of the usual one, but that of another one where the
            usual one generates no code and `code` asks for some.
    """
    return choose(candidates(models, board, **wishes))


def choose(given: Sequence[Candidate]) -> Choice:
    """Choose one of the `candidates` of a model on a board; see `choose_runtime`."""
    usual, *others = given
    able = [c for c in others if c.placed]
    is_for_code = usual.error is not None and usual.error.option in vars(DEFAULT_CODE)
    if not able:
        if usual.error:
            raise others[-1].error or usual.error if is_for_code else usual.error
        return Choice(usual.runtime, "; ".join(f"{c.runtime} does not support the model: {c.refusal}" for c in others))
    best = min(able, key=lambda c: c.bytes)
    if usual.placed is None:
        why = "has no code to optimize" if is_for_code else f"does not support the model: {usual.refusal}"
        return Choice(best.runtime, f"{usual.runtime} {why}")
    plan = usual.placed[0].firmware
    if plan.library.vector_unit and not plan.known_faults:
        return Choice(
            usual.runtime, f"its kernels use the {plan.library.vector_unit}, which {best.runtime} does not use"
        )
    pairs = list(zip(best.bytes, usual.bytes, strict=True))
    figures = ", ".join(
        f"{a:,} bytes of {name}, not {b:,}" for name, (a, b) in zip(("flash", "RAM"), pairs, strict=True)
    )
    if best.bytes != usual.bytes and all(a <= b for a, b in pairs):
        return Choice(best.runtime, f"it takes {figures}")
    return Choice(usual.runtime, f"{best.runtime} takes {figures}")
