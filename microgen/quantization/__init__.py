"""Turns a model of any kind into a full-integer .tflite that has run in TFLM."""

from .accept import Quantized, check_graph, finish
from .run import SCHEMES, quantize

__all__ = ["SCHEMES", "Quantized", "check_graph", "finish", "quantize"]
