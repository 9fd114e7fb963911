"""Lowering of operators that move elements: each is a set of copies between views of its tensors.

NumPy's own views give the strides: an operator is written as the slices and transpositions that it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ....tflite import Tensor
from ..steps import Alias, Move, Step
from ..values import Part
from .context import Array, Op
from .elementwise import collapse

_Copy = tuple[int, Array, int, Array]


def _blank(t: Tensor) -> Array:
    """Return an array of the tensor's shape with one byte per element, of which only the views' strides matter."""
    return np.empty(t.shape, np.int8)


def _move(op: Op, inputs: Sequence[int], copies: Sequence[_Copy], fill: int | None = None) -> Step:
    """Return the step that copies views: (number in `inputs`, view, number of the output, view)."""
    base = op.base(*inputs, constants=True)
    for t in (*(op.tensor(k) for k in inputs), *(op.context.tensor(i) for i in op.op.outputs)):
        op.need(t.dtype == op.output.dtype, f"{t.dtype} with {op.output.dtype}")
    parts = []
    for source, view, target, place in copies:
        op.need(view.shape == place.shape, f"{view.shape} to {place.shape}")
        if not view.size:
            continue
        loops = collapse(view.shape, [list(view.strides), list(place.strides)])
        op.need(len(loops.dims) <= 8, "more than 8 dimensions")
        parts.append(Part(source, target, (_offset(view), _offset(place)), loops))
    only = parts[0] if len(parts) == 1 and fill is None else None
    if only and len(base["outputs"]) == 1 and only.loops.is_flat and only.offsets == (0, 0):
        whole = base["inputs"][0]
        if whole.elements == base["outputs"][0].elements and whole.data is None:
            return Alias(**base)
    return Move(**base, parts=tuple(parts), fill=fill)


def _offset(view: Array) -> int:
    base = view
    while isinstance(base.base, np.ndarray):
        base = base.base
    return int(view.__array_interface__["data"][0] - base.__array_interface__["data"][0])


def transpose(op: Op) -> Step:
    """TRANSPOSE."""
    order = tuple(int(k) % max(len(op.tensor(0).shape), 1) for k in op.constant(1, "its permutation").reshape(-1))
    return _move(op, [0], [(0, _blank(op.tensor(0)).transpose(order), 0, _blank(op.output))])


def slice_(op: Op) -> Step:
    """SLICE."""
    begin = op.constant(1, "its begin").reshape(-1).tolist()
    size = op.constant(2, "its size").reshape(-1).tolist()
    shape = op.tensor(0).shape
    cut = tuple(slice(b, n if s == -1 else b + s) for b, s, n in zip(begin, size, shape, strict=True))
    return _move(op, [0], [(0, _blank(op.tensor(0))[cut], 0, _blank(op.output))])


def strided_slice(op: Op) -> Step:
    """STRIDED_SLICE: TFLM knows no ellipsis and no new axis."""
    o, shape = op.options, op.tensor(0).shape
    op.need(not o.ellipsis_mask and not o.new_axis_mask and not o.offset, "an ellipsis, a new axis or an offset")
    begin, end, strides = (op.constant(k, "its bounds").reshape(-1).tolist() for k in (1, 2, 3))
    cut: list[slice] = []
    for k, n in enumerate(shape):
        stride = strides[k]
        first = (0 if stride > 0 else n - 1) if o.begin_mask >> k & 1 else begin[k] + (n if begin[k] < 0 else 0)
        first = min(max(first, 0), n) if stride > 0 else min(max(first, -1), n - 1)
        if o.shrink_axis_mask >> k & 1:
            op.need(0 <= first < n, "a bound outside")
            cut.append(slice(first, first + 1))
            continue
        last = (n if stride > 0 else -1) if o.end_mask >> k & 1 else end[k] + (n if end[k] < 0 else 0)
        last = min(max(last, 0), n) if stride > 0 else min(max(last, -1), n - 1)
        cut.append(slice(first, None if last < 0 else last, stride))
    view = _blank(op.tensor(0))[tuple(cut)]
    kept = tuple(0 if o.shrink_axis_mask >> k & 1 else slice(None) for k in range(len(shape)))
    return _move(op, [0], [(0, view[kept], 0, _blank(op.output))])


def concatenation(op: Op) -> Step:
    """CONCATENATION."""
    op.need(not op.options.activation, "a fused activation")
    out = _blank(op.output)
    axis, at, copies = op.options.axis % max(out.ndim, 1), 0, []
    for k in range(len(op.op.inputs)):
        n = op.tensor(k).shape[axis]
        copies.append((k, _blank(op.tensor(k)), 0, _along(out, axis, at, at + n)))
        at += n
    return _move(op, range(len(op.op.inputs)), copies)


def pack(op: Op) -> Step:
    """PACK."""
    out = _blank(op.output)
    axis = op.options.axis % out.ndim
    copies = [(k, _blank(op.tensor(k)), 0, out[(slice(None),) * axis + (k,)]) for k in range(len(op.op.inputs))]
    return _move(op, range(len(op.op.inputs)), copies)


def unpack(op: Op) -> Step:
    """UNPACK."""
    source = _blank(op.tensor(0))
    axis = op.options.axis % source.ndim
    outputs = [op.context.tensor(i) for i in op.op.outputs]
    return _move(op, [0], [(0, source[(slice(None),) * axis + (k,)], k, _blank(t)) for k, t in enumerate(outputs)])


def split(op: Op) -> Step:
    """SPLIT: the axis comes first."""
    return _split(op, 1, int(op.constant(0, "its axis").reshape(-1)[0]))


def split_v(op: Op) -> Step:
    """SPLIT_V: sizes follow from the outputs."""
    return _split(op, 0, int(op.constant(2, "its axis").reshape(-1)[0]))


def _split(op: Op, position: int, axis: int) -> Step:
    source, at, copies = _blank(op.tensor(position)), 0, []
    axis %= source.ndim
    for k, i in enumerate(op.op.outputs):
        out = _blank(op.context.tensor(i))
        copies.append((0, _along(source, axis, at, at + out.shape[axis]), k, out))
        at += out.shape[axis]
    return _move(op, [position], copies)


def _along(array: Array, axis: int, first: int, last: int) -> Array:
    return array[(slice(None),) * axis + (slice(first, last),)]


def pad(op: Op) -> Step:
    """PAD and PADV2."""
    t = op.output
    bounds = op.constant(1, "its padding").reshape(-1, 2).tolist()
    op.need(t.dtype in ("int8", "int16", "int32"), t.dtype)
    fill = t.zero_point if t.dtype == "int8" else 0
    if op.has(2):
        value = op.constant(2, "its value")
        op.need(value.dtype == t.dtype, f"a value of {value.dtype} with {t.dtype}")
        fill = int(value.reshape(-1)[0])
    shape = op.tensor(0).shape
    place = _blank(t)[tuple(slice(before, before + n) for (before, _), n in zip(bounds, shape, strict=True))]
    return _move(op, [0], [(0, _blank(op.tensor(0)), 0, place)], fill)


def mirror_pad(op: Op) -> Step:
    """MIRROR_PAD: copies of the input, its mirrored rows and columns, in all combinations of both."""
    bounds = op.constant(1, "its padding").reshape(-1, 2).tolist()
    source, out, skip = _blank(op.tensor(0)), _blank(op.output), 1 - op.options.mode
    choices: list[list[tuple[slice, slice]]] = []
    for (before, after), n in zip(bounds, source.shape, strict=True):
        here = [(slice(None), slice(before, before + n))]
        if before:
            here.append((slice(before - 1 + skip, skip - 1 if skip else None, -1), slice(0, before)))
        if after:
            first = n - 1 - skip
            last = first - after
            here.append((slice(first, last if last >= 0 else None, -1), slice(before + n, before + n + after)))
        choices.append(here)
    copies: list[_Copy] = []
    for combination in np.ndindex(*(len(c) for c in choices)):
        picked = [choices[k][i] for k, i in enumerate(combination)]
        copies.append((0, source[tuple(a for a, _ in picked)], 0, out[tuple(b for _, b in picked)]))
    return _move(op, [0], copies)


def gather(op: Op) -> Step:
    """GATHER with constant indices."""
    source, out, o = _blank(op.tensor(0)), _blank(op.output), op.options
    indices = op.constant(1, "its indices").reshape(-1).tolist()
    op.need(o.batch_dims == 0, "batch dimensions")
    axis = o.axis % max(source.ndim, 1)
    op.need(all(0 <= i < source.shape[axis] for i in indices), "an index outside")
    places = out.reshape(*source.shape[:axis], len(indices), *source.shape[axis + 1 :])
    return _move(op, [0], [
        (0, _along(source, axis, index, index + 1), 0, _along(places, axis, k, k + 1))
        for k, index in enumerate(indices)
    ])  # fmt: skip


def depth_to_space(op: Op) -> Step:
    """DEPTH_TO_SPACE."""
    n, h, w, c = op.output.shape
    b = op.options.block_size
    view = _blank(op.tensor(0)).reshape(n, h // b, w // b, b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return _move(op, [0], [(0, view, 0, _blank(op.output).reshape(view.shape))])


def space_to_depth(op: Op) -> Step:
    """SPACE_TO_DEPTH."""
    n, h, w, c = op.tensor(0).shape
    b = op.options.block_size
    view = _blank(op.tensor(0)).reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5)
    return _move(op, [0], [(0, view, 0, _blank(op.output).reshape(view.shape))])


def broadcast_to(op: Op) -> Step:
    """BROADCAST_TO."""
    return _move(op, [0], [(0, np.broadcast_to(_blank(op.tensor(0)), op.output.shape), 0, _blank(op.output))])


def reverse(op: Op) -> Step:
    """REVERSE_V2."""
    axes = op.axes(1, len(op.tensor(0).shape))
    return _move(op, [0], [(0, np.flip(_blank(op.tensor(0)), axes), 0, _blank(op.output))])


def batch_to_space(op: Op) -> Step:
    """BATCH_TO_SPACE_ND of images, which dilated convolutions are made of."""
    source = _blank(op.tensor(0))
    block = op.constant(1, "its block").reshape(-1).tolist()
    crops = op.constant(2, "its crops").reshape(-1, 2).tolist()
    op.need(source.ndim == 4 and len(block) == 2, "other than images")
    n, h, w, c = source.shape
    bh, bw = block
    out = _blank(op.output)
    big = source.reshape(bh, bw, n // (bh * bw), h, w, c)
    copies = []
    for y, x in np.ndindex(bh, bw):
        rows, from_h = _strided(y - crops[0][0], bh, h, out.shape[1])
        columns, from_w = _strided(x - crops[1][0], bw, w, out.shape[2])
        copies.append((0, big[y, x][:, from_h, from_w], 0, out[:, rows, columns]))
    return _move(op, [0], copies)


def space_to_batch(op: Op) -> Step:
    """SPACE_TO_BATCH_ND of images."""
    source, out = _blank(op.tensor(0)), _blank(op.output)
    block = op.constant(1, "its block").reshape(-1).tolist()
    pads = op.constant(2, "its padding").reshape(-1, 2).tolist()
    op.need(source.ndim == 4 and len(block) == 2, "other than images")
    op.need(not any(map(any, pads)), "padding, which TFLM fills from memory that it never wrote")
    bh, bw = block
    n = source.shape[0]
    big = out.reshape(bh, bw, n, *out.shape[1:])
    copies = []
    for y, x in np.ndindex(bh, bw):
        rows, to_h = _strided(y, bh, out.shape[1], source.shape[1])
        columns, to_w = _strided(x, bw, out.shape[2], source.shape[2])
        copies.append((0, source[:, rows, columns], 0, big[y, x][:, to_h, to_w]))
    return _move(op, [0], copies)


def _strided(first: int, step: int, count: int, size: int) -> tuple[slice, slice]:
    """Return where first + k * step, k below count, lies inside a size: those positions, and the k."""
    skip = max(-(first // step) if first < 0 else 0, 0)
    inside = [k for k in range(skip, count) if 0 <= first + k * step < size]
    if not inside:
        return slice(0, 0), slice(0, 0)
    start = first + inside[0] * step
    return slice(start, first + inside[-1] * step + 1, step), slice(inside[0], inside[-1] + 1)
