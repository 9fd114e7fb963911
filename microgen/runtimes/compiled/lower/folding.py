"""Operators that only move constants are done here: shapes that a model computes from shapes, for one."""

from __future__ import annotations

import numpy as np

from ..steps import Alias, Move, Nothing, Step
from .context import Array, Context


def fold(step: Step, context: Context) -> Step:
    """Return the step, or nothing to do where all that it moves is constant; its outputs are constant then."""
    if not isinstance(step, Alias | Move) or not step.inputs or any(v.data is None for v in step.inputs):
        return step
    if any(v.persistent for v in step.outputs):
        return step
    for value, values in zip(step.outputs, _moved(step), strict=True):
        context.fold(value.index, values)
    return Nothing(index=step.index, name=step.name, inputs=(), outputs=())


def _moved(step: Alias | Move) -> list[Array]:
    sources = [np.ascontiguousarray(v.data).reshape(-1) for v in step.inputs]
    if isinstance(step, Alias):
        return sources
    targets = [np.full(v.elements, step.fill or 0, v.dtype) for v in step.outputs]
    for part in step.parts:
        pair = (sources[part.source], targets[part.target])
        views = [
            np.lib.stride_tricks.as_strided(array[offset:], part.loops.dims, [s * array.itemsize for s in strides])
            for array, offset, strides in zip(pair, part.offsets, part.loops.strides, strict=True)
        ]
        views[1][...] = views[0]
    return targets
