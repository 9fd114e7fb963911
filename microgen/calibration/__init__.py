"""Representative datasets: calibration data, read from whatever it comes as to the inputs of a model."""

from .arrays import MAX_SAMPLES, Array, InputSpec, check_numbers, in_order, load_arrays, representative
from .dataset import Calibration, Request, Source, request, resolve

__all__ = [
    "MAX_SAMPLES",
    "Array",
    "Calibration",
    "InputSpec",
    "Request",
    "Source",
    "check_numbers",
    "in_order",
    "load_arrays",
    "representative",
    "request",
    "resolve",
]
