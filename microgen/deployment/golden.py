"""Golden vectors: samples with TFLM's answers, which a firmware carries in its flash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tflite import TfliteModel

GOLDEN_MAX = 8
_GOLDEN_FLASH_BYTES = 16 * 1024


@dataclass(frozen=True)
class Golden:
    """Golden vectors: for each sample all inputs' bytes side by side, and TFLM's answer."""

    inputs: tuple[bytes, ...]
    outputs: tuple[bytes, ...]

    @property
    def sha256(self) -> str:
        """SHA-256 over inputs and outputs in their order."""
        return hashlib.sha256(b"".join((*self.inputs, *self.outputs))).hexdigest()


def choose_golden(
    model: TfliteModel, inputs: Sequence[npt.NDArray[Any]], outputs: Sequence[npt.NDArray[Any]]
) -> Golden:
    """Take golden vectors from the first samples, as many as fit into a few KiB of flash, at least one.

    Args:
        model: the model.
        inputs, outputs: samples and TFLM's answers, one array a tensor, samples first.
    """
    count = min(golden_bytes(model)[0], len(inputs[0]))
    return Golden(_side_by_side(inputs, count), _side_by_side(outputs, count))


def golden_bytes(model: TfliteModel) -> tuple[int, int]:
    """Return how many golden vectors a firmware has at most, and the flash that they take, in bytes."""
    vector_bytes = sum(t.bytes for t in (*model.inputs, *model.outputs))
    count = min(max(_GOLDEN_FLASH_BYTES // vector_bytes, 1), GOLDEN_MAX)
    return count, count * vector_bytes


def _side_by_side(arrays: Sequence[npt.NDArray[Any]], count: int) -> tuple[bytes, ...]:
    return tuple(b"".join(np.ascontiguousarray(a[s]).tobytes() for a in arrays) for s in range(count))
