"""One model for several boards: a project each, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..boards import board_names, load_board
from ..deployment.fit import DoesNotFit, Fit
from ..errors import InputError, MicrogenError
from .build import run_build
from .build_cache import BuildCache
from .build_request import BuildRequest, Progress
from .build_result import BuildResult


@dataclass(frozen=True)
class BoardResult:
    """The result for one board: a project or an error.

    Attributes:
        board: the board's name.
        result: what `build` returned.
        error: why there is no project.
    """

    board: str
    result: BuildResult | None
    error: MicrogenError | None

    @property
    def fit(self) -> Fit | None:
        """What the model takes of the board's memories, where that was reached."""
        if self.result is not None:
            return self.result.fit
        return self.error.fit if isinstance(self.error, DoesNotFit) else None

    @property
    def exit_code(self) -> int:
        """The exit code that a build for this board alone has."""
        if self.error is not None:
            return self.error.exit_code
        return 0 if self.result is not None and self.result.passed else 1

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        fit = self.fit
        return {
            "board": self.board,
            "fit": fit.to_json() if fit else None,
            "error": {"message": self.error.message, "hint": self.error.hint} if self.error else None,
            "result": self.result.to_json() if self.result else None,
        }


def build_all(
    model: Any = None,  # noqa: ANN401 - a path, or a Keras object, which has no types
    boards: Sequence[str | Path] | None = None,
    *,
    out: str | Path | None = None,
    name: str | None = None,
    on_step: Callable[[str], None] = lambda step: None,
    on_epoch: Callable[[int, int], None] | None = None,
    **options: Any,  # noqa: ANN401
) -> tuple[BoardResult, ...]:
    """Build one model for several boards.

    Args:
        model: as in `build`.
        boards: names, aliases or files of boards; all that ship with microgen otherwise.
        out: the folder in which the projects are made, as NAME-BOARD; the current folder otherwise.
        name: as in `build`.
        on_step: called with what is done next, for a progress display.
        on_epoch: as in `build`.
        options: the other arguments of `build`.

    Returns:
        One result a board, in the order given. A board that refuses the model does not stop the others. Boards that
        get the same .tflite share its training or conversion and the engines' answers; each board's own firmware is
        compiled and run.

    Raises:
        InputError: a board is unknown or named twice; nothing was written.
    """
    # All are read before the first project is written.
    named = [(str(board), load_board(str(board)).name) for board in (board_names() if boards is None else boards)]
    names = [board_name for _, board_name in named]
    if twice := sorted({board_name for board_name in names if names.count(board_name) > 1}):
        raise InputError(f"board '{twice[0]}' is named twice", "name each board once")
    any_board = BuildRequest(model=model, name=name, **options)
    results = []
    with BuildCache() as cache:
        for wanted, board in named:

            def on_board(step: str, board: str = board) -> None:
                on_step(f"{board}: {step}")

            folder = Path(out or ".") / f"{any_board.firmware_name}-{board}"
            try:
                request = replace(any_board, board=wanted, out=folder)
                result = run_build(request, cache, Progress(on_board, on_epoch))
            except MicrogenError as error:
                results.append(BoardResult(board, None, error))
            else:
                results.append(BoardResult(board, result, None))
    return tuple(results)


def exit_code(results: Sequence[BoardResult], *, all_boards: bool) -> int:
    """Return the exit code for several boards.

    Args:
        results: what became of each.
        all_boards: whether nobody named the boards: then one that refuses the model is an answer, not a failure, as
            long as another one takes it.
    """
    codes = [r.exit_code for r in results if not (all_boards and r.error is not None)]
    if not codes:
        codes = [r.exit_code for r in results]
    return 1 if 1 in codes else max(codes)
