"""The steps of a program: one class per kind of operator, with all that its code depends on.

`lower` makes a `Program` of a graph, `analyse` makes it smaller, a `CpuPath` gives the `Code` of the steps that it
knows, `pack` gives that of the others, `memory` places values and scratch, `emit` writes it all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .arithmetic import multiply
from .coding import Coding
from .values import Int8, Int64, Loops, Part, Requantization, Value


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One operator: `index` is its number in the main graph, `name` its name there ("CONV_2D")."""

    index: int
    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]

    @property
    def input(self) -> Value:
        """Its first input."""
        return self.inputs[0]

    @property
    def output(self) -> Value:
        """Its first output."""
        return self.outputs[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv(Step):
    """CONV_2D: [n, h, w, ci] to [n, oh, ow, co]; 1-D convolutions have h = 1.

    accumulator[o] = bias[o] + sum of filter[o, y, x, i] * q, with q the stored input; outside the image q is the
    input's zero point. `bias` has everything folded in: the model's bias, the zero point, channels that are constant.

    Attributes:
        filter: int8 [co, kh, kw, ci / groups].
        padding: (top, left); what lies below and to the right follows from the shapes.
        coding: how the filter is stored; None: dense.
    """

    filter: Int8
    bias: Int64
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    requantization: Requantization
    coding: Coding | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Depthwise(Step):
    """DEPTHWISE_CONV_2D: [n, h, w, c] to [n, oh, ow, c * multiplier].

    Output channel o reads input channel o // multiplier. The rest as for `Conv`.

    Attributes:
        filter: int8 [kh, kw, c * multiplier].
    """

    filter: Int8
    bias: Int64
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[int, int]
    multiplier: int
    requantization: Requantization


@dataclass(frozen=True, eq=False, kw_only=True)
class FullyConnected(Step):
    """FULLY_CONNECTED: [batches, k] to [batches, n]; shapes of the values may have more dimensions.

    Attributes:
        filter: int8 [n, k].
        bias: int64 [n], with the input's zero point folded in.
        coding: how the filter is stored; None: dense.
    """

    filter: Int8
    bias: Int64
    requantization: Requantization
    coding: Coding | None = None

    @property
    def batches(self) -> int:
        """Rows of the input."""
        return self.input.elements // max(int(self.filter.shape[1]), 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class TransposeConv(Step):
    """TRANSPOSE_CONV: [n, h, w, ci] to [n, oh, ow, co]; accumulator = bias + sum of filter * (q - zero point).

    Attributes:
        filter: int8 [co, kh, kw, ci].
        bias: int64 [co], of the model.
        padding: (top, left) of the convolution that it is the transpose of.
    """

    filter: Int8
    bias: Int64
    strides: tuple[int, int]
    padding: tuple[int, int]
    requantization: Requantization


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchMatmul(Step):
    """BATCH_MATMUL of int8: [..., rows, depth] by [..., depth, columns]; either may be stored transposed.

    Attributes:
        size: rows, depth, columns.
        strides_a: of a row, of an element of a; strides_b: of an element of the depth, of a column.
        loops: over the batches.
    """

    size: tuple[int, int, int]
    strides_a: tuple[int, int]
    strides_b: tuple[int, int]
    loops: Loops
    zero_points: tuple[int, int]
    requantization: Requantization


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Step):
    """AVERAGE_POOL_2D or MAX_POOL_2D: [n, h, w, c] to [n, oh, ow, c]; taps outside the image are left out.

    The average rounds half away from zero, and divides by the number of taps inside the image.
    """

    kind: Literal["average", "max"]
    kernel: tuple[int, int]
    strides: tuple[int, int]
    padding: tuple[int, int]
    low: int
    high: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Sum(Step):
    """ADD or SUB of int8: output = clamp(requantize(left[a + 128] + right[b + 128])).

    Attributes:
        loops: over the output's elements in their order; strides of a and of b, 0 where one is broadcast.
        left, right: int64 [256]: TFLM's scaled inputs by stored value + 128; for SUB, right is negative.
        requantization: of the sum, one channel.
        ratios: how many steps of the output a step of a and of b is worth.
    """

    loops: Loops
    left: Int64
    right: Int64
    requantization: Requantization
    ratios: tuple[float, float]

    def table(self) -> Int64:
        """Return the exact outputs for all pairs, int64 [256, 256]."""
        r = self.requantization
        out = multiply(self.left[:, None] + self.right[None, :], int(r.multiplier[0]), int(r.shift[0]))
        return np.asarray(np.clip(out + r.zero_point, r.low, r.high))


@dataclass(frozen=True, eq=False, kw_only=True)
class SquaredDifference(Step):
    """SQUARED_DIFFERENCE of int8: output = clamp(requantize((left[a + 128] + right[b + 128]) ** 2)); as `Sum`."""

    loops: Loops
    left: Int64
    right: Int64
    requantization: Requantization


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(Step):
    """MUL of int8: output = clamp(requantize((a - zero_points[0]) * (b - zero_points[1])))."""

    loops: Loops
    zero_points: tuple[int, int]
    requantization: Requantization


@dataclass(frozen=True, eq=False, kw_only=True)
class Extreme(Step):
    """MINIMUM or MAXIMUM of int8."""

    kind: Literal["minimum", "maximum"]
    loops: Loops


@dataclass(frozen=True, eq=False, kw_only=True)
class Prelu(Step):
    """PRELU of int8: positive[a + 128] from the zero point on, else requantize((a - z_a) * (alpha - z_b)).

    Attributes:
        multiplier, shift: TFLM's, for the product.
    """

    loops: Loops
    positive: Int8
    zero_points: tuple[int, int]
    multiplier: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Move(Step):
    """An operator that moves elements: SLICE, TRANSPOSE, CONCATENATION, PAD, SPLIT and others.

    Attributes:
        parts: what is copied, in this order.
        fill: what the output is filled with before, None where the parts cover it.
    """

    parts: tuple[Part, ...]
    fill: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Reduce(Step):
    """MEAN and SUM (both a requantized sum), REDUCE_MAX, REDUCE_MIN of int8.

    Attributes:
        outer, inner: loops over the outputs in their order, and over what one takes in, with strides of the input.
        zero_point: of the input; `requantization` is that of a sum of q - zero_point; None for extremes.
    """

    kind: Literal["sum", "max", "min"]
    outer: Loops
    inner: Loops
    zero_point: int
    requantization: Requantization | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Lookup(Step):
    """An int8 operator of one int8 input: output = table[input + 128], int8 [256]."""

    table: Int8


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax(Step):
    """SOFTMAX of int8 over the last dimension, to int8.

    Attributes:
        exponentials: int64 [n]: TFLM's exp of the difference -d to the largest, in Q0.31; differences past its end
            count 0.
    """

    exponentials: Int64


@dataclass(frozen=True, eq=False, kw_only=True)
class Quantize(Step):
    """QUANTIZE of float32 to int8 or int16: round(x / scale) + zero point, halves away from zero, saturated."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Dequantize(Step):
    """DEQUANTIZE of int8, uint8 or int16 to float32: float(double(scale) * (q - zero point))."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Rescale(Step):
    """QUANTIZE between integer types, RELU and RELU6 of int16: TFLM's factor, the values' zero points, a clamp."""

    multiplier: int
    shift: int
    low: int
    high: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ResizeBilinear(Step):
    """RESIZE_BILINEAR of int8.

    Attributes:
        rows, columns: int64 [oh, 3] and [ow, 3]: the two input positions, and how far behind the first in 1024ths.
    """

    rows: Int64
    columns: Int64


@dataclass(frozen=True, eq=False, kw_only=True)
class ResizeNearest(Step):
    """RESIZE_NEAREST_NEIGHBOR: the input row and column of each output row and column."""

    rows: Int64
    columns: Int64


@dataclass(frozen=True, eq=False, kw_only=True)
class Arg(Step):
    """ARG_MAX or ARG_MIN of int8 [outer, size, inner] to int32 [outer, inner]; the first of equals."""

    size: tuple[int, int, int]
    is_max: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Svdf(Step):
    """SVDF; inputs: the data, the state (int16 or int8, persistent).

    Attributes:
        features: int8 [units * rank, depth]; time: [units * rank, memory], of the state's type.
        feature_bias, bias: with the zero points folded in.
        to_state, to_output: TFLM's multiplier and shift.
    """

    features: Int8
    time: Int64
    feature_bias: Int64
    bias: Int64
    rank: int
    to_state: tuple[int, int]
    to_output: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Gate:
    """A gate of an LSTM: weights, biases with zero points folded in, TFLM's factors (multiplier, shift)."""

    input_weights: Int8
    state_weights: Int8
    input_bias: Int64
    state_bias: Int64
    input_factor: tuple[int, int]
    state_factor: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Lstm(Step):
    """UNIDIRECTIONAL_SEQUENCE_LSTM; inputs: the data, the hidden state (int8) and the cell state (int16).

    Attributes:
        gates: input, forget, cell, output.
        forget, update, hidden: TFLM's factors of the three products of gates.
        tanh: multiplier and right shift that bring the cell state to the table of tanh.
        clip: where the cell state is cut, 0 for nowhere.
    """

    gates: tuple[Gate, Gate, Gate, Gate]
    forget: tuple[int, int]
    update: tuple[int, int]
    hidden: tuple[int, int]
    tanh: tuple[int, int]
    clip: int
    time_major: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv16(Step):
    """CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED of int16 with int8 weights, all as a grouped convolution.

    output = clamp((accumulator * multiplier + half) >> shift), in 64 bits.

    Attributes:
        shape: the input's, [n, h, w, groups * ci]; `out` the output's.
        filter: int8 [co, kh, kw, ci]; bias: int64 [co].
        multiplier, shift: int64 [co]: TFLM's factor, cut to 15 bits.
        is_long: whether sums may leave int32.
        transposed: whether it is TRANSPOSE_CONV, whose padding is that of the convolution that it is the transpose of.
    """

    shape: tuple[int, ...]
    out: tuple[int, ...]
    filter: Int8
    bias: Int64
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    multiplier: Int64
    shift: Int64
    low: int
    high: int
    is_long: bool
    transposed: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Binary16(Step):
    """ADD, SUB, MUL, MINIMUM, MAXIMUM of int16; `factors`: TFLM's of a, b, output for sums, of the output for MUL."""

    kind: Literal["sum", "product", "minimum", "maximum"]
    loops: Loops
    factors: tuple[tuple[int, int], ...]
    sign: int
    low: int
    high: int


@dataclass(frozen=True, eq=False, kw_only=True)
class LeakyRelu16(Step):
    """LEAKY_RELU of int16: TFLM's factors above and below the zero point, the sign of the slope."""

    above: tuple[int, int]
    below: tuple[int, int]
    sign: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve16(Step):
    """LOGISTIC or TANH of int16: the input times multiplier, shifted right, meets the table."""

    kind: Literal["logistic", "tanh"]
    multiplier: int
    shift: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Softmax16(Step):
    """SOFTMAX of int16: TFLM's factor, and its tables of 513 entries."""

    factor: tuple[int, int]
    exponential: Int64
    reciprocal: Int64


@dataclass(frozen=True, eq=False, kw_only=True)
class Nothing(Step):
    """An operator that needs no code: VAR_HANDLE, CALL_ONCE."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Alias(Step):
    """An operator that leaves the bytes as they are (RESHAPE, SQUEEZE, EXPAND_DIMS): no code, output shares memory."""
