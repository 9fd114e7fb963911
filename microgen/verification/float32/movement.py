"""Rules of operators that move elements: they move the ends of an interval as they move values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .case import Case, Rules, Unproven, activated
from .interval import Interval, Reals


def _reshape(case: Case) -> Interval:
    return case.input(0).mapped(lambda x: x.reshape(case.shape))


def _transpose(case: Case) -> Interval:
    order = case.constant(1).reshape(-1).tolist()
    return case.input(0).mapped(lambda x: x.transpose(order))


def _padding(case: Case) -> list[tuple[int, int]]:
    """Return how much is added before and after each dimension.

    Raises:
        Unproven: with it, the input does not have the output's shape, as in a damaged file.
    """
    bounds = [(before, after) for before, after in case.constant(1).reshape(-1, 2).tolist()]
    shape = case.input(0).shape
    if tuple(n + before + after for n, (before, after) in zip(shape, bounds, strict=True)) != tuple(case.shape):
        raise Unproven
    return bounds


def _pad(case: Case) -> Interval:
    bounds = _padding(case)
    fill = float(case.constant(2).reshape(-1)[0]) if len(case.op.inputs) > 2 else 0.0
    return case.input(0).mapped(lambda x: np.pad(x, bounds, constant_values=fill))


def _mirror_pad(case: Case) -> Interval:
    bounds = _padding(case)
    mode = "symmetric" if case.op.options.mode else "reflect"
    return case.input(0).mapped(lambda x: np.pad(x, bounds, mode=mode))  # type: ignore[call-overload]


def _slice(case: Case) -> Interval:
    begin = case.constant(1).reshape(-1).tolist()
    cut = tuple(slice(b, b + n) for b, n in zip(begin, case.shape, strict=True))
    return case.input(0).mapped(lambda x: x[cut])


def _strided_slice(case: Case) -> Interval:
    o = case.op.options
    if o.ellipsis_mask or o.new_axis_mask or o.offset:
        raise Unproven
    begin, end, strides = (case.constant(k).reshape(-1).tolist() for k in (1, 2, 3))
    cut: list[slice | int] = []
    for k, (first, last, stride) in enumerate(zip(begin, end, strides, strict=True)):
        if o.shrink_axis_mask >> k & 1:
            cut.append(0 if o.begin_mask >> k & 1 else first)
        else:
            cut.append(slice(None if o.begin_mask >> k & 1 else first, None if o.end_mask >> k & 1 else last, stride))
    return case.input(0).mapped(lambda x: x[tuple(cut)])


def _joined(join: Callable[..., Reals]) -> Callable[[Case], Interval]:
    def rule(case: Case) -> Interval:
        parts = [case.input(k) for k in range(len(case.op.inputs))]
        axis = case.op.options.axis
        both = (join([getattr(p, end) for p in parts], axis=axis) for end in ("lower", "upper"))
        return activated(case, Interval(*both))

    return rule


def _unpack(case: Case) -> tuple[Interval, ...]:
    x, axis = case.input(0), case.op.options.axis
    return tuple(x.mapped(lambda v, k=k: np.take(v, k, axis)) for k in range(len(case.op.outputs)))  # type: ignore[misc]


def _split(value: int, axis: int) -> Callable[[Case], tuple[Interval, ...]]:
    def rule(case: Case) -> tuple[Interval, ...]:
        x, along = case.input(value), int(case.constant(axis).reshape(-1)[0])
        edges = np.cumsum([shape[along] for shape in case.shapes])[:-1]
        ends = (np.split(end, edges, along) for end in (x.lower, x.upper))
        return tuple(Interval(*pair) for pair in zip(*ends, strict=True))

    return rule


def _gather(case: Case) -> Interval:
    if case.op.options.batch_dims:
        raise Unproven
    indices = case.constant(1)
    return case.input(0).mapped(lambda x: np.take(x, indices, case.op.options.axis))


def _space_to_depth(case: Case) -> Interval:
    (n, h, w, c), b = case.input(0).shape, case.op.options.block_size
    return case.input(0).mapped(
        lambda x: x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(case.shape)
    )


def _depth_to_space(case: Case) -> Interval:
    (n, h, w, c), b = case.shape, case.op.options.block_size
    return case.input(0).mapped(
        lambda x: x.reshape(n, h // b, w // b, b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(case.shape)
    )


MOVEMENT: Rules = {
    "BROADCAST_TO": lambda c: c.input(0).mapped(lambda x: np.broadcast_to(x, c.shape)),
    "CONCATENATION": _joined(np.concatenate),
    "DEPTH_TO_SPACE": _depth_to_space,
    "EXPAND_DIMS": _reshape,
    "GATHER": _gather,
    "MIRROR_PAD": _mirror_pad,
    "PACK": _joined(np.stack),
    "PAD": _pad,
    "PADV2": _pad,
    "RESHAPE": _reshape,
    "REVERSE_V2": lambda c: c.input(0).mapped(lambda x: np.flip(x, c.axes(1))),
    "SLICE": _slice,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SPLIT": _split(1, 0),
    "SPLIT_V": _split(0, 2),
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
