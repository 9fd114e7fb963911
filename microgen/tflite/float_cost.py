"""Estimates how much smaller a float32 model would be in int8."""

from __future__ import annotations

from .check import float_operators
from .flashed import flashed
from .model import TfliteModel


def float_cost(model: TfliteModel) -> str:
    """Describe how much smaller a float32 model would be in int8; "" if nothing computes in float32.

    A weight takes a quarter of its size in int8. A one-dimensional bias keeps its size. Scales are not counted.
    """
    if not float_operators(model):
        return ""
    tensors = [t for graph in model.subgraphs for t in graph.tensors if t.dtype == "float32"]
    weights = {t.buffer: t.size for t in tensors if t.is_constant and len(t.shape) > 1}
    bytes_now = len(flashed(model).data)
    ratio = bytes_now / (bytes_now - sum(weights.values()) * 3 // 4)
    return f"computes in float32: int8 would make the model about {ratio:.1f} and its activations 4 times smaller"
