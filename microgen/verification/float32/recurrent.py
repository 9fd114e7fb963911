"""Rules of operators that keep state from one inference to the next."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...tflite import variables
from .case import Case, Rules, Unproven
from .elementwise import ELEMENTWISE
from .interval import Interval

# Positions among the inputs of UNIDIRECTIONAL_SEQUENCE_LSTM.
_WEIGHTS, _RECURRENT, _BIASES, _HIDDEN, _CELL = 1, 5, 12, 18, 19
_UNUSED = (9, 10, 11, 16, 17)  # peepholes and projection, which TFLM lacks


def _lstm(case: Case) -> Interval:
    """Run the steps: gates, then cell state, then answer, each an interval."""
    x = case.input(0)
    if case.op.activation != "TANH" or any(case.optional(k) is not None for k in _UNUSED):
        raise Unproven
    axis = 0 if case.op.time_major else 1
    hidden, cell = (case.state.get(case.op.inputs[k]) for k in (_HIDDEN, _CELL))
    shapes = [case.tensor(k).shape for k in (_HIDDEN, _CELL)]
    hidden, cell = (
        state if state is not None else Interval.exact(np.zeros(shape))
        for state, shape in zip((hidden, cell), shapes, strict=True)
    )
    answers, clip = [], case.op.cell_clip or np.inf
    for step in range(x.shape[axis]):
        now = x.mapped(lambda v, step=step: np.take(v, step, axis))  # type: ignore[misc]
        sums = [_gate(case, k, now, hidden) for k in range(4)]
        read, forget, write = (_apply("LOGISTIC", case, sums[k]) for k in (0, 1, 3))
        kept = (forget * cell).rounded() + (read * _apply("TANH", case, sums[2])).rounded()
        cell = kept.rounded().clamped(-clip, clip)
        hidden = (write * _apply("TANH", case, cell)).rounded()
        answers.append(hidden)
    case.state[case.op.inputs[_HIDDEN]], case.state[case.op.inputs[_CELL]] = hidden, cell
    return Interval(*(np.stack([getattr(a, end) for a in answers], axis) for end in ("lower", "upper")))


def _gate(case: Case, gate: int, x: Interval, hidden: Interval) -> Interval:
    """Return the sums of a gate, over the input and over the answer before it."""
    total, size, terms = Interval.exact(np.zeros(1)), np.zeros(1), 0
    for value, position in ((x, _WEIGHTS + gate), (hidden, _RECURRENT + gate)):
        w = case.input(position).centre.T
        centre, radius = value.centre @ w, value.radius @ np.abs(w)
        total += Interval(centre - radius, centre + radius)
        size = size + value.magnitude @ np.abs(w)
        terms += len(w)
    if (bias := case.optional(_BIASES + gate)) is not None:
        total, size = total + bias, size + bias.magnitude
    return total.rounded(terms + 2, size)


def _apply(name: str, case: Case, value: Interval) -> Interval:
    result = ELEMENTWISE[name](dataclasses.replace(case, inputs=(value,)))
    assert isinstance(result, Interval)
    return result


def _read(case: Case) -> Interval:
    name = variables.name_of(case.graph, case.op)
    if name not in case.state:
        raise Unproven
    return case.state[name]


def _assign(case: Case) -> tuple[Interval, ...]:
    case.state[variables.name_of(case.graph, case.op)] = case.input(1)
    return ()


RECURRENT: Rules = {
    variables.ASSIGN: _assign,
    variables.READ: _read,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}
