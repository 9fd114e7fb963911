"""TensorFlow Lite Micro as its Python package has it. Its jobs run in a worker."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .samples import Answers, Array, Samples, run_samples, sample_of

# The package crashes, instead of refusing, on arenas of 400 bytes and less.
_SMALLEST_ARENA = 512
_ARENA_STEP = 16
# How far beyond the prediction an arena is looked for; what TFLM is given it also fills.
_MOST_MORE = 64 * 2**20
# More activations than this cannot be kept all: kMaxBuffers of its LinearMemoryPlanner.
MOST_KEPT = 1024


class Interpreter:
    """A model in TFLM."""

    def __init__(self, model: bytes, arena_bytes: int, keep_all: bool = False) -> None:
        """Load a model.

        Args:
            model: the .tflite.
            arena_bytes: the size of its arena.
            keep_all: keep the values of all tensors after an inference, which takes a larger arena.
        """
        from tflite_micro.python.tflite_micro import runtime

        self._model, self._arena_bytes, self._keep_all = model, arena_bytes, keep_all
        self._interpreter = self._load()
        # A reset does not run CALL_ONCE again, which gives variables beside the graph their start.
        self._is_rebuilt = runtime.count_resource_variables(model) > 0

    def _load(self) -> Any:  # noqa: ANN401 - the package has no types
        from tflite_micro.python.tflite_micro import runtime

        kinds = runtime.InterpreterConfig
        config = kinds.kPreserveAllTensors if self._keep_all else kinds.kAllocationRecording
        return runtime.Interpreter.from_bytes(self._model, arena_size=self._arena_bytes, intrepreter_config=config)

    def infer(self, inputs: Sequence[Array], fresh: bool = True) -> list[Array]:
        """Run one sample and return its outputs.

        Args:
            inputs: one array per input, without a number of samples.
            fresh: reset the model's state first.
        """
        if fresh and self._is_rebuilt:
            self._interpreter = self._load()
        elif fresh:
            self._interpreter.reset()
        for k, value in enumerate(inputs):
            self._interpreter.set_input(value.reshape(self._interpreter.get_input_details(k)["shape"]), k)
        self._interpreter.invoke()
        outputs: list[Array] = []
        while True:
            try:
                outputs.append(np.array(self._interpreter.get_output(len(outputs))))
            except (IndexError, RuntimeError):
                return outputs

    def tensor(self, index: int, subgraph: int = 0) -> Array:
        """Return a copy of the value of a tensor."""
        return np.array(self._interpreter.GetTensor(index, subgraph)["tensor_data"])


@dataclass(frozen=True)
class RunRequest:
    """Samples for a model.

    Attributes:
        model: the .tflite.
        inputs: one array per input, samples first.
        arena_bytes: the size of its arena.
        sequence: how many samples to run once more, one after the other without a reset.
        steps: after how many samples the state is fresh again.
    """

    model: bytes
    inputs: Samples
    arena_bytes: int
    sequence: int = 0
    steps: int = 1


@dataclass(frozen=True)
class TensorsRequest:
    """Samples for a model of which tensors are wanted.

    Attributes:
        model: the .tflite.
        inputs: one array per input, samples first.
        arena_bytes: an arena for the model with all tensors kept.
        tensors: numbers of tensors of the main graph.
    """

    model: bytes
    inputs: Samples
    arena_bytes: int
    tensors: tuple[int, ...]


def tensors(request: TensorsRequest) -> tuple[Samples, ...]:
    """Return the tensors after each sample, each from a fresh state."""
    interpreter = Interpreter(request.model, request.arena_bytes, keep_all=True)
    kept = []
    for sample in range(len(request.inputs[0])):
        interpreter.infer(sample_of(request.inputs, sample))
        kept.append(tuple(interpreter.tensor(number) for number in request.tensors))
    return tuple(kept)


def run(request: RunRequest) -> Answers:
    """Run samples through TFLM."""
    interpreter = Interpreter(request.model, request.arena_bytes)
    return run_samples(interpreter, request.inputs, request.sequence, request.steps)


@dataclass(frozen=True)
class ArenaRequest:
    """A model whose arena is to be measured.

    Attributes:
        model: the .tflite.
        inputs: a few samples: one array per input, samples first.
        predicted_bytes: where to begin.
        steps: after how many samples the state is fresh again.
    """

    model: bytes
    inputs: Samples
    predicted_bytes: int
    steps: int = 1


@dataclass(frozen=True)
class ArenaReply:
    """The smallest arena of a model.

    Attributes:
        arena_min_bytes: its size, a multiple of 16 bytes.
        outputs: what TFLM answers to the samples in it.
    """

    arena_min_bytes: int
    outputs: Samples


def measure_arena(request: ArenaRequest) -> ArenaReply:
    """Find the smallest arena, a multiple of 16 bytes, with which TFLM allocates a model and runs it once."""
    smallest = _smallest_arena(request.model, sample_of(request.inputs, 0), request.predicted_bytes)
    first = RunRequest(request.model, request.inputs, smallest, steps=request.steps)
    return ArenaReply(smallest, run(first).outputs)


def _smallest_arena(model: bytes, inputs: list[Array], predicted: int) -> int:
    # Before the first fork, or each child would load it again.
    importlib.import_module("tflite_micro.python.tflite_micro.runtime")

    def works(arena: int) -> bool:
        # In a child of its own: TFLM crashes, on some models, in an arena that is a little too small.
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Interpreter(model, arena).infer(inputs)
                code = 0
            finally:
                os._exit(code)
        return os.waitpid(child, 0)[1] == 0

    enough = max(-(-predicted // _ARENA_STEP) * _ARENA_STEP, _SMALLEST_ARENA)
    largest = enough + min(7 * enough, _MOST_MORE) + 2**20
    # What fails here does not fail for want of memory: TFLM's reason is the exception's.
    Interpreter(model, largest).infer(inputs)
    too_small = enough - _ARENA_STEP
    while not works(enough):
        too_small, enough = enough, min(2 * enough, largest)
    if too_small >= _SMALLEST_ARENA and works(too_small):
        too_small, enough = _SMALLEST_ARENA - _ARENA_STEP, too_small
    while enough - too_small > _ARENA_STEP:
        middle = (too_small + enough) // 2 // _ARENA_STEP * _ARENA_STEP
        if works(middle):
            enough = middle
        else:
            too_small = middle
    return enough
