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
# Kernels, compiled by GCC 12 at -O2: the largest of Cortex-M0+, Cortex-M4F and RV32IMC, and of a kernel and its variant
# for more channels ("_wide"). At -Os they take up to a half less. Others take 28 to 530 bytes.
_KERNEL_BYTES = {
    "elementwise16": 3_000, "conv": 2_400, "lstm16": 1_650, "lstm": 1_450, "conv_blocks": 1_200, "conv_runs": 1_100,
    "dense_indexed": 950, "transpose_conv16": 850, "fully_connected": 800, "transpose_conv": 760, "conv16_long": 720,
    "conv16": 700, "quantize": 600, "batch_matmul": 560, "svdf": 550, "svdf8": 550, "depthwise_3x3": 480,
    "softmax": 480, "winograd_input": 1_140, "dsp_conv_nibbles": 750, "dsp_conv": 700, "dsp_conv_indexed": 620,
}  # fmt: skip
_OTHER_KERNEL_BYTES = 400
# Generated assembler files, by what their names begin with. That of a convolution has code for each of the columns that
# it computes at once, the last number in its name.
_ASSEMBLER_BYTES = {
    "mg_winograd": 1_550, "mg_nibbles3": 1_550, "mg_depthwise3x3": 760, "mg_dot4": 760, "mg_sum": 250, "mg_plane": 200,
}  # fmt: skip
_OTHER_ASSEMBLER_BYTES = 530
_CONV3_BYTES, _CONV3_COLUMN_BYTES = 330, 64
# model.c without its arrays: a call and the parameters that it passes take 35 to 70 bytes on Arm, 67 to 89 on RV32IMC.
_CALL_BYTES = 65
_MODEL_BYTES = 40
_KERNEL_ERROR_PERCENT = 40
_SOURCE = "measured on objects of GCC 12; the linker decides"


def kernels_part(models: Sequence[CompiledModel]) -> Part:
    """Return what the kernels of models that are compiled for one CPU, and their calls, take of the flash."""
    files = {name for m in models for name in (*m.kernel_files, *(n for n in m.files if n.endswith(".S")))}
    names = [PurePosixPath(name) for name in sorted(files)]
    title = f"{len(names)} kernel{'' if len(names) == 1 else 's'}"
    calls = sum(_MODEL_BYTES + _CALL_BYTES * m.calls for m in models)
    return Part.measured(title, calls + sum(map(_kernel_bytes, names)), _KERNEL_ERROR_PERCENT, _SOURCE)


def firmware_part() -> Part:
    """Return what the rest of the firmware takes of the flash."""
    return Part.measured("firmware", _FIRMWARE_BYTES, _FIRMWARE_ERROR_PERCENT, _SOURCE)


def _kernel_bytes(name: PurePosixPath) -> int:
    if name.suffix == ".S" and name.stem.startswith("mg_"):
        words = name.stem.split("_")
        kind = "_".join(words[:2])
        if kind == "mg_conv3":
            return _CONV3_BYTES + _CONV3_COLUMN_BYTES * int(words[-1])
        return _ASSEMBLER_BYTES.get(kind, _OTHER_ASSEMBLER_BYTES)
    return _KERNEL_BYTES.get(name.stem.removesuffix("_wide"), _OTHER_KERNEL_BYTES)
