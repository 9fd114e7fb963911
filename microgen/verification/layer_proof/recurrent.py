"""Where the answers of an operator with state must lie, whatever the rounding of the interpreter.

Rounding errors stay in the state and grow or shrink with it, so no fixed number of steps bounds the distance of two
interpreters over a sequence. What can be proven is one step: from the state and the answer that the interpreter itself
had before, the exact, real-valued step follows, with an interval about it that holds all that rounding may make of it
(interval arithmetic, Moore 1966). An answer or a state outside its interval is wrong; if none is, all that the
interpreters differ by comes from allowed rounding in the steps before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tflite import Operator, Subgraph, Tensor, TfliteModel

Array = npt.NDArray[Any]
Reals = npt.NDArray[np.float64]

# Relative: a scale is a product of two float32, times a factor of 31 bits; this double arithmetic is far below both.
_FACTOR_ERROR = 2.0**-23
_INT16 = (-32768.0, 32767.0)


@dataclass(frozen=True)
class Kernels:
    """How an interpreter's LSTM kernel may stray from the real functions, in steps of 2^-15.

    Attributes:
        logistic, tanh: the largest error over all 65,536 inputs.
        saturates_parts: whether the product with the state is saturated before it is added.
    """

    logistic: float
    tanh: float
    saturates_parts: bool


@dataclass(frozen=True)
class Steps:
    """How an operator that runs over time is taken apart into its steps.

    Attributes:
        axis: the dimension of time, of its first input and its output.
        count: how many steps one inference has.
        state: the tensor whose value between the steps must be known, besides the answers.
    """

    axis: int
    count: int
    state: int


def steps_of(graph: Subgraph, op: Operator) -> Steps | None:
    """Return the steps of an operator, None if it is not taken apart."""
    if op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM" or not _is_plain_lstm(graph, op):
        return None
    axis = 0 if op.time_major else 1
    return Steps(axis, graph.tensors[op.inputs[_INPUT]].shape[axis], op.inputs[_CELL])


@dataclass(frozen=True)
class Tube:
    """What an interpreter may answer.

    Attributes:
        centre: the exact result, in steps of the output, saturated.
        lower, upper: the interval about it.
    """

    lower: Reals
    centre: Reals
    upper: Reals

    @property
    def low(self) -> Array:
        """The smallest integer in the interval."""
        return np.ceil(self.lower).astype(np.int64)

    @property
    def high(self) -> Array:
        """The largest integer in the interval."""
        return np.floor(self.upper).astype(np.int64)


@dataclass(frozen=True)
class _Interval:
    low: Reals
    centre: Reals
    high: Reals

    def widened(self, by: Reals | float) -> _Interval:
        return _Interval(self.low - by, self.centre, self.high + by)

    def clipped(self, low: float, high: float) -> _Interval:
        return _Interval(*(np.clip(part, low, high) for part in (self.low, self.centre, self.high)))

    def __add__(self, other: _Interval) -> _Interval:
        return _Interval(self.low + other.low, self.centre + other.centre, self.high + other.high)

    def times(self, other: _Interval, factor: float) -> _Interval:
        """Multiply by another interval and a positive number; rounding to integers is included."""
        corners = np.stack([a * b for a in (self.low, self.high) for b in (other.low, other.high)])
        product = _Interval(
            corners.min(axis=0) * factor, self.centre * other.centre * factor, corners.max(axis=0) * factor
        )
        return product.widened(_rounding(factor) + np.abs(corners).max(axis=0) * factor * _FACTOR_ERROR)

    def tube(self, output: Tensor) -> Tube:
        """Return the answers that the interval allows, in an output's own numbers; rounding is included already."""
        limits = np.iinfo(np.dtype(output.dtype))
        parts = (np.clip(p + output.zero_point, limits.min, limits.max) for p in (self.low, self.centre, self.high))
        return Tube(*parts)


def _rounding(factor: float) -> float:
    """Return how far rescaling by a factor may be from the product: one rounding, or two where it shifts right."""
    shift = max(0, -int(np.frexp(factor)[1]))
    return 0.5 + (2.0 ** -(shift + 1) if shift else 0.0)


def _rescaled(sums: Array, factor: float) -> _Interval | None:
    """Rescale accumulators; None if they do not fit the 32 bits that both interpreters have."""
    if float(np.abs(sums).max()) * max(1.0, 2.0 ** np.frexp(factor)[1]) >= 2.0**31:
        return None
    value = sums.astype(np.float64) * factor
    return _Interval(value, value, value).widened(_rounding(factor) + np.abs(value) * _FACTOR_ERROR)


def _constants(model: TfliteModel, tensors: list[Tensor]) -> list[Array] | None:
    """Return the values of constant tensors; None if one is not constant, or has a zero point or many scales."""
    for tensor in tensors:
        quantization = tensor.quantization
        if not tensor.is_constant or quantization is None or any(quantization.zero_points) or quantization.per_channel:
            return None
    return [model.constant(t).astype(np.int64) for t in tensors]


# ---- LSTM

_GATES = ("input", "forget", "cell", "output")  # in the order of the operator's inputs
_INPUT, _INPUT_WEIGHTS, _STATE_WEIGHTS, _BIASES, _HIDDEN, _CELL = 0, 1, 5, 12, 18, 19
_LEFT_OUT = (9, 10, 11, 16, 17, 20, 21, 22, 23)  # peepholes, projection, layer normalization
_PREACTIVATION = 2.0**-12
_ACTIVATION = 2.0**-15


def _is_plain_lstm(graph: Subgraph, op: Operator) -> bool:
    """Tell the one kind that both interpreters know: int8, tanh, one batch, all gates and nothing else."""
    present = [k for k, i in enumerate(op.inputs) if i >= 0]
    if op.activation != "TANH" or present != [k for k in range(_CELL + 1) if k not in _LEFT_OUT]:
        return False
    source, hidden, cell = (graph.tensors[op.inputs[k]] for k in (_INPUT, _HIDDEN, _CELL))
    output = graph.tensors[op.outputs[0]]
    return (
        len(source.shape) == len(output.shape) == 3
        and source.shape[1 if op.time_major else 0] == 1
        and (source.dtype, output.dtype, cell.dtype) == ("int8", "int8", "int16")
        and bool(source.scale and output.scale and cell.scale)
        and (hidden.scale, hidden.zero_point) == (output.scale, output.zero_point)
    )


def lstm(
    model: TfliteModel,
    graph: Subgraph,
    op: Operator,
    inputs: Mapping[int, Array],
    answers: Array,
    cells: Array,
    kernels: Kernels,
) -> tuple[Tube, Tube] | None:
    """Enclose the answers and cell states of UNIDIRECTIONAL_SEQUENCE_LSTM, run from a fresh state over all samples.

    Args:
        inputs: what it was given, by tensor, samples first.
        answers: its output, samples first; the hidden state of a step is the answer of the step before.
        cells: its cell state after each step.
        kernels: the interpreter's.

    Returns:
        Where the answers, and where the cell states may lie, one row per step; None if the operator's weights are
        not constant, or its accumulators too large.
    """
    at = [graph.tensors[i] for i in op.inputs[: _CELL + 1]]
    source, hidden, cell, output = at[_INPUT], at[_HIDDEN], at[_CELL], graph.tensors[op.outputs[0]]
    weights = [at[first : first + 4] for first in (_INPUT_WEIGHTS, _STATE_WEIGHTS, _BIASES)]
    constants = [_constants(model, tensors) for tensors in weights]
    matrices, recurrent, biases = (group or [] for group in constants)
    if not (matrices and recurrent and biases):
        return None
    steps = inputs[op.inputs[_INPUT]].reshape(-1, source.shape[-1]).astype(np.int64) - source.zero_point
    given = answers.reshape(-1, output.shape[-1]).astype(np.int64) - output.zero_point
    before = _shifted(given)
    gates = []
    for k, name in enumerate(_GATES):
        ours = _rescaled(steps @ matrices[k].T + biases[k], source.scale * weights[0][k].scale / _PREACTIVATION)
        fed = _rescaled(before @ recurrent[k].T, hidden.scale * weights[1][k].scale / _PREACTIVATION)
        if ours is None or fed is None:
            return None
        both = (ours.clipped(*_INT16) + (fed.clipped(*_INT16) if kernels.saturates_parts else fed)).clipped(*_INT16)
        of_cell = name == "cell"
        error = kernels.tanh if of_cell else kernels.logistic
        gates.append(_activated(both, np.tanh if of_cell else _logistic, _PREACTIVATION, error))
    write, keep, new, show = gates
    # The scale is a power of two, so that the quotient is exact whatever it is computed in.
    clip = float(min(int(op.cell_clip / cell.scale), 32767)) if op.cell_clip > 0 else 32768.0
    kept = keep.times(_exactly(_shifted(cells.reshape(given.shape))), _ACTIVATION).clipped(*_INT16)
    state = (kept + write.times(new, _ACTIVATION**2 / cell.scale)).clipped(*_INT16).clipped(-clip, clip)
    squashed = _activated(_exactly(cells.reshape(given.shape)), np.tanh, cell.scale, kernels.tanh)
    return show.times(squashed, _ACTIVATION**2 / output.scale).tube(output), state.tube(cell)


def _shifted(values: Array) -> Array:
    """Return for each step the value before it, 0 for the first."""
    return np.concatenate([np.zeros_like(values[:1]), values[:-1]])


def _exactly(values: Array) -> _Interval:
    known = values.astype(np.float64)
    return _Interval(known, known, known)


def _logistic(x: Reals) -> Reals:
    return 1 / (1 + np.exp(-x))


def _activated(x: _Interval, function: Any, scale: float, error: float) -> _Interval:  # noqa: ANN401
    """Apply a rising function to what has a scale; the result is in units of 2^-15."""
    low, centre, high = (function(part * scale) / _ACTIVATION for part in (x.low, x.centre, x.high))
    return _Interval(low - error, centre, high + error).clipped(*_INT16)


# ---- SVDF

_FEATURES, _TIME, _SVDF_BIAS, _SVDF_STATE = 1, 2, 3, 4


def svdf(model: TfliteModel, graph: Subgraph, op: Operator, inputs: Mapping[int, Array]) -> Tube | None:
    """Enclose the answers of SVDF, run from a fresh state over all samples as one sequence.

    Its state holds the last few products of the inputs with the features, each rounded once to 16 bits; nothing of
    the answers comes back, so the interval does not grow.

    Args:
        inputs: what it was given, by tensor, samples first.

    Returns:
        None if the state is not int16, or the batch is not 1.
    """
    if len(op.inputs) != 5 or any(i < 0 for k, i in enumerate(op.inputs) if k != _SVDF_BIAS):
        return None
    source, features, time, bias, state = (graph.tensors[i] for i in op.inputs)
    output = graph.tensors[op.outputs[0]]
    constants = _constants(model, [features, time])
    if constants is None or state.dtype != "int16" or output.dtype != "int8" or source.shape[0] != 1:
        return None
    if not (source.scale and state.scale and output.scale) or state.zero_point:
        return None
    matrix, taps = constants
    units, memory = output.shape[1], taps.shape[1]
    steps = inputs[op.inputs[_INPUT]].reshape(-1, matrix.shape[1]).astype(np.int64) - source.zero_point
    kept = _rescaled(steps @ matrix.T, source.scale * features.scale / state.scale)
    if kept is None:
        return None
    kept = kept.clipped(*_INT16)
    errors = np.maximum(kept.high - kept.centre, kept.centre - kept.low)
    total, error = np.zeros_like(kept.centre), np.zeros_like(errors)
    for tap in range(max(0, memory - len(steps)), memory):
        back = memory - 1 - tap  # how many steps ago
        total[back:] += kept.centre[: len(total) - back] * taps[:, tap]
        error[back:] += errors[: len(error) - back] * np.abs(taps[:, tap])
    total, error = (part.reshape(len(steps), units, -1).sum(axis=2) for part in (total, error))
    if op.inputs[_SVDF_BIAS] >= 0:
        if not bias.is_constant:
            return None
        total = total + model.constant(bias).astype(np.int64)
    factor = state.scale * time.scale / output.scale
    rescaled = _rescaled(total, factor)
    return rescaled.widened(error * factor).tube(output) if rescaled is not None else None
