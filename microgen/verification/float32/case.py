"""One operator, and the intervals that go into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ...tflite import Operator, Subgraph, Tensor, TfliteModel
from .interval import Interval


class Unproven(Exception):
    """No rule gives the interval of an operator."""


@dataclass(frozen=True)
class Case:
    """One operator, and the intervals that go into it.

    Attributes:
        model, graph, op: the operator and where it is.
        inputs: by position; None if an input is left out or has no real values.
        state: what is kept between inferences, by tensor of this graph or by the name of a variable; rules change it.
    """

    model: TfliteModel
    graph: Subgraph
    op: Operator
    inputs: tuple[Interval | None, ...]
    state: dict[Any, Interval]

    def tensor(self, position: int) -> Tensor:
        """Return the tensor of an input."""
        return self.graph.tensors[self.op.inputs[position]]

    def input(self, position: int) -> Interval:
        """Return an input.

        Raises:
            Unproven: it is missing.
        """
        value = self.optional(position)
        if value is None:
            raise Unproven
        return value

    def optional(self, position: int) -> Interval | None:
        """Return an input, None if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else None

    def constant(self, position: int) -> npt.NDArray[Any]:
        """Return the numbers of a constant input: axes, sizes.

        Raises:
            Unproven: it is not constant.
        """
        if position >= len(self.op.inputs) or self.op.inputs[position] < 0 or not self.tensor(position).is_constant:
            raise Unproven
        return self.model.constant(self.tensor(position))

    def axes(self, position: int) -> tuple[int, ...]:
        """Return the axes that a constant input names, of the first input."""
        rank = len(self.input(0).shape)
        return tuple({int(a) % rank for a in self.constant(position).reshape(-1)})

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the outputs."""
        return tuple(self.graph.tensors[i].shape for i in self.op.outputs)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first output."""
        return self.shapes[0]

    @property
    def activation(self) -> str:
        """The activation that is fused into it, "" for none."""
        return self.op.activation or self.op.options.activation


Rule = Callable[[Case], "Interval | tuple[Interval, ...]"]
Rules = Mapping[str, Rule]

_CLAMPS = {
    "": None,
    "RELU": (0.0, float("inf")),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU6": (0.0, 6.0),
}


def activated(case: Case, value: Interval) -> Interval:
    """Apply the activation that is fused into an operator.

    Raises:
        Unproven: it is none that only clamps.
    """
    if case.activation not in _CLAMPS:
        raise Unproven
    limits = _CLAMPS[case.activation]
    return value.clamped(*limits) if limits else value
