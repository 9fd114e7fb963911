"""What each kernel asks the arena for when it is prepared.

Source: the Prepare functions of TFLM's reference kernels (`tensorflow/lite/micro/kernels`). Memory that stays is
`keep`, memory that is needed while the operator runs is `scratch`; a tensor that Prepare looks at takes temporary
memory until Prepare is over. A kernel that is in neither table looks at all its tensors once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

from ....tflite import Operator, Subgraph, Tensor
from .structs import Structs

OUTPUT = -1  # where inputs are named by position: the first output


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
        if position >= len(inputs) or inputs[position] < 0:
            return None
        return self._graph.tensors[inputs[position]]

    @property
    def output(self) -> Tensor | None:
        """The first output."""
        return self._graph.tensors[self.op.outputs[0]] if self.op.outputs else None

    def look(self, *positions: int) -> None:
        """Look at inputs by position, or at the first output (OUTPUT)."""
        for position in positions:
            tensor = self.output if position == OUTPUT else self.input(position)
            if tensor is not None:
                self._asked.look(tensor)

    def look_at_all(self) -> None:
        """Look at all inputs, then at all outputs."""
        self.look(*range(len(self.op.inputs)))
        for index in self.op.outputs:
            self._asked.look(self._graph.tensors[index])

    def own_shape(self, tensor: Tensor | None) -> None:
        """Keep a copy of a tensor's shape, which the kernel writes into: a TfLiteIntArray."""
        self.keep(4 + 4 * len(_shape(tensor)))


def _shape(tensor: Tensor | None) -> tuple[int, ...]:
    return tensor.shape if tensor is not None else ()


def _dim(tensor: Tensor | None, axis: int) -> int:
    shape = _shape(tensor)
    return shape[axis] if axis < len(shape) else 0


def _elements(tensor: Tensor | None) -> int:
    return tensor.elements if tensor is not None else 0


def _dtype(tensor: Tensor | None) -> str:
    return tensor.dtype if tensor is not None else ""


def _unpacked(node: Node, weights: Tensor | None) -> None:
    if _dtype(weights) == "int4":
        node.scratch(_elements(weights))


def _convolution(node: Node, axis: int) -> None:
    node.look(OUTPUT, 0, 1)
    weights = node.input(1)
    for _ in range(2):  # a multiplier and a shift for each channel
        node.keep(4 * _dim(weights, axis))
    node.look(0, 1, 2, OUTPUT)
    _unpacked(node, weights)


# Bytes of the accumulators of a TRANSPOSE_CONV; in float32 it has none.
_ACCUMULATOR = {"int8": 4, "int16": 8}


def _transpose_conv(node: Node) -> None:
    node.look(OUTPUT, 2, 1)
    for _ in range(2):
        node.keep(4 * _dim(node.input(1), 0))
    dtype, bias = _dtype(node.input(2)), node.input(3)
    if size := _ACCUMULATOR.get(dtype):
        node.scratch(size * _elements(node.output))
        node.look(2, 1, 3, OUTPUT)
    if dtype == _dtype(bias) == "int16":
        node.scratch(8 * _elements(bias))


def _fully_connected(node: Node) -> None:
    node.look(0, 1, 2, OUTPUT)
    _unpacked(node, node.input(1))
    _channels(node, node.input(1))


def _channels(node: Node, weights: Tensor | None) -> None:
    """Keep a multiplier and a shift for each channel of a fully connected layer; one scale for all needs none."""
    if weights is not None and weights.quantization is not None and weights.quantization.per_channel:
        for _ in range(2):
            node.keep(4 * len(weights.quantization.scales))


def _softmax(node: Node) -> None:
    node.look(0, OUTPUT)
    if _dtype(node.input(0)) == "int16":
        for _ in range(2):  # exp(x) and 1 / (1 + x), 513 entries each
            node.keep(2 * 513)


def _svdf(node: Node) -> None:
    node.look_at_all()
    batch = _dim(node.input(0), 0)
    node.scratch(4 * batch * _dim(node.input(1), 0))
    if _dtype(node.input(0)) != "float32":
        node.scratch(4 * batch * _dim(node.output, 1))


def _lstm(node: Node) -> None:
    node.look_at_all()
    for position in range(1, 9):  # of each gate, the weights of the input and of the state
        _channels(node, node.input(position))
    cell = node.input(19)
    for _ in range(4):
        node.scratch(cell.bytes if cell is not None else 0)


def _reduce_simple(node: Node) -> None:
    node.look(0, 1)
    if _dtype(node.input(0)) == "int8":
        node.look(OUTPUT)


def _reduce_scratch(node: Node) -> None:
    node.scratch(4 * len(_shape(node.input(0))))
    node.scratch(4 * _elements(node.input(1)))


def _mean_or_sum(node: Node) -> None:
    node.look(0, OUTPUT, 1)
    if _dtype(node.input(0)) in ("int8", "int16"):
        node.scratch(4 * _elements(node.output))
    _reduce_scratch(node)
    _reduce_simple(node)


def _reduce(node: Node) -> None:
    _reduce_simple(node)
    node.look(0, OUTPUT, 1)
    _reduce_scratch(node)


def _log_softmax(node: Node) -> None:
    node.look_at_all()
    if _dtype(node.output) == "int8":
        node.keep(node.structs.size("LogSoftmaxOpData"))


def _add_n(node: Node) -> None:
    node.look_at_all()
    if _dtype(node.output) == "int8":
        node.keep(node.structs.size("OpDataAddN"))
    node.scratch(node.structs.pointer * len(node.op.inputs))


def _mirror_pad(node: Node) -> None:
    node.look(0, 1, OUTPUT)
    for _ in range(2):
        node.scratch(4 * len(_shape(node.input(0))))


def _batch_matmul(node: Node) -> None:
    node.look(0, 1, OUTPUT)
    data = node.input(0)
    if _dtype(data) in ("int8", "int16"):
        node.keep(node.structs.size("OpQuantizationDataBatchMatmul"))
    adjoint = node.op.adjoint
    for tensor, transposed in ((data, adjoint[0]), (node.input(1), not adjoint[1])):
        if transposed and tensor is not None:
            node.keep(node.structs.size("TfLiteEvalTensor"))
            node.own_shape(tensor)
            node.keep(tensor.bytes)
    node.own_shape(node.output)


def _concatenation(node: Node) -> None:
    node.look(0)
    node.look_at_all()


def _own_output_shape(node: Node) -> None:
    node.look_at_all()
    node.own_shape(node.output)


_PREPARE: dict[str, Callable[[Node], None]] = {
    "CONV_2D": functools.partial(_convolution, axis=0),
    "DEPTHWISE_CONV_2D": functools.partial(_convolution, axis=3),
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "SOFTMAX": _softmax,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
    "LOG_SOFTMAX": _log_softmax,
    "ADD_N": _add_n,
    "MIRROR_PAD": _mirror_pad,
    "BATCH_MATMUL": _batch_matmul,
    "CONCATENATION": _concatenation,
    **dict.fromkeys(("MEAN", "SUM"), _mean_or_sum),
    **dict.fromkeys(("REDUCE_ALL", "REDUCE_MAX", "REDUCE_MIN"), _reduce),
    **dict.fromkeys(
        ("DEPTH_TO_SPACE", "SPACE_TO_DEPTH", "GATHER", "GATHER_ND", "L2_POOL_2D", "EMBEDDING_LOOKUP"), _own_output_shape
    ),
}
# What a kernel that does no more than look looks at, where that is not each tensor once.
_LOOKED_AT: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"), (0, 1)),
    **dict.fromkeys(("IF", "RELU6", "SPLIT", "READ_VARIABLE"), (0,)),
    "ASSIGN_VARIABLE": (1,),
    **dict.fromkeys(("BATCH_TO_SPACE_ND", "RESHAPE", "SPACE_TO_BATCH_ND"), (0, OUTPUT)),
    "SPLIT_V": (2,),
    "TANH": (0, 0, OUTPUT),
    **dict.fromkeys(("ARG_MAX", "ARG_MIN", "CALL_ONCE", "MAXIMUM", "MINIMUM", "NEG"), ()),
    **dict.fromkeys(("PACK", "SHAPE", "UNPACK", "VAR_HANDLE", "WHILE"), ()),
}


def prepare(node: Node) -> None:
    """Ask for what TFLM's reference kernel of this operator asks for in Prepare."""
    name = node.op.name
    if name in _LOOKED_AT:
        node.look(*_LOOKED_AT[name])
    else:
        _PREPARE.get(name, Node.look_at_all)(node)
