"""Samples and answers of an interpreter, and how they are run through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
# One array per input or output, with the sample number first: shape (samples, *shape of the tensor).
Samples = tuple[Array, ...]


class Engine(Protocol):
    """A loaded model that can be run."""

    def infer(self, inputs: Sequence[Array], fresh: bool = True) -> list[Array]:
        """Run one sample, from a fresh state or the present one, and return its outputs."""


@dataclass(frozen=True)
class Answers:
    """What an interpreter answered.

    Attributes:
        outputs: one array per output, samples first, each sample from a fresh state; empty without samples.
        sequence: the same for the first samples, run one after the other without a reset; empty where not asked for.
    """

    outputs: Samples
    sequence: Samples = ()


def run_samples(engine: Engine, inputs: Samples, sequence: int = 0, steps: int = 1) -> Answers:
    """Run all samples, each from a fresh state, then the first ones as a sequence.

    Args:
        engine: the model.
        inputs: one array per input, samples first.
        sequence: of how many samples the sequence is.
        steps: after how many samples the state is fresh again.
    """
    count = len(inputs[0]) if inputs else 0
    return Answers(
        stacked([engine.infer(sample_of(inputs, s), s % steps == 0) for s in range(count)]),
        stacked([engine.infer(sample_of(inputs, s), s == 0) for s in range(sequence)]),
    )


def sample_of(samples: Samples, index: int) -> list[Array]:
    """Return one sample: one array per input, without a number of samples."""
    return [array[index] for array in samples]


def stacked(runs: Sequence[Sequence[Array]]) -> Samples:
    """Join the outputs of several runs into one array per output."""
    return tuple(np.stack(values) for values in zip(*runs, strict=True))
