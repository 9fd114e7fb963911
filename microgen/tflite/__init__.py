"""The .tflite file: read once into a graph, checked, counted, cut into single operators."""

from .model import NotTflite, Operator, Quantization, Subgraph, Tensor, TfliteModel, load, parse
from .options import Options

__all__ = ["NotTflite", "Operator", "Options", "Quantization", "Subgraph", "Tensor", "TfliteModel", "load", "parse"]
