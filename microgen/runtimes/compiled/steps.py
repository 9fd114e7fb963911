"""What a model is between the .tflite and the C code: values in memory, steps that compute them, code for a step.

`lower` makes a `Program` of a graph, `analyse` makes it smaller, a `CpuPath` gives the `Code` of the steps that it
knows, `pack` gives that of the others, `memory` places values and scratch, `emit` writes it all.

How a CPU path plugs in
    A path is one object with a name and one method, `codes(program, options)`. It sees the whole program at once, so it
    can share code between layers and spend memory on the layers with most MACs. It returns a `Code` for each step that
    it does better than plain C, by `Step.index`; the generic path does the rest. Steps are typed: test with
    `isinstance`, and check dtypes (`step.input.dtype == "int8"`) before taking one.

    A `Code` is C text: constants (NumPy arrays), declarations (parameter structs), and a call in which the places
    `{input0}`, `{input1}`, `{output0}`, `{scratch}` stand for pointers of the values' C type (int8_t *, int16_t *,
    int32_t *, float *; scratch is void *); `{state1}` is input 1, to be written too. Names of constants must be
    unique in a model: end them with the step's index. All values and scratch are aligned to 8 bytes. Layout is dense,
    NHWC, in the shape of the value. `overlaps` names, per input, where the output may lie over it; None: nowhere.

    Requantization: `requantize.uniform(r, prefer)` gives constants with one shift for all channels, or None;
    `requantize.per_channel(r)` gives a shift per channel and a correction of ties, or None; both are proven equal to
    TFLM's function for every accumulator in the range. See `requantize.Constants` for the formula.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from .arithmetic import multiply

Int8 = npt.NDArray[np.int8]
Int64 = npt.NDArray[np.int64]
Optimize = Literal["speed", "size", "balanced"]

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
    """

    filter: Int8
    bias: Int64
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[int, int]
    groups: int
    requantization: Requantization


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
    """

    filter: Int8
    bias: Int64
    requantization: Requantization

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


@dataclass(frozen=True)
class Loops:
    """A nest of loops over elements: `dims` from the outermost to the innermost, and a stride per operand and loop."""

    dims: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]

    @property
    def is_flat(self) -> bool:
        """Whether one loop does, over elements that lie side by side."""
        return len(self.dims) == 1 and all(s == (1,) for s in self.strides)


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


@dataclass(frozen=True)
class Part:
    """Elements that are copied: from `source`, an input's number, to output `target`, by loops from two offsets."""

    source: int
    target: int
    offsets: tuple[int, int]
    loops: Loops


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
    """QUANTIZE between integer types: TFLM's multiplier and shift, and the zero points of the values."""

    multiplier: int
    shift: int


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
    """SVDF; inputs: the data, the state (int16, persistent).

    Attributes:
        features: int8 [units * rank, depth]; time: int16 [units * rank, memory].
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
class Nothing(Step):
    """An operator that needs no code: VAR_HANDLE, CALL_ONCE."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Alias(Step):
    """An operator that leaves the bytes as they are (RESHAPE, SQUEEZE, EXPAND_DIMS): no code, output shares memory."""


@dataclass(frozen=True)
class Overlap:
    """Where an output may begin relative to an input that nothing reads later: low <= output - input <= high, in bytes.

    None for `low` is without limit. SAME is Overlap(0, 0): in place; BELOW D is Overlap(None, -D).
    """

    low: int | None
    high: int


IN_PLACE = Overlap(0, 0)


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant array of the generated C: `static const ctype name[]`, aligned to `alignment` bytes."""

    name: str
    ctype: str
    values: npt.NDArray[np.generic]
    alignment: int = 4

    @property
    def bytes(self) -> int:
        """Its size in flash."""
        return int(self.values.size) * _SIZES[self.ctype]


_SIZES = {
    "int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "int64_t": 8, "float": 4,
    "mg_channel": 4, "mg_between": 2,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Code:
    """The C of one step.

    Attributes:
        call: one or more statements, with places for pointers (see the module).
        constants: arrays that the call or the declarations name.
        declarations: C text that comes after the constants: parameter structs, static functions.
        shared: declarations that more than one step may bring along; each text is written once.
        headers, files: of firmware/runtimes/compiled/: included by model.c; compiled into the project.
        sources: generated files beside model.c, name and text; the same name must have the same text.
        scratch_bytes: what `{scratch}` needs.
        overlaps: per input, where output 0 may lie over it.
        proven: requantized channels whose cheap constants were proven; `exact`: those with the 64-bit form.
    """

    call: str
    constants: tuple[Constant, ...] = ()
    declarations: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    scratch_bytes: int = 0
    overlaps: tuple[Overlap | None, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    proven: int = 0
    exact: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    """A model as steps in their order. `variables` keep their bytes between inferences, and start with `initial`."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    initial: Mapping[int, npt.NDArray[np.generic]] = field(default_factory=dict)


@dataclass(frozen=True)
class Options:
    """What the code is to be good at.

    Attributes:
        optimize: "speed" spends flash on the layers with most MACs, "size" shares all code, "balanced" spends little.
        extra_weight_bytes: what weights may grow by for speed (Winograd), None for the default of `optimize`.
    """

    optimize: Optimize = "balanced"
    extra_weight_bytes: int | None = None


class CpuPath(Protocol):
    """Code for one kind of CPU; see the module for how it plugs in."""

    @property
    def name(self) -> str:
        """A short name: "generic", "armv7em"."""

    def codes(self, program: Program, options: Options) -> Mapping[int, Code]:
        """Return the code of the steps that this path has better code for, by `Step.index`."""
