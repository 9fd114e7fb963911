"""Steps between integers and the numbers that they stand for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor as T

from .call import Array, Call, Unreadable, op


@op("QuantizeLinear")
def _quantize(call: Call, x: T) -> T:
    assert call.quantize is not None
    return call.quantize(x)


@op("DequantizeLinear")
def _dequantize(call: Call, x: T) -> T:
    """Of what is computed; that of a constant is one (`dequantized`)."""
    if not call.exact:
        return x  # what QuantizeLinear got
    scale, zero = (call.values(k) for k in (1, 2))
    return torch.from_numpy(dequantized(x.numpy(), scale, zero, call.get("axis", 1)))


def dequantized(values: Array, scale: Array | None, zero: Array | None, axis: int) -> Array:
    """Return the numbers that integers stand for, as float32."""
    if scale is None:
        raise Unreadable("a DequantizeLinear has a scale that is computed from the data", "quantize it statically")
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[axis] = -1
    steps = values.astype(np.float32) - (0 if zero is None else zero.astype(np.float32).reshape(shape))
    return np.asarray(steps * scale.astype(np.float32).reshape(shape), np.float32)
