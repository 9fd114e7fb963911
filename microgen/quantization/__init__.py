"""A model of any kind becomes a full-integer .tflite that TFLM was seen to run."""

from .accept import Quantized, check_graph, finish
from .run import SCHEMES, quantize

__all__ = ["SCHEMES", "Quantized", "check_graph", "finish", "quantize"]
