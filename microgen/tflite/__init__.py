"""The .tflite file: read once into a graph, checked, counted, cut into single operators."""

from .flashed import flashed, flashed_bytes, is_flashed
from .float_cost import float_cost
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
    "flashed_bytes",
    "float_cost",
    "is_flashed",
    "load",
    "parse",
]
