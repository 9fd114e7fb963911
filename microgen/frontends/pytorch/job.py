"""The job that converts a .pt2. Runs in a worker."""

from __future__ import annotations

from ..tracing.convert import FloatModel, convert_graph
from ..tracing.request import ConvertRequest
from .archive import read_program


def convert(request: ConvertRequest) -> FloatModel:
    """Read a .pt2, and convert it to a float .tflite."""
    from .module import traced  # PyTorch is for the worker, not for the command that names this function

    program = read_program(request.path)
    return convert_graph(
        request.path.name, traced(program), request.calibration, request.seed, must_vary=request.must_vary,
        unroll=request.unroll,
    )  # fmt: skip
