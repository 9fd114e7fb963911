"""Runs the operators of a model one by one in both interpreters. The jobs run in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from . import litert, tflm
from .samples import Array, Engine, Samples, sample_of, stacked


@dataclass(frozen=True)
class Stepwise:
    """How an operator that runs over time is also run step by step.

    Attributes:
        model: the operator on one step, as a .tflite.
        axis: the dimension of time, of its input and its output.
        count: how many steps one inference has.
        state: the tensor of that model whose value between the steps is wanted.
    """

    model: bytes
    axis: int
    count: int
    state: int


@dataclass(frozen=True)
class OperatorAlone:
    """An operator as a model of its own.

    Attributes:
        model: that model, as a .tflite.
        subgraph: the subgraph of the whole model that the operator is in.
        inputs, outputs: the tensors of that subgraph that the model takes and gives.
        kernels: the OpResolverType with which LiteRT runs it.
        stepwise: how it is also run step by step; None where it is not.
        count: the number of its output that counts the rows that it writes of the others; -1 where it writes all.
    """

    model: bytes
    subgraph: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    kernels: str
    stepwise: Stepwise | None = None
    count: int = -1


@dataclass(frozen=True)
class OperatorAnswers:
    """What an interpreter answered for one operator.

    Attributes:
        outputs: one array per output, samples first; zero where the operator writes nothing.
        states: the state after each step: samples, steps, then the shape of the state; None without steps.
        unfaithful: on how many samples the operator computed something else alone, or step by step, than in the whole.
        refusal: why the interpreter does not run it alone; "" when it does.
    """

    outputs: Samples = ()
    states: Array | None = None
    unfaithful: int = 0
    refusal: str = ""


@dataclass(frozen=True)
class TflmRequest:
    """Operators to run in TFLM, each on the inputs that it has in the whole model.

    Attributes:
        model: the whole model.
        inputs: its samples: one array per input, samples first.
        arena_bytes: an arena for the whole model with all tensors kept.
        keep_state: whether the samples are one sequence.
        operators: what to run alone.
    """

    model: bytes
    inputs: Samples
    arena_bytes: int
    keep_state: bool
    operators: tuple[OperatorAlone, ...]


@dataclass(frozen=True)
class TflmReply:
    """Per operator, the inputs that it had in the whole model, samples first, and its answers."""

    inputs: tuple[Samples, ...]
    answers: tuple[OperatorAnswers, ...]


def run_tflm(request: TflmRequest) -> TflmReply:
    """Run every operator alone in TFLM, on the inputs that it has in the whole model."""
    whole = tflm.Interpreter(request.model, request.arena_bytes, keep_all=True)

    def load(model: bytes, keep_all: bool = False) -> tflm.Interpreter:
        return tflm.Interpreter(model, request.arena_bytes, keep_all)

    alone = [
        _Alone(load(op.model), op, load(op.stepwise.model, True) if op.stepwise else None) for op in request.operators
    ]
    fed: list[list[list[Array]]] = [[] for _ in alone]
    count = len(request.inputs[0]) if request.inputs else 0
    for sample in range(count):
        fresh = sample == 0 or not request.keep_state
        whole.infer(sample_of(request.inputs, sample), fresh)
        for op, one, inputs in zip(request.operators, alone, fed, strict=True):
            inputs.append([whole.tensor(i, op.subgraph) for i in op.inputs])
            one.infer(inputs[-1], fresh, [whole.tensor(i, op.subgraph) for i in op.outputs])
    return TflmReply(
        tuple(stacked(inputs) for inputs in fed),
        tuple(one.answers() for one in alone),
    )


@dataclass(frozen=True)
class LitertRequest:
    """Operators to run in LiteRT on given inputs.

    Attributes:
        operators: what to run alone.
        inputs: per operator, one array per input, samples first.
        samples: how many samples these are.
        keep_state: whether the samples are one sequence.
    """

    operators: tuple[OperatorAlone, ...]
    inputs: tuple[Samples, ...]
    samples: int
    keep_state: bool


@dataclass(frozen=True)
class LitertReply:
    """The answers of each operator."""

    answers: tuple[OperatorAnswers, ...]


def run_litert(request: LitertRequest) -> LitertReply:
    """Run every operator alone in LiteRT, on given inputs."""
    pairs = zip(request.operators, request.inputs, strict=True)
    return LitertReply(tuple(_litert_answers(op, inputs, request) for op, inputs in pairs))


def _litert_answers(op: OperatorAlone, inputs: Samples, request: LitertRequest) -> OperatorAnswers:
    try:
        step = litert.Interpreter(op.stepwise.model, op.kernels) if op.stepwise else None
        alone = _Alone(litert.Interpreter(op.model, op.kernels), op, step)
        for sample in range(request.samples):
            alone.infer(sample_of(inputs, sample), sample == 0 or not request.keep_state)
    except (RuntimeError, ValueError) as error:
        return OperatorAnswers(refusal=str(error))
    return alone.answers()


class _SteppingEngine(Engine, Protocol):
    def tensor(self, index: int) -> Array:
        """Return a copy of the value of a tensor."""


class _Alone:
    """An operator alone in an interpreter, and what it has answered so far."""

    def __init__(self, engine: Engine, operator: OperatorAlone, step: _SteppingEngine | None) -> None:
        self._engine, self._stepwise, self._step = engine, operator.stepwise, step
        self._count = operator.count
        self._outputs: list[list[Array]] = []
        self._states: list[Array] = []
        self._unfaithful = 0  # samples

    def infer(self, inputs: Sequence[Array], fresh: bool, expected: Sequence[Array] | None = None) -> None:
        """Run one sample, at once and step by step.

        Args:
            inputs: one array per input.
            fresh: reset the operator's state first.
            expected: what the operator gave in the whole model, where that is known.
        """
        outputs = self._written(self._engine.infer(inputs, fresh))
        self._outputs.append(outputs)
        is_same = expected is None or all(
            [a.tobytes() == b.tobytes() for a, b in zip(outputs, self._written(expected), strict=True)]
        )
        if self._stepwise is not None and self._step is not None:
            is_same &= self._infer_stepwise(self._stepwise, self._step, inputs[0], outputs[0], fresh)
        self._unfaithful += not is_same

    def answers(self) -> OperatorAnswers:
        """Return what was answered."""
        states = np.stack(self._states) if self._states else None
        return OperatorAnswers(stacked(self._outputs), states, self._unfaithful)

    def _written(self, outputs: Sequence[Array]) -> list[Array]:
        """Return outputs with zeros in the rows that the operator has not written."""
        if self._count < 0:
            return list(outputs)
        rows = int(outputs[self._count].flat[0])
        return [
            np.concatenate((array[:, :rows], np.zeros_like(array[:, rows:])), 1) if array.ndim > 1 else array
            for array in outputs
        ]

    def _infer_stepwise(
        self, stepwise: Stepwise, step: _SteppingEngine, values: Array, expected: Array, fresh: bool
    ) -> bool:
        """Run one inference step by step, and keep the state after each; tell whether the answer is the same."""
        answers, states = [], []
        for k in range(stepwise.count):
            answers.append(step.infer([np.take(values, [k], axis=stepwise.axis)], fresh and k == 0)[0])
            states.append(step.tensor(stepwise.state))
        self._states.append(np.stack(states))
        return bool(np.array_equal(np.concatenate(answers, axis=stepwise.axis), expected))
