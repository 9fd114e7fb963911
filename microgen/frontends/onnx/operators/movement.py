"""Operators that move values: shapes, axes and parts of tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor as T

from ...tracing.stepping import fitted
from .call import Call, op


@op("Flatten")
def _flatten(call: Call, x: T) -> T:
    axis = call.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


@op("Reshape")
def _reshape(call: Call, x: T, shape: T) -> T:
    keeps = not call.get("allowzero", 0)
    return x.reshape(fitted([x.shape[k] if d == 0 and keeps else d for k, d in enumerate(call.constant(1))], x))


@op("Transpose")
def _transpose(call: Call, x: T) -> T:
    return x.permute(call.get("perm") or list(range(x.ndim))[::-1])


@op("Squeeze")
def _squeeze(call: Call, x: T, axes: T | None = None) -> T:
    chosen = call.axes()
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


@op("Unsqueeze")
def _unsqueeze(call: Call, x: T, axes: T | None = None) -> T:
    chosen = call.axes() or []
    for axis in sorted(a % (x.ndim + len(chosen)) for a in chosen):
        x = x.unsqueeze(axis)
    return x


@op("Concat")
def _concat(call: Call, *inputs: T) -> T:
    return torch.cat(inputs, call.get("axis"))


@op("Split")
def _split(call: Call, x: T, sizes: T | None = None) -> Any:  # noqa: ANN401 - a tuple of tensors
    axis = call.get("axis", 0)
    lengths = call.get("split") or call.constant(1)
    if lengths is None:
        count = call.get("num_outputs") or call.outputs
        lengths = [-(-x.shape[axis] // count)] * (count - 1)
        lengths.append(x.shape[axis] - sum(lengths))
    return torch.split(x, list(lengths), axis)


@op("Slice")
def _slice(call: Call, x: T, *rest: T) -> T:
    starts, ends = call.constant(1), call.constant(2)
    axes, steps = call.constant(3) or list(range(len(starts))), call.constant(4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        indices = range(x.shape[axis])[slice(start, None if step < 0 and end < -x.shape[axis] else end, step)]
        if step > 0:
            x = x[(slice(None),) * (axis % x.ndim) + (slice(indices.start, indices.stop, step),)]
        else:
            low = indices[-1] if len(indices) else 0
            part = x.narrow(axis, low, (indices[0] - low + 1) if len(indices) else 0).flip(axis)
            x = part[(slice(None),) * (axis % x.ndim) + (slice(None, None, -step),)]
    return x


@op("Gather")
def _gather(call: Call, x: T, indices: T) -> T:
    axis = call.get("axis", 0) % x.ndim
    if call.has_constant(1):
        chosen = call.constant(1)
        if isinstance(chosen, int):
            return x.select(axis, chosen % x.shape[axis])
        indices = torch.remainder(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2:
        return F.embedding(indices, x)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return torch.index_select(x, axis, indices.reshape(-1)).reshape(shape)


@op("GatherElements")
def _gather_elements(call: Call, x: T, indices: T) -> T:
    return torch.gather(x, call.get("axis", 0), indices)


@op("Expand")
def _expand(call: Call, x: T, shape: T) -> T:
    wanted = [int(d) for d in call.constant(1)]
    return x.expand(torch.broadcast_shapes(tuple(wanted), tuple(x.shape)))


@op("Tile")
def _tile(call: Call, x: T, repeats: T) -> T:
    return x.repeat(*call.constant(1))


@op("Shape")
def _shape(call: Call, x: T) -> T:
    shape = list(x.shape)[call.get("start", 0) : call.get("end", x.ndim)]
    return torch.tensor(shape, dtype=torch.int64)


@op("ConstantOfShape")
def _constant_of_shape(call: Call, shape: T) -> T:
    value = call.get("value")
    filled = np.ravel(value)[0].item() if value is not None else 0.0
    dtype = torch.float32 if isinstance(filled, float) else torch.int64
    return torch.full(tuple(call.constant(0)), filled, dtype=dtype)


@op("Range")
def _range(call: Call, *inputs: T) -> T:
    return torch.arange(*(call.constant(k) for k in range(3)))


@op("Trilu")
def _trilu(call: Call, x: T, k: T | None = None) -> T:
    return (torch.triu if call.get("upper", 1) else torch.tril)(x, call.constant(1) or 0)


@op("Dropout")
def _dropout(call: Call, x: T, *rest: T) -> T:
    if call.constant(2):
        call.refuse("was exported in train mode: it draws random numbers", "export it in eval mode")
    return x
