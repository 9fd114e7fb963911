"""Boards and the TFLM snapshots that they build with, as the TOML files in `boards/` say."""

from .reading import board_file, board_names, list_boards, load_board, native_snapshot
from .schema import Board, Region, TflmSnapshot

__all__ = [
    "Board",
    "Region",
    "TflmSnapshot",
    "board_file",
    "board_names",
    "list_boards",
    "load_board",
    "native_snapshot",
]
