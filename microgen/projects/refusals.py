"""What several kinds of project refuse, in the same words."""

from __future__ import annotations

from ..boards import Board, list_boards
from ..errors import InputError, option


def check_known(board: Board, section: str, system: str, named: str) -> None:
    """Refuse a board whose file does not say what a system must know of it.

    Args:
        board: the board.
        section: the section of board files that says it, a field of `Board`.
        system: for people: "the Pico SDK".
        named: what a board of one's own says there.

    Raises:
        InputError: names the boards that the system knows.
    """
    if getattr(board, section) is None:
        known = ", ".join(b.name for b in list_boards() if getattr(b, section) is not None)
        raise InputError(
            f"{system} does not support {board.title}",
            f"it supports {known}; your own board file names its {named} in [{section}]",
            option="board",
            value=board.name,
        )


def wrong_runtime(why: str, runtime: str, able: str) -> InputError:
    """Return what is to be raised where a kind of project does not take a runtime.

    Args:
        why: it does not.
        runtime: the runtime that was asked for.
        able: one that it takes.
    """
    return InputError(why, f"give {option('runtime', able)}", option="runtime", value=runtime)
