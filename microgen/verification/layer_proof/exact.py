"""The exact, rational result of an operator, which both interpreters are compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tflite import Operator, Subgraph, Tensor, TfliteModel
from . import recurrent

Array = npt.NDArray[Any]
# So many values are compared with their exact result at once: they take a hundred bytes each meanwhile.
_CHUNK = 2**20


@dataclass(frozen=True)
class Exact:
    """How far answers are from the exact result, in steps of the output.

    Attributes:
        tflm, litert: the largest distance of each interpreter.
        allowed: 1/2 and the epsilon, the largest that any element may have.
        is_within: whether every element of both keeps to its own epsilon.
        bound_lsb: how far the interpreters may be apart where that is computed, None if bounds.toml says it.

    For an operator in float32 all of them are real values, and `allowed` is half of the widest interval.
    """

    tflm: float
    litert: float
    allowed: float
    is_within: bool
    bound_lsb: float | None = None


@dataclass(frozen=True)
class Case:
    """One operator, what it was given and what it answered.

    Attributes:
        model, graph, op: the operator and where it is.
        rule: its entry in bounds.toml.
        inputs: the values of its inputs that are no constants, by tensor, samples first.
        tflm, litert: the first output, samples first.
        states: for an operator that was taken apart (`recurrent.steps_of`), what each interpreter's state was after
            each step.
    """

    model: TfliteModel
    graph: Subgraph
    op: Operator
    rule: Mapping[str, Any]
    inputs: Mapping[int, Array]
    tflm: Array
    litert: Array
    states: tuple[Array, Array] | None = None

    def tensor(self, position: int) -> Tensor:
        """Return an input of the operator."""
        return self.graph.tensors[self.op.inputs[position]]

    @property
    def output(self) -> Tensor:
        """The first output."""
        return self.graph.tensors[self.op.outputs[0]]

    def values(self, position: int) -> Array:
        """Return the values of an input, samples first, or one sample of a constant."""
        tensor = self.tensor(position)
        if not tensor.is_constant:
            return self.inputs[tensor.index]
        return self.model.constant(tensor)[None]

    def has(self, position: int) -> bool:
        """Return whether the operator has an input at this position."""
        return position < len(self.op.inputs) and self.op.inputs[position] >= 0


def compare(case: Case) -> Exact | None:
    """Hold the answers of both interpreters against the exact result.

    Returns:
        None if the rule of bounds.toml does not hold for such an operator: the axes of a SUM are not constant, say.
    """
    return _RULES[case.rule["exact"]](case)


def _fully_connected(case: Case) -> Exact | None:
    """Compare FULLY_CONNECTED with sum((q - z) * (w - z_w)) + bias, times s_in * s_w / s_out, plus z_out.

    TFLM takes no weights but int8, and int4 with int8 activations.

    The epsilon of an element of value v (before the zero point): 2^-(n+1) for TFLM's second rounding, where 2^-n is
    the power of two in the real factor; |v| * 2^-31 for its 31-bit factor (2^-15 on int16, where TFLM uses 15 bits);
    |v| * 2^-24 because both interpreters multiply s_in and s_w as float32.
    """
    source, weights, output = case.tensor(0), case.tensor(1), case.output
    if not source.scale or not weights.scale or not output.scale:
        return None
    units, depth = weights.shape
    matrix = case.values(1).reshape(-1, units, depth)
    rows = case.values(0).astype(np.int64) - source.zero_point
    rows = rows.reshape(len(rows), -1, depth)
    bias = case.values(2).reshape(-1, 1, units) if case.has(2) else np.zeros((1, 1, units), np.int32)
    bits = 15 if output.dtype == "int16" else 31
    answers = [a.reshape(-1, units) for a in (case.tflm, case.litert)]
    parts = []
    step = max(1, _CHUNK // max(depth, 1))
    for start in range(0, units, step):
        block = slice(start, min(start + step, units))
        sums = rows @ (matrix[:, block].astype(np.int64) - weights.zero_point).swapaxes(1, 2)
        sums = (sums + bias[..., block].astype(np.int64)).reshape(-1, block.stop - block.start)
        factors = [_factor(source, weights, output, k) for k in range(block.start, block.stop)]
        parts.append(_rescaled(sums, factors, case, 2.0**-bits + 2.0**-24, [a[:, block] for a in answers]))
    return _all_of(parts)


def _sum(case: Case) -> Exact | None:
    """Compare SUM with sum(q - z) times s_in / s_out, plus z_out; epsilon as for FULLY_CONNECTED, without 2^-24."""
    source, axis, output = case.tensor(0), case.tensor(1), case.output
    if not axis.is_constant or not source.scale or not output.scale:
        return None
    axes = tuple(int(a) % len(source.shape) + 1 for a in case.model.constant(axis).reshape(-1).tolist())
    sums = (case.values(0).astype(np.int64) - source.zero_point).sum(axis=tuple(set(axes))).reshape(-1, 1)
    return _in_chunks(sums, Fraction(source.scale) / Fraction(output.scale), case)


def _mul(case: Case) -> Exact | None:
    """Compare MUL with (q_1 - z_1) * (q_2 - z_2) times s_1 * s_2 / s_out, plus z_out; epsilon as for SUM."""
    first, second, output = case.tensor(0), case.tensor(1), case.output
    if not first.scale or not second.scale or not output.scale:
        return None
    a, b = (case.values(k).astype(np.int64) - t.zero_point for k, t in enumerate((first, second)))
    rank = max(a.ndim, b.ndim)
    a, b = (x.reshape(len(x), *(1,) * (rank - x.ndim), *x.shape[1:]) for x in (a, b))
    factor = Fraction(first.scale) * Fraction(second.scale) / Fraction(output.scale)
    return _in_chunks((a * b).reshape(-1, 1), factor, case)


def _leaky_relu(case: Case) -> Exact | None:
    """Compare LEAKY_RELU with (q - z) times s_in / s_out, and alpha below the zero point, plus z_out.

    Epsilon as for SUM, and |v| * 2^-22, since both interpreters multiply scale and alpha as float32, and divide so.
    """
    source, output = case.tensor(0), case.output
    if not source.scale or not output.scale or case.op.options.alpha <= 0:
        return None
    rows = case.values(0).astype(np.int64).reshape(-1) - source.zero_point
    answers = [a.reshape(-1, 1) for a in (case.tflm, case.litert)]
    parts = []
    for which, slope in ((rows >= 0, Fraction(1)), (rows < 0, Fraction(case.op.options.alpha))):
        factor = Fraction(source.scale) * slope / Fraction(output.scale)
        side = np.flatnonzero(which)
        for start in range(0, len(side), _CHUNK):
            c = side[start : start + _CHUNK]
            parts.append(_rescaled(rows[c, None], [factor], case, 2.0**-31 + 2.0**-22, [a[c] for a in answers]))
    return _all_of(parts)


def _logistic(case: Case) -> Exact | None:
    """Compare LOGISTIC with 1 / (1 + exp(-x)); see `_curve`."""
    return _curve(case, lambda x: 1 / (1 + np.exp(-x)), 2.0**-8, -128)


def _tanh(case: Case) -> Exact | None:
    """Compare TANH with tanh(x); see `_curve`."""
    return _curve(case, np.tanh, 2.0**-7, 0)


def _curve(case: Case, function: Callable[[Array], Array], scale: float, zero_point: int) -> Exact | None:
    """Hold a function of one int8 value against its real value, for the quantization that the specification asks for.

    Epsilon: TFLM's fixed-point arithmetic is off by at most 2^-15 of a step (measured over 60,000 arguments), and
    float32 in LiteRT's table by less than 2^-14.
    """
    source, output = case.tensor(0), case.output
    if not source.scale or (output.scale, output.zero_point) != (scale, zero_point):
        return None
    epsilon = 2.0**-13
    table = function((np.arange(-128, 128) - source.zero_point) * source.scale) / scale + zero_point
    expected = np.clip(table, -128, 127)[case.values(0).reshape(-1).astype(np.int64) + 128]
    tflm, litert = (float(np.abs(a.reshape(-1) - expected).max(initial=0)) for a in (case.tflm, case.litert))
    return Exact(tflm, litert, 0.5 + epsilon, max(tflm, litert) <= 0.5 + epsilon)


def _svdf(case: Case) -> Exact | None:
    """Compare SVDF with `recurrent.svdf`, the same interval for both interpreters."""
    tube = recurrent.svdf(case.model, case.graph, case.op, case.inputs)
    return _enclosed(case, ((tube, case.tflm),), ((tube, case.litert),)) if tube is not None else None


def _lstm(case: Case) -> Exact | None:
    """Hold the steps of an LSTM against `recurrent.lstm`: answers and cell states, from each interpreter's own past."""
    if case.states is None:
        return None
    sides = []
    for engine, answers, cells in zip(("tflm", "litert"), (case.tflm, case.litert), case.states, strict=True):
        kernels = recurrent.Kernels(**case.rule[engine])
        tubes = recurrent.lstm(case.model, case.graph, case.op, case.inputs, answers, cells, kernels)
        if tubes is None:
            return None
        sides.append(((tubes[0], answers), (tubes[1], cells)))
    return _enclosed(case, sides[0], sides[1])


_Enclosed = tuple[recurrent.Tube, Array]


def _enclosed(case: Case, tflm: Sequence[_Enclosed], litert: Sequence[_Enclosed]) -> Exact | None:
    """Hold what each interpreter answered, and then what it kept, against the intervals that it must be in.

    Returns:
        None if an interval of the answers spans more than bounds.toml says, so that being inside proves little.
    """
    answers = (tflm[0], litert[0])
    if any(float((tube.upper - tube.lower).max()) > case.rule["widest"] for tube, _ in answers):
        return None
    ours, theirs = tflm[0][0], litert[0][0]
    reach = max(int((a.high - b.low).max()) for a, b in ((ours, theirs), (theirs, ours)))
    inside, distances = True, []
    for tube, values in (*tflm, *litert):
        got = values.reshape(tube.centre.shape).astype(np.int64)
        inside &= bool(((tube.low <= got) & (got <= tube.high)).all())
        distances.append(float(np.abs(got - tube.centre).max()))
    allowed = max(float(np.maximum(t.upper - t.centre, t.centre - t.lower).max()) for t, _ in answers)
    return Exact(distances[0], distances[len(tflm)], allowed, inside, reach)


def _in_chunks(sums: Array, factor: Fraction, case: Case) -> Exact:
    """Compare all answers with accumulators, one per row, times one factor."""
    answers = [a.reshape(-1, 1) for a in (case.tflm, case.litert)]
    starts = range(0, len(sums), _CHUNK)
    chunks = (slice(start, start + _CHUNK) for start in starts)
    return _all_of([_rescaled(sums[c], [factor], case, 2.0**-31, [a[c] for a in answers]) for c in chunks])


def _all_of(parts: Sequence[Exact]) -> Exact:
    """Return what holds for all parts of an answer together."""
    return Exact(
        max((p.tflm for p in parts), default=0.0),
        max((p.litert for p in parts), default=0.0),
        max((p.allowed for p in parts), default=0.0),
        all(p.is_within for p in parts),
    )


def _rescaled(
    sums: Array, factors: Sequence[Fraction], case: Case, factor_error: float, answers: Sequence[Array]
) -> Exact:
    """Compare answers with accumulators, one column per factor, times that factor.

    Args:
        factor_error: how far the factor itself may be off, relative.
        answers: those of both interpreters, as many as there are accumulators.
    """
    output = case.output
    low, high = _range(output, case.op.activation)
    real = np.array([float(f) for f in factors])
    shift = np.array([max(0, -math.frexp(float(f))[1]) for f in factors])
    # Beyond the edges of the type an error of the factor has no effect.
    value = np.clip(sums * real, low - output.zero_point, high - output.zero_point)
    epsilon = np.where(shift > 0, 2.0 ** -(shift + 1.0), 0) + np.abs(value) * factor_error
    distances = []
    for answer in answers:
        got = answer.reshape(sums.shape).astype(np.int64)
        distances.append(_distance(got, sums, factors, output.zero_point, low, high))
    within = all((d <= 0.5 + epsilon).all() for d in distances)
    largest = [float(d.max(initial=0)) for d in distances]
    return Exact(largest[0], largest[1], 0.5 + float(epsilon.max(initial=0)), bool(within))


def _distance(
    got: Array, sums: Array, factors: Sequence[Fraction], zero_point: int, low: int, high: int
) -> npt.NDArray[np.float64]:
    """Return |got - clamp(sum * factor + zero point)|, computed without rounding, then given as a float."""
    distance = np.zeros(sums.shape)
    columns: dict[Fraction, list[int]] = {}
    for column, factor in enumerate(factors):
        columns.setdefault(factor, []).append(column)
    for factor, same in columns.items():
        # Many accumulators are the same, with the same answer.
        answers = got[:, same].reshape(-1)
        values, which = np.unique(sums[:, same].reshape(-1), return_inverse=True)
        least = answers.min(initial=0)
        span = int(answers.max(initial=0) - least) + 1
        pairs, place = np.unique(which * span + (answers - least), return_inverse=True)
        above, below = factor.numerator, factor.denominator  # whole numbers throughout, until the one division
        edges, offset = (low * below, high * below), zero_point * below
        sums_there, got_there = values[pairs // span].tolist(), (pairs % span + least).tolist()
        exact = (min(max(s * above + offset, edges[0]), edges[1]) for s in sums_there)
        known = [abs(g * below - e) / below for g, e in zip(got_there, exact, strict=True)]
        distance[:, same] = np.array(known)[place].reshape(len(distance), len(same))
    return distance


def _factor(source: Tensor, weights: Tensor, output: Tensor, channel: int) -> Fraction:
    assert weights.quantization is not None
    scales = weights.quantization.scales
    scale = scales[channel] if len(scales) > 1 else scales[0]
    return Fraction(source.scale) * Fraction(scale) / Fraction(output.scale)


def _range(output: Tensor, activation: str) -> tuple[int, int]:
    """Return the smallest and largest value that a fused activation lets through."""
    limits = np.iinfo(np.dtype(output.dtype))
    low, high = int(limits.min), int(limits.max)

    def quantized(value: float) -> int:
        # As both interpreters do it: a float32 quotient, halves away from zero.
        steps = float(np.float32(abs(value)) / np.float32(output.scale))
        return output.zero_point + int(math.copysign(math.floor(steps + 0.5), value))

    if activation in ("RELU", "RELU6"):
        low = max(low, quantized(0))
    if activation == "RELU_N1_TO_1":
        low, high = max(low, quantized(-1)), min(high, quantized(1))
    if activation == "RELU6":
        high = min(high, quantized(6))
    return low, high


_RULES: dict[str, Callable[[Case], Exact | None]] = {
    "fully_connected": _fully_connected,
    "sum": _sum,
    "mul": _mul,
    "leaky_relu": _leaky_relu,
    "logistic": _logistic,
    "lstm": _lstm,
    "svdf": _svdf,
    "tanh": _tanh,
}
