"""From the numbers of a frame to those of a model's input, equal value by value to firmware/applications/sensing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_FRACTION_BITS = 24


def to_input(
    numbers: npt.NDArray[Any], unit: float, scale: float, zero_point: int, dtype: str
) -> npt.NDArray[np.int8 | np.uint8 | np.int16]:
    """Quantize the numbers of frames, in integers.

    Args:
        numbers: any shape, of integers that fit 32 bits.
        unit: how many of them are 1 of the model's.
        scale, zero_point, dtype: of the input, "int8", "uint8" or "int16"; the scale is that of a float32.

    Returns:
        The same shape, rounded to the nearest, halves upwards, and clipped.
    """
    multiplier = int((1 << _FRACTION_BITS) / (unit * float(np.float32(scale))) + 0.5)
    scaled = (numbers.astype(np.int64) * multiplier + (1 << (_FRACTION_BITS - 1))) >> _FRACTION_BITS
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(scaled + zero_point, limits.min, limits.max), dtype)
