"""Models of recurrent layers that take one step of a sequence at a time, and keep their state. Runs in a worker.

litert-torch writes out each step of a GRU or an RNN: 64 steps of a GRU are 1,216 operators. Here the same graph runs on
sequences of one step, and each layer gets its state as an input of the model and returns it as an output
(`microgen.frontends.rewriting.memory` makes variables of both). Whether that computes the same is not derived from the
graph: whole sequences of the data are run through both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from .module import tensors
from .recurrent import UNROLLED

Array = npt.NDArray[Any]
KINDS = ("gru", "rnn_tanh", "rnn_relu")


@dataclass
class Memory:
    """The states that the layers of one inference read, in their order, and those that they leave.

    Attributes:
        steps: of the sequences that the graph was made for.
        current: of the inference that is under way.
    """

    steps: int
    before: list[torch.Tensor] = field(default_factory=list)
    after: list[torch.Tensor] = field(default_factory=list)
    current: ClassVar[Memory | None] = None


def fitted(shape: Sequence[int], x: torch.Tensor) -> list[int]:
    """Return a shape that a graph has for a RESHAPE; with a memory, the one of a single step, if only that fits."""
    if Memory.current is None or -1 in shape or math.prod(shape) == x.numel() or Memory.current.steps not in shape:
        return list(shape)
    place = list(shape).index(Memory.current.steps)
    return [1 if k == place else d for k, d in enumerate(shape)]


class _GruCell(torch.nn.Module):
    """A step of a GRU.

    Source: the formulas of `torch.nn.GRU`, with 1 - z as a sigmoid: a unit that keeps its state does so in int8, too.
    """

    def __init__(self, matrix: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor, inner: torch.Tensor) -> None:
        super().__init__()
        (wr, wz, wn), (ur, uz, un) = matrix.chunk(3), recurrent.chunk(3)
        (br, bz, bn), (cr, cz, cn) = bias.chunk(3), inner.chunk(3)
        self.reset_x, self.reset_h = _dense(wr, br + cr), _dense(ur)
        self.update_x, self.update_h = _dense(-wz, -bz - cz), _dense(-uz)
        self.new_x, self.new_h = _dense(wn, bn), _dense(un, cn)

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Return the state after a step; x: [1, depth], h: [1, units]."""
        reset = torch.sigmoid(self.reset_x(x) + self.reset_h(h))
        update = torch.sigmoid(self.update_x(x) + self.update_h(h))
        new = torch.tanh(self.new_x(x) + reset * self.new_h(h))
        return h + update * (new - h)


class _RnnCell(torch.nn.Module):
    """A step of an Elman network."""

    def __init__(
        self, matrix: torch.Tensor, recurrent: torch.Tensor, bias: torch.Tensor, inner: torch.Tensor, relu: bool
    ) -> None:
        super().__init__()
        self.x, self.h, self._activation = _dense(matrix, bias + inner), _dense(recurrent), torch.relu
        if not relu:
            self._activation = torch.tanh

    def forward(self, x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Return the state after a step; x: [1, depth], h: [1, units]."""
        result: torch.Tensor = self._activation(self.x(x) + self.h(h))
        return result


def _dense(weights: torch.Tensor, bias: torch.Tensor | None = None) -> torch.nn.Linear:
    made = torch.nn.Linear(weights.shape[1], weights.shape[0], bias=bias is not None)
    made.weight.data = weights.detach().clone()
    if bias is not None:
        made.bias.data = bias.detach().clone()
    return made


class Recurrent(torch.nn.Module):
    """A call of `aten.gru.input`, `aten.rnn_tanh.input` or `aten.rnn_relu.input`; one step of it with a current memory.

    Attributes:
        kind: "gru", "rnn_tanh" or "rnn_relu".
        steps: of the last sequence that it ran; 0 before.
        obstacle: why it has no steps of its own, known after it ran once.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.steps, self.layers, self.directions, self.obstacle = 0, 0, 1, ""
        self.cells = torch.nn.ModuleList()
        self._units = 0

    def forward(
        self,
        x: torch.Tensor,
        state: torch.Tensor,
        weights: Sequence[torch.Tensor],
        has_biases: bool,
        layers: int,
        dropout: float,
        train: bool,
        both: bool,
        batch_first: bool,
    ) -> Any:  # noqa: ANN401 - what the operator returns
        """Return the outputs of all steps, and the last state of each layer."""
        if Memory.current is not None:
            return self._step(x, Memory.current)
        function = getattr(torch.ops.aten, self.kind).input
        result = function(x, state, list(weights), has_biases, layers, dropout, train, both, batch_first)
        if not torch.compiler.is_compiling() and not self.steps:
            self.steps, self.layers, self.directions = x.shape[1 if batch_first else 0], layers, 2 if both else 1
            self.obstacle = "runs in both directions" if both else "does not start from zeros" if state.any() else ""
            if not self.obstacle:
                count = 4 if has_biases else 2
                self.cells.extend(self._cell(weights[k : k + count]) for k in range(0, count * layers, count))
                self._units = weights[1].shape[1]
        return result

    def _cell(self, weights: Sequence[torch.Tensor]) -> torch.nn.Module:
        matrix, recurrent, *biases = weights
        bias, inner = biases or (torch.zeros(len(matrix)),) * 2
        if self.kind == "gru":
            return _GruCell(matrix, recurrent, bias, inner)
        return _RnnCell(matrix, recurrent, bias, inner, self.kind == "rnn_relu")

    def _step(self, x: torch.Tensor, memory: Memory) -> Any:  # noqa: ANN401
        value, states = x.reshape(1, -1), []
        for cell in self.cells:
            value = cell(value, memory.before[len(memory.after)])
            memory.after.append(value)
            states.append(value)
        return value.reshape(1, 1, -1), torch.stack(states)

    @property
    def shapes(self) -> list[tuple[int, int]]:
        """The shapes of its states."""
        return [(1, self._units)] * len(self.cells)

    @property
    def operators(self) -> int:
        """About how many operators all of its steps are."""
        return UNROLLED[self.kind] * self.steps * self.layers * self.directions


def calls(module: torch.nn.Module) -> list[Recurrent]:
    """Return the calls of recurrent layers in a module, in their order."""
    return [part for part in module.modules() if isinstance(part, Recurrent)]


class OneStep(torch.nn.Module):
    """A model of sequences as one of single steps: of a step and the states, the outputs and the next states.

    Attributes:
        shapes: of the states.
        each: for each output, whether the model of sequences returns it for each step, not for the last alone.
    """

    def __init__(self, module: torch.nn.Module, sequence: torch.Tensor) -> None:
        """Take a module, and a sequence [1, steps, ...] to try it on.

        Raises:
            NoSteps: it does something else with sequences than to run them step by step.
        """
        super().__init__()
        self.inner, self._rank, self._steps = module, sequence.ndim, sequence.shape[1]
        self.shapes = [shape for call in calls(module) for shape in call.shapes]
        self.each: tuple[bool, ...] = ()
        with torch.no_grad():
            whole = tensors(module(sequence))
            try:
                parts = tensors(self(sequence[:, 0], *(torch.zeros(shape) for shape in self.shapes)))
            except Exception as error:  # whatever operators say of another number of steps
                raise NoSteps("uses the steps together") from error
        each = []
        for total, part in zip(whole, parts, strict=False):
            of_all = total.shape[:2] == sequence.shape[:2] and part.shape == (1, 1, *total.shape[2:])
            if part.shape != total.shape and not of_all:
                raise NoSteps("returns the steps together")
            each.append(part.shape != total.shape)
        self.each = tuple(each)

    def forward(self, step: torch.Tensor, *states: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Run one step, of shape [1, ...]; a step of a sequence of numbers is [1, 1]."""
        memory = Memory.current = Memory(self._steps, list(states))
        try:
            results = tensors(self.inner(step.reshape(1, 1) if self._rank == 2 else step.unsqueeze(1)))
        finally:
            Memory.current = None
        if self.each:
            results = [y[:, 0] if each else y for y, each in zip(results, self.each, strict=True)]
        return (*results, *memory.after)


class NoSteps(Exception):
    """A model cannot run step by step; the text says what it does instead."""


def run(tflite: bytes, model: OneStep, data: Array) -> tuple[list[Array], list[list[Array]]]:
    """Run sequences through a converted model, each from states of zeros.

    Args:
        tflite: the .tflite of `model`.
        model: the model.
        data: (sequences, steps, ...).

    Returns:
        What each inference got, one array per input of the .tflite, and for each sequence its outputs: of all steps,
        or of the last.
    """
    from ...workers.litert import Interpreter

    interpreter = Interpreter(tflite)
    got: list[list[Array]] = []
    answers = []
    for sequence in data:
        states = [np.zeros(shape, np.float32) for shape in model.shapes]
        outputs = []
        for step in sequence:
            got.append([step.reshape(1, *(step.shape or (1,))), *states])
            results = [np.array(a) for a in interpreter.infer(got[-1])]
            outputs.append(results[: len(model.each)])
            states = results[len(model.each) :]
        answers.append(
            [
                np.stack(values, 1) if each else values[-1]
                for values, each in zip(zip(*outputs, strict=True), model.each, strict=True)
            ]
        )
    return [np.concatenate(values) for values in zip(*got, strict=True)], answers
