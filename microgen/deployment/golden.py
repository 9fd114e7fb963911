"""Golden vectors: samples with TFLM's answers, which a firmware carries in its flash.

A vector is one inference from a fresh state; for a model that keeps state it is a sequence of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..applications.application import Application
from ..tflite import TfliteModel
from ..tflite.check import float_operators
from ..tflite.unwritten import mark_unwritten

_MAX_VECTORS = 8
_MAX_STEPS = 16
_GOLDEN_FLASH_BYTES = 16 * 1024


@dataclass(frozen=True)
class Golden:
    """Golden vectors: for each step of each, all inputs' bytes side by side, and TFLM's answer.

    Attributes:
        inputs, outputs: one entry per vector.
        steps: how many inferences a vector has, the first from a fresh state.
        tolerances: for each step of each, how far each output may be from TFLM's answer, in real values: the kernels
            of a board may sum float32 values in another order. Empty where every byte must be the same.
    """

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]
    steps: int = 1
    tolerances: tuple[tuple[float, ...], ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 over inputs and outputs in their order, and the tolerances."""
        return hashlib.sha256(b"".join((*self.inputs, *self.outputs, self.tolerance_bytes))).hexdigest()

    @property
    def tolerance_bytes(self) -> bytes:
        """The tolerances as little-endian float32, side by side."""
        return np.array(self.tolerances, "<f4").tobytes()


def choose_golden(
    model: TfliteModel,
    inputs: Sequence[npt.NDArray[Any]],
    outputs: Sequence[npt.NDArray[Any]],
    tolerances: Sequence[Sequence[float]] = (),
) -> Golden:
    """Take golden vectors from the first samples.

    Args:
        model: the model.
        inputs: samples, one array per tensor, samples first.
        outputs: TFLM's answers to the first of them, the state fresh before each vector; see `golden_shape`.
        tolerances: of each output, for each of the same samples; see `Golden`.
    """
    count, steps = golden_shape(model, len(inputs[0]))
    given, answered = (_side_by_side(arrays, count, steps) for arrays in (inputs, mark_unwritten(model, outputs)))
    return Golden(given, answered, steps, tuple(map(tuple, tolerances[: count * steps])))


def golden_shape(model: TfliteModel, samples: int = _MAX_VECTORS * _MAX_STEPS) -> tuple[int, int]:
    """Return the number of golden vectors made of this many samples, and the steps of each.

    As many as fit into a few KiB of flash, at least one.
    """
    steps_in_all = min(max(_GOLDEN_FLASH_BYTES // _step_bytes(model), 1), samples)
    steps = min(steps_in_all, _MAX_STEPS) if model.is_stateful else 1
    return min(steps_in_all // steps, _MAX_VECTORS), steps


def golden_inferences(model: TfliteModel) -> int:
    """Return the largest number of inferences in golden vectors."""
    count, steps = golden_shape(model)
    return count * steps


def golden_bytes(model: TfliteModel) -> int:
    """Return the largest flash use of golden vectors in bytes."""
    return golden_inferences(model) * _step_bytes(model)


def _step_bytes(model: TfliteModel) -> int:
    tolerances = 4 * len(model.outputs) if float_operators(model) else 0
    return sum(t.bytes for t in (*model.inputs, *model.outputs)) + tolerances


def _side_by_side(arrays: Sequence[npt.NDArray[Any]], count: int, steps: int) -> tuple[bytes, ...]:
    samples = [b"".join(np.ascontiguousarray(a[s]).tobytes() for a in arrays) for s in range(count * steps)]
    return tuple(b"".join(samples[v * steps : (v + 1) * steps]) for v in range(count))


def with_golden(
    application: Application, model: TfliteModel, inputs: Sequence[npt.NDArray[np.generic]]
) -> tuple[npt.NDArray[np.generic], ...]:
    """Put the application's own inputs before the other samples, for the first golden vector.

    Args:
        application: the application, which works with the model.
        model: the model.
        inputs: one array per input, samples first; some of the random samples at the end make room.
    """
    steps = golden_shape(model, len(inputs[0]))[1]
    own = application.golden_inputs(model, steps)
    if own is None:
        return tuple(inputs)
    kept = inputs[0][: len(inputs[0]) - steps]
    return (np.concatenate([own.reshape(steps, *inputs[0].shape[1:]), kept]),)
