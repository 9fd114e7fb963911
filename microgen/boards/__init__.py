"""Boards, their CPUs and their TFLM snapshots, from the TOML files in `boards/`."""

from .cpus import Cpu, Machine
from .reading import board_file, board_names, cpu_names, list_boards, load_board, load_cpu, native_snapshot, snapshots
from .schema import Board, Component, Region, Sensor, TflmSnapshot

__all__ = [
    "Board",
    "Component",
    "Cpu",
    "Machine",
    "Region",
    "Sensor",
    "TflmSnapshot",
    "board_file",
    "board_names",
    "cpu_names",
    "list_boards",
    "load_board",
    "load_cpu",
    "native_snapshot",
    "snapshots",
]
