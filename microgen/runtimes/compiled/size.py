"""What the code of a compiled model takes, before it is linked for a board."""

from __future__ import annotations

from ...boards import Board
from ..runtime import Part
from .compiler import CompiledModel

# RAM of the serial commands besides inputs and outputs; an upper bound, see tests/deployment/test_firmware_objects.py.
STATIC_BYTES = 1_024
# Measured with GCC 12 at -O2 for Cortex-M4F: serial commands, self-test and C library around a model, and one kernel.
_FIRMWARE_BYTES = 14_000
_FIRMWARE_ERROR_PERCENT = 40
_KERNEL_BYTES = 550
_KERNEL_ERROR_PERCENT = 80
_SOURCE = "measured on kernels compiled by GCC 12 for Cortex-M4F; the linker decides"


def code_parts(compiled: CompiledModel, board: Board) -> tuple[Part, ...]:
    """Return what kernels and firmware take of the flash.

    Args:
        compiled: the variant of the board.
        board: the board.
    """
    count = len(compiled.kernel_files)
    kernels = f"{count} kernel{'' if count == 1 else 's'}"
    return (
        Part.measured(kernels, count * _KERNEL_BYTES, _KERNEL_ERROR_PERCENT, _SOURCE),
        Part.measured("firmware", _FIRMWARE_BYTES, _FIRMWARE_ERROR_PERCENT, _SOURCE),
    )
