"""Lowering of operators that take many elements into one."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from ..arithmetic import quantize_multiplier
from ..steps import Reduce, Step
from ..values import Requantization
from .context import Op
from .elementwise import collapse


def reduce(op: Op) -> Step:
    """MEAN, SUM, REDUCE_MAX and REDUCE_MIN of int8."""
    kinds = ("int8", "int16") if op.name in ("MEAN", "SUM") else ("int8",)
    op.need(op.tensor(0).dtype == op.output.dtype, f"{op.tensor(0).dtype} to {op.output.dtype}")
    op.need(op.output.dtype in kinds, op.output.dtype)
    source, output = op.tensor(0), op.output
    rank = len(source.shape)
    axes = op.axes(1, rank)
    op.need_shape([n for k, n in enumerate(source.shape) if k not in axes])
    strides = [int(np.prod(source.shape[k + 1 :], dtype=np.int64)) for k in range(rank)]
    inner, outer = (
        collapse(tuple(source.shape[k] for k in picked), [[strides[k] for k in picked]])
        for picked in (axes, tuple(k for k in range(rank) if k not in axes))
    )
    base = op.base(0)
    if op.name in ("REDUCE_MAX", "REDUCE_MIN"):
        kind: Literal["max", "min"] = "max" if op.name == "REDUCE_MAX" else "min"
        return Reduce(**base, kind=kind, outer=outer, inner=inner, zero_point=0, requantization=None)
    count = math.prod(source.shape[k] for k in axes)
    m, e = quantize_multiplier(source.scale / output.scale)
    if op.name == "MEAN":
        # TFLM divides the multiplier, keeping as many bits as fit: QuantizedMeanOrSum().
        shift = min(count.bit_length() - 1, 32, 31 + e)
        m, e = (m << shift) // count, e - shift
    op.need(-31 <= e <= 30, "this scale")
    zero, limits = source.zero_point, np.iinfo(np.dtype(source.dtype))
    r = Requantization(
        np.array([m], np.int64),
        np.array([e], np.int64),
        output.zero_point,
        int(limits.min),
        int(limits.max),
        np.array([(int(limits.min) - zero) * count], np.int64),
        np.array([(int(limits.max) - zero) * count], np.int64),
    )
    return Reduce(**base, kind="sum", outer=outer, inner=inner, zero_point=zero, requantization=r)
