"""The job that converts a .pt2. Runs in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...datasets import Request
from ..tracing.convert import FloatModel, convert_graph
from .archive import read_program
from .module import traced


@dataclass(frozen=True)
class ConvertRequest:
    """A .pt2 to convert.

    Attributes:
        path: of the file.
        calibration: the data that it is compared with PyTorch on; None: made-up values.
        seed: seed of all random generators.
        must_vary: reject data in which an input always has the same value.
    """

    path: Path
    calibration: Request | None
    seed: int
    must_vary: bool


def convert(request: ConvertRequest) -> FloatModel:
    """Read a .pt2, and convert it to a float .tflite."""
    program = read_program(request.path)
    return convert_graph(
        request.path.name, traced(program), request.calibration, request.seed, must_vary=request.must_vary
    )
