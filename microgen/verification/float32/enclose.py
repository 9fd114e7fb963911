"""Runs a model, or one operator of it, in intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tflite import Operator, Subgraph, TfliteModel, variables
from ...tflite.check import float_operators
from .case import Case, Unproven
from .elementwise import ELEMENTWISE
from .interval import Interval
from .linear import LINEAR
from .movement import MOVEMENT
from .recurrent import RECURRENT

Array = npt.NDArray[Any]
_RULES = {**ELEMENTWISE, **LINEAR, **MOVEMENT, **RECURRENT}
# Constants of other types are bytes, or are read by the rules themselves.
_NUMBERS = frozenset({"float32", "int8", "int16", "int32", "uint8"})


class Enclosure:
    """What correct float32 kernels may answer to the inputs of a model, or of one operator.

    The state of a model lasts from one call to the next, until it is reset.
    """

    def __init__(self, model: TfliteModel) -> None:
        self._model = model
        self._state: dict[Any, Interval] = {}
        self._has_called: set[int] = set()

    def reset(self) -> None:
        """Put the state back to its start."""
        self._state.clear()
        self._has_called.clear()

    def infer(self, inputs: Sequence[Array]) -> tuple[Interval, ...]:
        """Return the intervals of the outputs of one inference.

        Args:
            inputs: one array per input, of its shape.

        Raises:
            Unproven: an operator has no rule; names it.
        """
        main = self._model.main
        values = {i: Interval.exact(a.reshape(main.tensors[i].shape)) for i, a in zip(main.inputs, inputs, strict=True)}
        self._run(main, values)
        return tuple(self._value(main, i, values) or _unknown(main) for i in main.outputs)

    def operator(self, graph: Subgraph, op: Operator, inputs: Mapping[int, Array]) -> tuple[Interval, ...]:
        """Return the intervals of the outputs of one operator.

        Args:
            graph, op: the operator and where it is.
            inputs: the values of its inputs that are no constants, by tensor.

        Raises:
            Unproven: it has no rule.
        """
        values = {i: Interval.exact(a.reshape(graph.tensors[i].shape)) for i, a in inputs.items()}
        return self._outputs(graph, op, values)

    def _run(self, graph: Subgraph, values: dict[int, Interval]) -> None:
        for op in graph.operators:
            if op.name == "CALL_ONCE":
                self._call_once(op)
            elif op.name != variables.HANDLE:
                values.update(zip(op.outputs, self._outputs(graph, op, values), strict=True))

    def _call_once(self, op: Operator) -> None:
        for number in set(op.subgraphs) - self._has_called:
            self._has_called.add(number)
            self._run(self._model.subgraphs[number], {})

    def _value(self, graph: Subgraph, index: int, values: Mapping[int, Interval]) -> Interval | None:
        if index in values or index < 0:
            return values.get(index)
        tensor = graph.tensors[index]
        if tensor.is_constant and tensor.dtype in _NUMBERS:
            return Interval.exact(self._model.constant(tensor))
        return None

    def _outputs(self, graph: Subgraph, op: Operator, values: Mapping[int, Interval]) -> tuple[Interval, ...]:
        if op.is_custom or op.name not in _RULES or not _is_float32(graph, op):
            raise Unproven(f"operator {op.index} ({op.name})")
        inputs = tuple(self._value(graph, i, values) for i in op.inputs)
        case = Case(self._model, graph, op, inputs, self._state)
        try:
            with np.errstate(all="ignore"):
                result = _RULES[op.name](case)
        except (Unproven, ValueError, IndexError, TypeError, ZeroDivisionError):
            # NumPy rejects shapes and types that contradict each other, and some kernels of TFLM never look at.
            raise Unproven(f"operator {op.index} ({op.name})") from None
        intervals = result if isinstance(result, tuple) else (result,)
        if [i.shape for i in intervals] != [graph.tensors[i].shape for i in op.outputs]:
            raise Unproven(f"operator {op.index} ({op.name})")
        return intervals


def _unknown(graph: Subgraph) -> Interval:
    raise Unproven(f"an output of subgraph {graph.index}, which no operator writes")


def _is_float32(graph: Subgraph, op: Operator) -> bool:
    """Return whether an operator computes in float32, or moves such values; DEQUANTIZE turns others into them."""
    read = [graph.tensors[i] for i in op.inputs if i >= 0 and not graph.tensors[i].is_constant]
    touched = [*read, *(graph.tensors[i] for i in op.outputs)]
    if op.name == "DEQUANTIZE":
        touched = [graph.tensors[i] for i in op.outputs]
    elif op.name in (variables.READ, variables.ASSIGN):
        touched = [variables.value_of(graph, op)]
    return all(t.dtype == "float32" for t in touched)


@dataclass(frozen=True)
class Bounds:
    """How far correct float32 kernels may be from TFLM's answers on this machine.

    Attributes:
        tolerances: for each sample, for each output, the largest distance of any element, in the output's real values.
        outside: the first sample that TFLM's own answer is outside of its interval on; None if there is none.
        unproven: the operator that has no rule, so that nothing is known; "" if all have.
    """

    tolerances: tuple[tuple[float, ...], ...] = ()
    outside: int | None = None
    unproven: str = ""

    @property
    def largest(self) -> float | None:
        """The largest tolerance; None if none is known."""
        return max((t for sample in self.tolerances for t in sample), default=None)


def bounds(model: TfliteModel, inputs: Sequence[Array], answers: Sequence[Array], steps: int = 1) -> Bounds | None:
    """Say how far correct float32 kernels may be from TFLM's answers; None for a model that computes in integers.

    Args:
        model: the model.
        inputs: one array per input, samples first.
        answers: TFLM's to the first of them, one array per output.
        steps: after how many samples the state is fresh again.
    """
    if not float_operators(model):
        return None
    enclosure, rows, outside = Enclosure(model), [], None
    try:
        for sample in range(len(answers[0])):
            if sample % steps == 0:
                enclosure.reset()
            intervals = enclosure.infer([a[sample] for a in inputs])
            if outside is None and not all(
                i.contains(a[sample]).all() for i, a in zip(intervals, answers, strict=True)
            ):
                outside = sample
            rows.append(tuple(_tolerance(i, a[sample]) for i, a in zip(intervals, answers, strict=True)))
    except Unproven as error:
        return Bounds(unproven=str(error))
    return Bounds(tuple(rows), outside)


def first_outside(model: TfliteModel, inputs: Sequence[Array], answers: Sequence[Array], steps: int = 1) -> int | None:
    """Return the first sample with an answer that no correct float32 kernels give, None if there is none.

    Args:
        model, inputs, answers, steps: as for `bounds`.

    Raises:
        Unproven: an operator has no rule.
    """
    enclosure = Enclosure(model)
    for sample in range(len(answers[0])):
        if sample % steps == 0:
            enclosure.reset()
        intervals = enclosure.infer([a[sample] for a in inputs])
        if not all(i.contains(a[sample]).all() for i, a in zip(intervals, answers, strict=True)):
            return sample
    return None


def _tolerance(interval: Interval, answer: Array) -> float:
    """Return how far an answer may be from another, as a float32 that is no smaller."""
    real = answer.reshape(interval.shape).astype(np.float64)
    with np.errstate(invalid="ignore"):
        distance = float(np.maximum(interval.upper - real, real - interval.lower).max(initial=0.0))
    if not math.isfinite(distance):
        return math.inf
    return float(np.nextafter(np.float32(distance), np.float32(np.inf)))
