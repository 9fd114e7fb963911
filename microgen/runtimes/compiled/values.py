"""What steps are made of: values in memory, requantization, nests of loops."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "float32": "float",
    "bool": "uint8_t",
}


@dataclass(frozen=True)
class Value:
    """A tensor in memory while the model runs.

    Attributes:
        index: its number in the main graph of the .tflite; made-up values count on from there.
        shape: its shape as stored. The last dimension may be smaller than the model's: `channels` has the numbers of
            the channels that are stored, None for all.
        scale, zero_point: of its quantization, 0.0 and 0 without one.
        persistent: whether it keeps its bytes between inferences (state, resource variables).
        data: the values of a constant that lies in flash; None for what lies in RAM.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: float
    zero_point: int
    channels: tuple[int, ...] | None = None
    persistent: bool = False
    data: npt.NDArray[np.generic] | None = field(default=None, compare=False, repr=False)

    @property
    def elements(self) -> int:
        """Number of stored elements."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Stored size in bytes."""
        return self.elements * int(np.dtype(self.dtype).itemsize)


@dataclass(frozen=True, eq=False)
class Requantization:
    """How accumulators become outputs, exactly as TFLM does: MultiplyByQuantizedMultiplier, zero point, clamp.

    Attributes:
        multiplier, shift: TFLM's, int64 [channels]; real scale = multiplier * 2**(shift - 31).
        zero_point: of the output.
        low, high: the clamp, after the zero point: the dtype's range or a fused activation's.
        acc_low, acc_high: int64 [channels], between which every accumulator lies (bias included).
    """

    multiplier: Int64
    shift: Int64
    zero_point: int
    low: int
    high: int
    acc_low: Int64
    acc_high: Int64


@dataclass(frozen=True)
class Loops:
    """A nest of loops over elements: `dims` from the outermost to the innermost, and a stride per operand and loop."""

    dims: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def is_flat(self) -> bool:
        """Whether one loop does, over elements that lie side by side."""
        return len(self.dims) == 1 and all(s == (1,) for s in self.strides)


@dataclass(frozen=True)
class Part:
    """Elements that are copied: from `source`, an input's number, to output `target`, by loops from two offsets."""

    source: int
    target: int
    offsets: tuple[int, int]
    loops: Loops
