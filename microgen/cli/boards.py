"""microgen boards: list the boards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import defaults
from ..report.text import print_json, print_pairs, print_text
from . import completion
from .options import Json

if TYPE_CHECKING:
    from ..boards import Board


def boards(
    name: Annotated[
        str | None,
        typer.Argument(help="A board's name, alias or file.", show_default=False, autocompletion=completion.boards),
    ] = None,
    as_toml: Annotated[bool, typer.Option("--toml", help="Print the board's file, as a start for your own.")] = False,
    as_json: Json = False,
) -> None:
    """List all boards, or describe one."""
    from ..boards import board_file, list_boards, load_board
    from ..errors import InputError
    from ..report.models import board_lines
    from ..report.text import size, table

    if as_toml:
        if name is None or as_json:
            raise InputError(
                "--toml needs the name of one board, and excludes --json", f"microgen boards {defaults.BOARD} --toml"
            )
        load_board(name)
        print_text(board_file(name).read_text("utf-8"))
        return
    if name is not None:
        board = load_board(name)
        if as_json:
            print_json(board.model_dump(mode="json"))
        else:
            print_pairs(board_lines(board))
        return
    listed = list_boards()
    if as_json:
        print_json([b.model_dump(mode="json") for b in listed])
        return
    rows = [[b.name, b.title, b.mcu.cpu, size(b.mcu.flash_bytes), size(b.mcu.ram_bytes), _tflm(b)] for b in listed]
    table(["name", "board", "CPU", "flash", "RAM", "TFLM"], rows, right=(3, 4), optional=(5, 1))


def _tflm(board: Board) -> str:
    return board.snapshot.title if board.snapshot else "-"
