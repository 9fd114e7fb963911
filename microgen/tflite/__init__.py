"""The .tflite file: read once into a graph, checked, counted, cut into single operators."""

from .flashed import flashed, is_flashed
from .model import NotTflite, Operator, Quantization, Subgraph, Tensor, TfliteModel, load, parse
from .options import Options

__all__ = [
    "NotTflite",
    "Operator",
    "Options",
    "Quantization",
    "Subgraph",
    "Tensor",
    "TfliteModel",
    "flashed",
    "is_flashed",
    "load",
    "parse",
]
