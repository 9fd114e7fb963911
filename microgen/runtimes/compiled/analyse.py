"""Interval analysis of channels: constants are folded into biases, what nobody reads is not computed.

Each channel (of the last dimension) of each value is bounded from the inputs on. A channel whose bounds are equal is
constant: a layer that reads it takes it into its bias. A channel that only weights of 0, or constant outputs, read is
not stored, nor computed. The bounds also give the range of every accumulator, for which requantization is proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from . import requantize
from .path import Program
from .steps import Alias, Conv, Depthwise, FullyConnected, Lookup, Pool, Step, Sum, TransposeConv
from .values import Int64, Requantization, Value

_Bools = npt.NDArray[np.bool_]
_Layer = Conv | Depthwise | FullyConnected
# Kernels take channels in fours.
_GROUP = 4
# Of constant channels: those with a smaller shift get another scale.
_LEAST_SHIFT = -12


@dataclass(frozen=True)
class _Bounds:
    """The smallest and largest value of each channel."""

    low: Int64
    high: Int64

    @property
    def constant(self) -> _Bools:
        return np.asarray(self.low == self.high)

    def resized(self, channels: int) -> _Bounds:
        """Return the bounds when the same bytes are seen with another last dimension."""
        n = len(self.low)
        if channels == n:
            return self
        if n and channels % n == 0:
            return _Bounds(np.tile(self.low, channels // n), np.tile(self.high, channels // n))
        low, high = (self.low.min(), self.high.max()) if n else (0, 0)
        return _Bounds(np.full(channels, low), np.full(channels, high))


def analyse(program: Program) -> Program:
    """Return the program with accumulator ranges known, constants folded and channels that nobody reads left out."""
    bounds = {v.index: _unknown(v) for v in program.inputs}
    steps = [_bound(step, bounds) for step in program.steps]
    stored = _stored(program, steps, bounds)
    values: dict[int, Value] = {}
    small = tuple(_shrink(step, bounds, stored, values) for step in steps)
    return replace(
        program,
        inputs=tuple(values.get(v.index, v) for v in program.inputs),
        outputs=tuple(values.get(v.index, v) for v in program.outputs),
        steps=small,
    )


def _channels(value: Value) -> int:
    return value.shape[-1] if value.shape else 1


def _unknown(value: Value) -> _Bounds:
    n = _channels(value)
    if value.dtype not in ("int8", "int16", "uint8"):
        return _Bounds(np.zeros(n, np.int64), np.ones(n, np.int64))
    limits = np.iinfo(np.dtype(value.dtype))
    return _Bounds(np.full(n, int(limits.min)), np.full(n, int(limits.max)))


def _bound(step: Step, bounds: dict[int, _Bounds]) -> Step:
    """Bound a step's outputs; return the step with the range of its accumulators."""
    if isinstance(step, Conv | Depthwise | FullyConnected):
        r = _ranged(step, bounds[step.input.index])
        ends = requantize.apply(r, np.stack([r.acc_low, r.acc_high], axis=1))
        if not requantize.is_provable(r):
            ends = np.tile(np.array([r.low, r.high], np.int64), (len(ends), 1))
        bounds[step.output.index] = _Bounds(ends[:, 0], ends[:, 1])
        return replace(step, requantization=r)
    if not step.outputs:
        return step
    output = _unknown(step.output)
    if isinstance(step, TransposeConv):
        step = replace(step, requantization=_ranged_transpose(step, bounds[step.input.index]))
    elif isinstance(step, Pool) and step.input.dtype == "int8":
        source = bounds[step.input.index]
        output = _Bounds(np.clip(source.low, step.low, step.high), np.clip(source.high, step.low, step.high))
    elif isinstance(step, Alias) and step.input.index in bounds and not step.input.persistent:
        output = bounds[step.input.index].resized(_channels(step.output))
    elif isinstance(step, Lookup):
        output = _looked_up(step.table, bounds[step.input.index])
    elif isinstance(step, Sum):
        r = step.requantization
        output = _Bounds(np.full_like(output.low, r.low), np.full_like(output.high, r.high))
    for value in step.outputs:
        bounds[value.index] = output if value is step.output else _unknown(value)
    return step


def _looked_up(table: npt.NDArray[np.generic], source: _Bounds) -> _Bounds:
    """Bound what a table holds between the bounds of each channel: most channels share theirs."""
    ranges = list(zip(source.low.tolist(), source.high.tolist(), strict=True))
    parts = {(low, high): table[low + 128 : high + 129] for low, high in set(ranges)}
    ends = {bounds: (part.min(), part.max()) for bounds, part in parts.items()}
    low, high = np.array([ends[r] for r in ranges], np.int64).reshape(-1, 2).T
    return _Bounds(low, high)


def _is_padded(step: Conv | Depthwise) -> bool:
    """Tell whether any tap falls outside the image."""
    kernel = step.filter.shape[1:3] if isinstance(step, Conv) else step.filter.shape[:2]
    for k in (0, 1):
        last = (step.output.shape[k + 1] - 1) * step.strides[k] - step.padding[k] + (kernel[k] - 1) * step.dilations[k]
        if step.padding[k] > 0 or last >= step.input.shape[k + 1]:
            return True
    return False


def _ranged(step: _Layer, source: _Bounds) -> Requantization:
    """Return the step's requantization with the range of its accumulators."""
    low, high = source.low, source.high
    if isinstance(step, FullyConnected):
        wide = source.resized(step.filter.shape[1])
        low, high = wide.low, wide.high
    elif _is_padded(step):
        low, high = np.minimum(low, step.input.zero_point), np.maximum(high, step.input.zero_point)
    w = step.filter.astype(np.int64)
    positive, negative = np.maximum(w, 0), np.minimum(w, 0)
    if isinstance(step, Depthwise):
        positive, negative = positive.sum((0, 1)), negative.sum((0, 1))
        low, high = np.repeat(low, step.multiplier), np.repeat(high, step.multiplier)
        least, most = positive * low + negative * high, positive * high + negative * low
    elif isinstance(step, Conv):
        shape = (step.groups, len(w) // step.groups, w.shape[3])
        positive, negative = (part.sum((1, 2)).reshape(shape) for part in (positive, negative))
        low, high = (part.reshape(step.groups, 1, -1) for part in (low, high))
        least = (positive * low + negative * high).sum(2).reshape(-1)
        most = (positive * high + negative * low).sum(2).reshape(-1)
    else:
        least, most = positive @ low + negative @ high, positive @ high + negative @ low
    return replace(step.requantization, acc_low=step.bias + least, acc_high=step.bias + most)


def _ranged_transpose(step: TransposeConv, source: _Bounds) -> Requantization:
    """Return the requantization of a transposed convolution, any of whose taps may be missing."""
    zero = step.input.zero_point
    low, high = np.minimum(source.low - zero, 0), np.maximum(source.high - zero, 0)
    w = step.filter.astype(np.int64)
    positive, negative = np.maximum(w, 0).sum((1, 2)), np.minimum(w, 0).sum((1, 2))
    least, most = positive @ low + negative @ high, positive @ high + negative @ low
    return replace(step.requantization, acc_low=step.bias + least, acc_high=step.bias + most)


def _stored(program: Program, steps: list[Step], bounds: Mapping[int, _Bounds]) -> dict[int, _Bools]:
    """Return which channels of each value are stored."""
    need = {i: np.zeros(len(b.low), bool) for i, b in bounds.items()}
    for value in (*program.inputs, *program.outputs):
        need[value.index][:] = True
    for step in reversed(steps):
        _need(step, bounds, need)
    stored = {v.index: np.ones(_channels(v), bool) for v in program.inputs}
    for step in steps:
        if not step.outputs:
            continue
        out = step.output.index
        if (isinstance(step, Conv) and step.groups == 1) or isinstance(step, FullyConnected):
            stored[out] = need[out]
        elif _passes(step):
            source, n = stored[step.input.index], len(need[out])
            stored[out] = np.tile(source, n // len(source))
        else:
            stored.update({v.index: np.ones(_channels(v), bool) for v in step.outputs})
    return stored


def _passes(step: Step) -> bool:
    """Tell whether each channel of the output comes from the same channel of the input alone."""
    if isinstance(step, Depthwise):
        return step.multiplier == 1
    if isinstance(step, Alias):
        return (
            step.input.data is None
            and not step.input.persistent
            and _channels(step.output) % max(_channels(step.input), 1) == 0
        )
    return isinstance(step, Pool | Lookup)


def _need(step: Step, bounds: Mapping[int, _Bounds], need: dict[int, _Bools]) -> None:
    """Mark the channels of a step's inputs that it must read."""
    if not step.outputs or not step.inputs:
        return
    source = step.input.index
    if isinstance(step, Conv | FullyConnected) and not (isinstance(step, Conv) and step.groups > 1):
        given, out = bounds[source], step.output.index
        need[out] = _in_groups(need[out])  # what fills a group up is compared with TFLM, too
        live = need[out] & ~bounds[out].constant
        used = (step.filter.reshape(len(live), -1, len(given.low))[live] != 0).any((0, 1))
        folds = given.constant
        if isinstance(step, Conv) and _is_padded(step):
            folds = folds & (given.low == step.input.zero_point)
        need[source] |= used & ~folds
    elif _passes(step):
        n = len(need[source])
        need[source] |= need[step.output.index].reshape(-1, n).any(0)
    else:
        for value in step.inputs:
            if value.index in need:
                need[value.index][:] = True


def _in_groups(need: _Bools) -> _Bools:
    """Fill up to whole groups of channels, where the layer has whole groups."""
    stored = need.copy()
    if len(stored) % _GROUP:
        stored[:] = True
    missing = max(-int(stored.sum()) % _GROUP, 0) if stored.any() else _GROUP
    stored[np.nonzero(~stored)[0][:missing]] = True
    return stored


def _shrink(step: Step, bounds: Mapping[int, _Bounds], stored: Mapping[int, _Bools], values: dict[int, Value]) -> Step:
    """Return the step with the channels that are stored, on values of that size."""
    inputs = tuple(values.get(v.index, v) for v in step.inputs)
    outputs = tuple(_small(v, stored[v.index]) for v in step.outputs)
    values.update({v.index: v for v in outputs})
    if isinstance(step, Conv | Depthwise | FullyConnected):
        step = _fold(step, bounds, stored)
    return replace(step, inputs=inputs, outputs=outputs)


def _small(value: Value, stored: _Bools) -> Value:
    if stored.all():
        return value
    kept = tuple(int(c) for c in np.nonzero(stored)[0])
    return replace(value, shape=(*value.shape[:-1], len(kept)), channels=kept)


def _fold(step: _Layer, bounds: Mapping[int, _Bounds], stored: Mapping[int, _Bools]) -> _Layer:
    """Leave out channels of the filter, constant ones into the bias."""
    given, read, written = bounds[step.input.index], stored[step.input.index], stored[step.output.index]
    r = step.requantization
    w, bias = step.filter.astype(np.int64), step.bias.copy()
    constant = bounds[step.output.index].constant
    acc_low, multiplier, shift = r.acc_low.copy(), r.multiplier.copy(), r.shift.copy()
    if isinstance(step, Depthwise):
        w = w[:, :, written] if step.multiplier == 1 else w
    elif isinstance(step, FullyConnected) or step.groups == 1:
        flat = w.reshape(len(w), -1, len(read))
        bias += (flat * np.where(read, 0, given.low)).sum((1, 2))
        flat = flat[:, :, read]
        # Converters give channels without weights tiny scales, for which no cheap constants exist.
        odd = constant & ((shift < _LEAST_SHIFT) | (shift > 0) | (multiplier == 0))
        acc_low[odd] = 4 * (bounds[step.output.index].low[odd] - r.zero_point)
        multiplier[odd], shift[odd] = 2**30, -1
        # A constant output may have weights on channels that are gone; any accumulator in its range gives it.
        flat[constant], bias[constant] = 0, acc_low[constant]
        flat = flat[written]
        w = flat.reshape(len(flat), *w.shape[1:-1], -1)
    return replace(
        step,
        filter=w.astype(np.int8),
        bias=bias[written],
        requantization=replace(
            r,
            multiplier=multiplier[written],
            shift=shift[written],
            acc_low=acc_low[written],
            acc_high=np.where(constant, acc_low, r.acc_high)[written]
            if not isinstance(step, Depthwise)
            else r.acc_high[written],
        ),
    )
