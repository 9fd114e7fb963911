"""What each kernel asks the arena for when it is prepared.

Source: the Prepare functions of TFLM's reference kernels (`tensorflow/lite/micro/kernels`). Memory that stays is
`keep`, memory that is needed while the operator runs is `scratch`; a tensor that Prepare looks at takes temporary
memory until Prepare is over. A kernel that is not in the table looks at all its tensors once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Protocol

from ..tflite import Operator, Subgraph, Tensor
from .structs import Structs


class Asked(Protocol):
    """Takes down what a kernel asks for."""

    def keep(self, size: int) -> None: ...  # noqa: D102
    def scratch(self, size: int) -> None: ...  # noqa: D102
    def look(self, tensor: Tensor) -> None: ...  # noqa: D102


class Node:
    """One operator while its kernel is prepared."""

    def __init__(self, graph: Subgraph, op: Operator, structs: Structs, asked: Asked) -> None:
        self.structs = structs
        self.op = op
        self._graph = graph
        self._asked = asked
        self.keep, self.scratch = asked.keep, asked.scratch

    def input(self, position: int) -> Tensor | None:
        """Return an input, None where it is left out."""
        inputs = self.op.inputs
        index = inputs[position] if position < len(inputs) else -1
        return self._graph.tensors[index] if index >= 0 else None

    @property
    def output(self) -> Tensor | None:
        """The first output."""
        return self._graph.tensors[self.op.outputs[0]] if self.op.outputs else None

    def look(self, *positions: int) -> None:
        """Look at inputs by position; -1 is the first output."""
        for position in positions:
            tensor = self.output if position < 0 else self.input(position)
            if tensor is not None:
                self._asked.look(tensor)

    def look_at_all(self) -> None:
        """Look at all inputs, then at all outputs."""
        self.look(*range(len(self.op.inputs)))
        for index in self.op.outputs:
            self._asked.look(self._graph.tensors[index])

    def own_shape(self, tensor: Tensor | None) -> None:
        """Keep a copy of a tensor's shape, which the kernel writes into."""
        self.keep(_int_array(len(tensor.shape) if tensor else 0))


def _int_array(length: int) -> int:
    return 4 + 4 * length


def _dim(tensor: Tensor | None, axis: int) -> int:
    return tensor.shape[axis] if tensor is not None and -len(tensor.shape) <= axis < len(tensor.shape) else 0


def _unpacked(node: Node, position: int) -> None:
    weights = node.input(position)
    if weights is not None and weights.dtype == "int4":
        node.scratch(weights.elements)


def _convolution(node: Node, axis: int) -> None:
    node.look(-1, 0, 1)
    for _ in range(2):  # a multiplier and a shift for each channel
        node.keep(4 * _dim(node.input(1), axis))
    node.look(0, 1, 2, -1)
    _unpacked(node, 1)


def _transpose_conv(node: Node) -> None:
    node.look(-1, 2, 1)
    for _ in range(2):
        node.keep(4 * _dim(node.input(1), 0))
    data, output, bias = node.input(2), node.output, node.input(3)
    wide = data is not None and data.dtype == "int16"
    if data is not None and output is not None and data.dtype in ("int8", "int16"):
        node.scratch(output.elements * (8 if wide else 4))
    node.look(2, 1, 3, -1)
    if wide and bias is not None and bias.dtype == "int16":
        node.scratch(bias.elements * 8)


def _fully_connected(node: Node) -> None:
    node.look(0, 1, 2, -1)
    _unpacked(node, 1)
    weights = node.input(1)
    if weights is not None and weights.quantization is not None and weights.quantization.per_channel:
        for _ in range(2):
            node.keep(4 * len(weights.quantization.scales))


def _softmax(node: Node) -> None:
    node.look(0, -1)
    data = node.input(0)
    if data is not None and data.dtype == "int16":
        for _ in range(2):  # exp(x) and 1 / (1 + x), 513 entries each
            node.keep(2 * 513)


def _svdf(node: Node) -> None:
    node.look(0, 1, 2, 3, 4, -1)
    batch, filters, units = _dim(node.input(0), 0), _dim(node.input(1), 0), _dim(node.output, 1)
    node.scratch(4 * batch * filters)
    data = node.input(0)
    if data is None or data.dtype != "float32":
        node.scratch(4 * batch * units)


def _lstm(node: Node) -> None:
    node.look(*range(24), -1)
    state, cell = node.input(18), node.input(19)
    width = cell.bytes // max(cell.elements, 1) if cell is not None else 2
    for _ in range(4):
        node.scratch(_dim(state, 0) * _dim(state, 1) * width)


def _reduce_simple(node: Node) -> None:
    node.look(0, 1)
    data = node.input(0)
    if data is not None and data.dtype == "int8":
        node.look(-1)


def _reduce_scratch(node: Node) -> None:
    data, axis = node.input(0), node.input(1)
    node.scratch(4 * (len(data.shape) if data else 0))
    node.scratch(4 * (axis.elements if axis else 0))


def _mean_or_sum(node: Node) -> None:
    node.look(0, -1, 1)
    data, output = node.input(0), node.output
    if data is not None and output is not None and data.dtype in ("int8", "int16"):
        node.scratch(4 * output.elements)
    _reduce_scratch(node)
    _reduce_simple(node)


def _reduce(node: Node) -> None:
    _reduce_simple(node)
    node.look(0, -1, 1)
    _reduce_scratch(node)


def _add_n(node: Node) -> None:
    node.look(0, -1, *range(1, len(node.op.inputs)))
    node.scratch(node.structs.pointer * len(node.op.inputs))


def _mirror_pad(node: Node) -> None:
    node.look(0, 1, -1)
    data = node.input(0)
    for _ in range(2):
        node.scratch(4 * (len(data.shape) if data else 0))


def _batch_matmul(node: Node) -> None:
    node.look(0, 1, -1)
    data = node.input(0)
    if data is not None and data.dtype in ("int8", "int16"):
        node.keep(node.structs.size("OpQuantizationDataBatchMatmul"))
    adjoint = node.op.adjoint
    for tensor, transposed in ((data, adjoint[0]), (node.input(1), not adjoint[1])):
        if transposed and tensor is not None:
            node.keep(node.structs.size("TfLiteEvalTensor"))
            node.own_shape(tensor)
            node.keep(tensor.bytes)
    node.own_shape(node.output)


def _concatenation(node: Node) -> None:
    node.look(0, -1, *range(len(node.op.inputs)))


def _own_output_shape(node: Node) -> None:
    node.look_at_all()
    node.own_shape(node.output)


def _look(node: Node, positions: tuple[int, ...]) -> None:
    node.look(*positions)


def _inputs(*positions: int) -> Callable[[Node], None]:
    return functools.partial(_look, positions=positions)


def _nothing(node: Node) -> None:
    pass


def _each(names: str, prepare: Callable[[Node], None]) -> Iterable[tuple[str, Callable[[Node], None]]]:
    return ((name, prepare) for name in names.split())


_PREPARE: dict[str, Callable[[Node], None]] = {
    "CONV_2D": functools.partial(_convolution, axis=0),
    "DEPTHWISE_CONV_2D": functools.partial(_convolution, axis=3),
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "ADD_N": _add_n,
    "MIRROR_PAD": _mirror_pad,
    "BATCH_MATMUL": _batch_matmul,
    "CONCATENATION": _concatenation,
    "SPLIT_V": _inputs(2),
    **dict(_each("MEAN SUM", _mean_or_sum)),
    **dict(_each("REDUCE_ALL REDUCE_MAX REDUCE_MIN", _reduce)),
    **dict(_each("DEPTH_TO_SPACE SPACE_TO_DEPTH GATHER GATHER_ND L2_POOL_2D EMBEDDING_LOOKUP", _own_output_shape)),
    **dict(_each("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", _inputs(0, 1))),
    **dict(_each("IF RELU6 SPLIT READ_VARIABLE", _inputs(0))),
    **dict(_each("RESHAPE", _inputs(0, -1))),
    **dict(_each("ASSIGN_VARIABLE", _inputs(1))),
    **dict(_each("ARG_MAX ARG_MIN CALL_ONCE MAXIMUM MINIMUM NEG PACK SHAPE UNPACK VAR_HANDLE WHILE", _nothing)),
}  # fmt: skip


def prepare(node: Node) -> None:
    """Ask for what TFLM's reference kernel of this operator asks for in Prepare."""
    _PREPARE.get(node.op.name, Node.look_at_all)(node)
