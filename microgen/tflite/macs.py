"""Counts the multiply-accumulates of each operator from its shapes."""

from __future__ import annotations

import math
from collections.abc import Callable

from .model import Operator, Subgraph, Tensor, TfliteModel

_Count = Callable[[list["Tensor | None"], Tensor], int]


def _weights(inputs: list[Tensor | None], position: int) -> Tensor | None:
    return inputs[position] if position < len(inputs) else None


def _conv(inputs: list[Tensor | None], output: Tensor) -> int:
    weights = _weights(inputs, 1)  # [out, height, width, in]
    return output.elements * math.prod(weights.shape[1:]) if weights else 0


def _depthwise(inputs: list[Tensor | None], output: Tensor) -> int:
    weights = _weights(inputs, 1)  # [1, height, width, channels]
    return output.elements * math.prod(weights.shape[1:3]) if weights else 0


def _fully_connected(inputs: list[Tensor | None], output: Tensor) -> int:
    weights = _weights(inputs, 1)  # [out, in]
    return output.elements * weights.shape[-1] if weights and weights.shape else 0


def _transpose_conv(inputs: list[Tensor | None], output: Tensor) -> int:
    weights, data = _weights(inputs, 1), _weights(inputs, 2)  # each input pixel meets the whole kernel
    return math.prod(data.shape[:-1]) * weights.elements if weights and data else 0


def _batch_matmul(inputs: list[Tensor | None], output: Tensor) -> int:
    left, right = _weights(inputs, 0), _weights(inputs, 1)
    if left is None or right is None:
        return 0
    # [m, k] by [k, n], either of which may be stored transposed: m k, times k n, by m n, is k squared.
    squared = math.prod(left.shape[-2:]) * math.prod(right.shape[-2:]) // max(math.prod(output.shape[-2:]), 1)
    return output.elements * math.isqrt(squared)


def _svdf(inputs: list[Tensor | None], output: Tensor) -> int:
    feature, time = _weights(inputs, 1), _weights(inputs, 2)
    return sum(t.elements for t in (feature, time) if t) * (output.shape[0] if output.shape else 1)


def _lstm(inputs: list[Tensor | None], output: Tensor) -> int:
    # Inputs 1 to 8 are the four gates' input and recurrent weights; every time step meets all of them.
    weights = sum(t.elements for t in inputs[1:9] if t)
    return weights * math.prod(output.shape[:-1])


_MACS: dict[str, _Count] = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _fully_connected,
    "TRANSPOSE_CONV": _transpose_conv,
    "BATCH_MATMUL": _batch_matmul,
    "SVDF": _svdf,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm,
}


def operator_macs(graph: Subgraph, op: Operator) -> int:
    """Return the multiply-accumulates of one operator; 0 for those that have none (pooling, reshapes, ...)."""
    count = _MACS.get(op.name)
    if count is None or not op.outputs:
        return 0
    inputs = [graph.tensors[i] if i >= 0 else None for i in op.inputs]
    return count(inputs, graph.tensors[op.outputs[0]])


def model_macs(model: TfliteModel) -> int:
    """Return the multiply-accumulates of one inference."""
    return sum(operator_macs(graph, op) for graph in model.subgraphs for op in graph.operators)
