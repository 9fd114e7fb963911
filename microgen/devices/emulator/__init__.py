"""The emulated board: a project's firmware, cross-compiled for the board's CPU, on that CPU in QEMU.

Tools (tools.py) looks for compiler and emulator, build (build.py) compiles and links, instructions (instructions.py)
shows that the result has no instruction that the CPU lacks, board (board.py) runs it as a `Transport`, and log (log.py)
reads what it reports besides its serial line: instructions and stack of each inference, faults.
"""

from .board import EmulatedBoard
from .build import SOURCES, Image, Program, build_image
from .log import Fault, InferenceCount, Log
from .tools import EMULATOR, missing_packages, require_tools

__all__ = [
    "EMULATOR",
    "SOURCES",
    "EmulatedBoard",
    "Fault",
    "Image",
    "InferenceCount",
    "Log",
    "Program",
    "build_image",
    "missing_packages",
    "require_tools",
]
