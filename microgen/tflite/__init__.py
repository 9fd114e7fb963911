"""The .tflite file: read once into a graph, checked, counted, cut into single operators."""

from .flashed import flashed, is_flashed
from .model import Operator, Quantization, Subgraph, Tensor, TfliteModel
from .options import Options
from .reader import NotTflite, load, parse

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
