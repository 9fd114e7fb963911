"""What the functions that lower one operator share: the graph, its values and constants, and how they refuse.

Scales are float32 in the file; TFLM computes factors of them in double, as Python does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from ....errors import InputError
from ....tflite import Operator, Subgraph, Tensor, TfliteModel
from ..steps import Step
from ..values import Value

Array = npt.NDArray[Any]
HINT = "build the model from operators that it has"


class Context:
    """One graph while it is lowered."""

    def __init__(self, model: TfliteModel) -> None:
        self.model = model
        self.graph: Subgraph = model.main
        self.initial: dict[int, Array] = {}
        self._values: dict[int, Value] = {}
        self._next = len(self.graph.tensors)
        self.variables: dict[str, Value] = {}
        self._folded: dict[int, Array] = {}

    def tensor(self, index: int) -> Tensor:
        """Return a tensor of the graph."""
        return self.graph.tensors[index]

    def value(self, index: int) -> Value:
        """Return the value of a tensor; a constant's lies in flash."""
        if index not in self._values:
            t = self.tensor(index)
            data = self.constant(index)
            self._values[index] = Value(
                index, t.name, t.shape, t.dtype, t.scale, t.zero_point, persistent=t.is_variable, data=data
            )
            if t.is_variable:
                # TFLM fills int8 with the zero point, the rest with 0.
                start = t.zero_point if t.dtype == "int8" else 0
                self.initial[index] = np.full(t.shape, start, t.numpy_dtype)
        return self._values[index]

    def constant(self, index: int) -> Array | None:
        """Return the values of a tensor that is constant, in the file or as computed from such; None for others."""
        t = self.tensor(index)
        return self.model.constant(t) if t.is_constant else self._folded.get(index)

    def fold(self, index: int, values: Array) -> None:
        """Make a tensor constant."""
        t = self.tensor(index)
        self._folded[index] = np.ascontiguousarray(values).reshape(t.shape)
        self._values.pop(index, None)

    def fresh(self, name: str, shape: tuple[int, ...], dtype: str, persistent: bool = False) -> Value:
        """Return a value that is no tensor of the graph."""
        value = Value(self._next, name, shape, dtype, 0.0, 0, persistent=persistent)
        self._next += 1
        return value


class Op:
    """One operator, with short ways to what its lowering needs."""

    def __init__(self, context: Context, op: Operator) -> None:
        self.context, self.op, self.name, self.options = context, op, op.name, op.options

    def refuse(self, reason: str) -> NoReturn:
        """Refuse the operator.

        Raises:
            InputError: always.
        """
        c = self.context
        where = f"'{c.tensor(self.op.outputs[0]).name}'" if self.op.outputs else "without output"
        raise InputError(
            f"{c.model.name}: operator {self.op.index} ({self.name}, {where}): {reason}, "
            "which the compiled runtime does not support",
            HINT,
        )

    def has(self, position: int) -> bool:
        """Tell whether it has this input."""
        return position < len(self.op.inputs) and self.op.inputs[position] >= 0

    def tensor(self, position: int) -> Tensor:
        """Return an input's tensor."""
        self.need(self.has(position), "an input left out")
        return self.context.tensor(self.op.inputs[position])

    @property
    def output(self) -> Tensor:
        """The first output's tensor."""
        return self.context.tensor(self.op.outputs[0])

    def input_value(self, position: int) -> Value:
        """Return an input as a value."""
        self.need(self.has(position), "an input left out")
        return self.context.value(self.op.inputs[position])

    def output_value(self, position: int = 0) -> Value:
        """Return an output as a value."""
        return self.context.value(self.op.outputs[position])

    def constant(self, position: int, what: str) -> Array:
        """Return a constant input's values.

        Raises:
            InputError: it is computed.
        """
        t, values = self.tensor(position), self.context.constant(self.op.inputs[position])
        if values is not None:
            return values
        if not t.elements:
            return np.zeros(t.shape, t.numpy_dtype)
        return self.refuse(f"{what} is not constant")

    def axes(self, position: int, rank: int) -> tuple[int, ...]:
        """Return a constant list of axes, non-negative, sorted, each once."""
        return tuple(sorted({int(a) % max(rank, 1) for a in self.constant(position, "its axis").reshape(-1)}))

    def need(self, condition: bool, reason: str) -> None:
        """Refuse unless a condition holds."""
        if not condition:
            self.refuse(reason)

    def need_shape(self, shape: Sequence[int], position: int = 0) -> None:
        """Refuse an output of another shape; a 1 may be left out."""
        t = self.context.tensor(self.op.outputs[position])
        self.need(
            [n for n in t.shape if n != 1] == [int(n) for n in shape if n != 1],
            f"an output of shape {list(t.shape)}, where {[int(n) for n in shape]} is computed",
        )

    def need_types(self, *allowed: tuple[str, ...]) -> None:
        """Refuse unless the types of inputs that are there and outputs are one of these."""
        op = self.op
        types = tuple(self.context.tensor(i).dtype for i in (*op.inputs, *op.outputs) if i >= 0)
        self.need(types in allowed, " x ".join(types[: len(op.inputs)]) + " to " + types[-1])

    def base(self, *positions: int, constants: bool = False) -> dict[str, Any]:
        """Return the fields that all steps have, with the inputs at these positions.

        Raises:
            InputError: one of them is constant, unless `constants` may be among them.
        """
        c = self.context
        inputs = tuple(self.input_value(k) for k in positions)
        self.need(constants or all(v.data is None for v in inputs), "a constant input")
        outputs = tuple(c.value(i) for i in self.op.outputs)
        return {"index": self.op.index, "name": self.name, "inputs": inputs, "outputs": outputs}


Lowering = Callable[[Op], Step]


def activation_range(activation: str, tensor: Tensor, op: Op) -> tuple[int, int]:
    """Return the clamp of a fused activation in the tensor's own numbers: CalculateActivationRangeQuantized()."""
    limits = np.iinfo(np.dtype(tensor.dtype))
    low, high = int(limits.min), int(limits.max)

    def quantized(real: float) -> int:
        steps = float(np.float32(real) / np.float32(tensor.scale))
        return tensor.zero_point + int(math.copysign(math.floor(abs(steps) + 0.5), steps))

    if activation == "":
        return low, high
    op.need(activation in ("RELU", "RELU6", "RELU_N1_TO_1"), f"the fused activation {activation}")
    low = max(low, quantized(-1.0 if activation == "RELU_N1_TO_1" else 0.0))
    if activation != "RELU":
        high = min(high, quantized(1.0 if activation == "RELU_N1_TO_1" else 6.0))
    return low, high


def padding_before(size: int, kernel: int, stride: int, dilation: int, out: int, same: bool) -> int:
    """Return how much padding lies before the data: ComputePaddingHeightWidth()."""
    if not same:
        return 0
    return max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0) // 2
