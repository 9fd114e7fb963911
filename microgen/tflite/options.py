"""The options of operators, named as in TensorFlow Lite's `schema.fbs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import schema
from .flatbuffer import Table


@dataclass(frozen=True)
class Options:
    """An operator's options; fields that do not apply to the operator keep their defaults.

    Attributes:
        padding: "SAME" or "VALID".
        activation: the fused activation ("RELU", "RELU6", ...), "" for none.
        kernel: (height, width) of a pooling window.
        axis: of CONCATENATION, GATHER, PACK, UNPACK, SOFTMAX's kin.
        batch_dims: of GATHER.
        keep_dims: of a reduction.
        beta: of SOFTMAX; alpha: of LEAKY_RELU.
        align_corners, half_pixel_centers: of a resize.
        begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask, offset: of STRIDED_SLICE.
        rank: of SVDF.
        block_size: of SPACE_TO_DEPTH and DEPTH_TO_SPACE.
        mode: of MIRROR_PAD: 0 reflect, 1 symmetric.
        keep_num_dims: of FULLY_CONNECTED: the output has the rank of the input.
        container, shared_name: where a resource variable lies, None if that is not said, and its name.
    """

    padding: str = ""
    activation: str = ""
    kernel: tuple[int, int] = (0, 0)
    axis: int = 0
    batch_dims: int = 0
    keep_dims: bool = False
    beta: float = 0.0
    alpha: float = 0.0
    align_corners: bool = False
    half_pixel_centers: bool = False
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False
    rank: int = 0
    block_size: int = 0
    mode: int = 0
    keep_num_dims: bool = False
    container: str | None = None
    shared_name: str = ""


_PADDINGS = ("SAME", "VALID")
_POOL = {"padding": 0, "kernel": (4, 3), "activation": 5}
_STRIDED_SLICE = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask", "offset")
# Per operator, the number of each field in its table of options.
_FIELDS: dict[str, dict[str, Any]] = {
    "ADD": {"activation": 0},
    "ADD_N": {},
    "AVERAGE_POOL_2D": _POOL,
    "CONCATENATION": {"axis": 0, "activation": 1},
    "CONV_2D": {"padding": 0, "activation": 3},
    "DEPTHWISE_CONV_2D": {"padding": 0, "activation": 4},
    "DEPTH_TO_SPACE": {"block_size": 0},
    "DIV": {"activation": 0},
    "FULLY_CONNECTED": {"activation": 0, "keep_num_dims": 2},
    "GATHER": {"axis": 0, "batch_dims": 1},
    "L2_NORMALIZATION": {"activation": 0},
    "L2_POOL_2D": _POOL,
    "LEAKY_RELU": {"alpha": 0},
    "MAX_POOL_2D": _POOL,
    "MEAN": {"keep_dims": 0},
    "MIRROR_PAD": {"mode": 0},
    "MUL": {"activation": 0},
    "PACK": {"axis": 1},
    "REDUCE_MAX": {"keep_dims": 0},
    "REDUCE_MIN": {"keep_dims": 0},
    "RESIZE_BILINEAR": {"align_corners": 2, "half_pixel_centers": 3},
    "RESIZE_NEAREST_NEIGHBOR": {"align_corners": 0, "half_pixel_centers": 1},
    "SOFTMAX": {"beta": 0},
    "SPACE_TO_DEPTH": {"block_size": 0},
    "STRIDED_SLICE": {name: k for k, name in enumerate(_STRIDED_SLICE)},
    "SUB": {"activation": 0},
    "SUM": {"keep_dims": 0},
    "SVDF": {"rank": 0, "activation": 1},
    "TRANSPOSE_CONV": {"padding": 0, "activation": 3},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {"activation": 0},
    "UNPACK": {"axis": 1},
    "VAR_HANDLE": {"container": 0, "shared_name": 1},
}
_BYTES = frozenset({"keep_dims", "align_corners", "half_pixel_centers", "offset", "keep_num_dims"})


def read(name: str, table: Table | None) -> Options:
    """Return the options of a builtin operator from its table; the schema's defaults where the table is absent."""
    if table is None:
        return Options()
    values: dict[str, Any] = {}
    for field, number in _FIELDS.get(name, {}).items():
        if field == "padding":
            values[field] = _PADDINGS[int(table.integer(number, "<b") != 0)]
        elif field == "activation":
            values[field] = schema.ACTIVATIONS.get(table.integer(number, "<b"), "")
        elif field == "kernel":
            values[field] = tuple(table.integer(n, "<i") for n in number)
        elif field in ("alpha", "beta"):
            values[field] = table.real(number)
        elif field in ("container", "shared_name"):
            values[field] = table.string(number) if field == "shared_name" or table.has(number) else None
        elif field == "mode":
            values[field] = table.integer(number, "<b")
        elif field in _BYTES:
            values[field] = bool(table.integer(number, "<B"))
        else:
            values[field] = table.integer(number, "<i")
    return Options(**values)
