"""What a worker runs for the frontend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Dense:
    weights: npt.NDArray[Any]


@dataclass(frozen=True)
class Packed:
    tflite: bytes


@dataclass
class DenseModel:
    """A model object of the plug-in's own framework."""

    name: str
    weights: npt.NDArray[Any]


def pack(request: Dense) -> Packed:
    from tests.support import models

    units, width = request.weights.shape
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, width], "float32"), b.tensor("y", [1, units], "float32")
    w = b.tensor("w", [units, width], "float32", values=request.weights)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], models.schema.FullyConnectedOptionsT())
    return Packed(b.build([x], [y]))
