"""The job that converts an ONNX file. Runs in a worker."""

from __future__ import annotations

from dataclasses import dataclass

from ..tracing.convert import FloatModel, convert_graph
from ..tracing.request import ConvertRequest


@dataclass(frozen=True)
class ConvertReply:
    """A float model, and warnings for the user."""

    model: FloatModel
    warnings: tuple[str, ...]


def convert(request: ConvertRequest) -> ConvertReply:
    """Read an ONNX file, and convert it to a float .tflite."""
    from .module import check_reading, traced  # PyTorch is for the worker, not for the command that names this function
    from .reading import prepare

    file = request.path.name
    prepared = prepare(request.path)
    graph = traced(file, prepared)
    model = convert_graph(
        file,
        graph,
        request.calibration,
        request.seed,
        must_vary=request.must_vary,
        unroll=request.unroll,
        check=lambda data: check_reading(file, prepared, graph, data),
    )
    return ConvertReply(model, prepared.warnings)
