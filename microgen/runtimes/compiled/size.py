"""What the code of a compiled model takes, before it is linked for a board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ..runtime import Part
from .compiler import CompiledModel

# RAM of the serial commands besides inputs and outputs; an upper bound, see tests/deployment/test_firmware_objects.py.
STATIC_BYTES = 1_024
# Serial commands, self-test and model_runner.cc, compiled by GCC 12 at -Os for Cortex-M4F and Cortex-M0+ (9.1 KB), with
# what they take of the C library.
_FIRMWARE_BYTES = 11_000
_FIRMWARE_ERROR_PERCENT = 30
# Kernels, compiled by GCC 12 at -O2: the largest of Cortex-M0+, Cortex-M3 and RV32IMC. Others take 28 to 560 bytes; a
# generated assembler file, and a kernel for the DSP extension, 400 to 600 in the mean of a model.
_KERNEL_BYTES = {"conv": 2_300, "lstm": 1_450, "fully_connected": 800, "depthwise_3x3": 480, "softmax": 480}
_OTHER_KERNEL_BYTES = 400
_DSP_BYTES = 530
_NIBBLES_BYTES = 1_550
_KERNEL_ERROR_PERCENT = 40
_SOURCE = "measured on objects of GCC 12; the linker decides"


def kernels_part(models: Sequence[CompiledModel]) -> Part:
    """Return what the kernels of models that are compiled for one CPU take of the flash."""
    files = {name for m in models for name in (*m.kernel_files, *(n for n in m.files if n.endswith(".S")))}
    names = [PurePosixPath(name) for name in sorted(files)]
    title = f"{len(names)} kernel{'' if len(names) == 1 else 's'}"
    return Part.measured(title, sum(map(_kernel_bytes, names)), _KERNEL_ERROR_PERCENT, _SOURCE)


def firmware_part() -> Part:
    """Return what the rest of the firmware takes of the flash."""
    return Part.measured("firmware", _FIRMWARE_BYTES, _FIRMWARE_ERROR_PERCENT, _SOURCE)


def _kernel_bytes(name: PurePosixPath) -> int:
    if name.suffix == ".S" and name.name.startswith("mg_nibbles3"):
        return _NIBBLES_BYTES
    is_plain = name.suffix == ".c" and len(name.parts) == 1
    return _KERNEL_BYTES.get(name.stem, _OTHER_KERNEL_BYTES) if is_plain else _DSP_BYTES
