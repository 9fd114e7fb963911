"""Representative datasets: reads calibration data of any format for the inputs of a model."""

from .arrays import (
    MAX_SAMPLES,
    TARGET_NAMES,
    Array,
    InputSpec,
    check_numbers,
    class_numbers,
    representative,
    shape_hint,
)
from .dataset import Calibration, Request, Source, request, resolve
from .layout import ChannelsFirst, Sequences, is_owned
from .stored import load_arrays

__all__ = [
    "MAX_SAMPLES",
    "TARGET_NAMES",
    "Array",
    "Calibration",
    "ChannelsFirst",
    "InputSpec",
    "Request",
    "Sequences",
    "Source",
    "check_numbers",
    "class_numbers",
    "is_owned",
    "load_arrays",
    "representative",
    "request",
    "resolve",
    "shape_hint",
]
