"""The .tflite file: read once into a graph, checked, counted, cut into single operators."""

from .model import Operator, Quantization, Subgraph, Tensor, TfliteModel, load, parse

__all__ = ["Operator", "Quantization", "Subgraph", "Tensor", "TfliteModel", "load", "parse"]
