"""Makes variables of values that a model takes and returns: it keeps them from one inference to the next.

A variable lies beside the graph (`VAR_HANDLE`, `READ_VARIABLE`, `ASSIGN_VARIABLE`), and `CALL_ONCE` gives it its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .graph import Graph, Object


def handle(graph: Graph, subgraph: Object, name: str) -> Object:
    """Return a new operator that names a variable; its tensor is in `subgraph`."""
    schema, entry = graph.schema, graph.schema.TensorT()
    entry.name, entry.type, entry.shape, entry.buffer = name, schema.TensorType.RESOURCE, [], 0
    subgraph.tensors.append(entry)
    options = schema.VarHandleOptionsT()
    options.container, options.sharedName = "", name
    return graph.operator("VAR_HANDLE", [], [len(subgraph.tensors) - 1], options)


def read(graph: Graph, handled: Object, target: int) -> Object:
    """Return a new operator that reads a variable."""
    return graph.operator("READ_VARIABLE", graph.outputs(handled), [target], graph.schema.ReadVariableOptionsT())


def assign(graph: Graph, handled: Object, source: int) -> Object:
    """Return a new operator that writes a variable."""
    inputs = [*graph.outputs(handled), source]
    return graph.operator("ASSIGN_VARIABLE", inputs, [], graph.schema.AssignVariableOptionsT())


def start(graph: Graph, kept: Sequence[tuple[str, int]]) -> None:
    """Let all variables begin with the real value 0, by a subgraph that runs once.

    Args:
        graph: the model.
        kept: the variables by name, each with a tensor that has its type, shape and quantization.
    """
    if not kept:
        return
    schema = graph.schema
    begin: Any = schema.SubGraphT()
    begin.tensors, begin.operators, begin.inputs, begin.outputs, begin.name = [], [], [], [], "start"
    for name, tensor in kept:
        like, value = graph.main.tensors[tensor], schema.TensorT()
        dtype = np.dtype(graph.dtype(tensor))
        zero = int(like.quantization.zeroPoint[0]) if dtype.kind == "i" else 0
        buffer = schema.BufferT()
        buffer.data = np.full(int(np.prod(like.shape)), zero, dtype).view(np.uint8)
        value.name, value.type, value.shape = f"{name}_start", like.type, list(like.shape)
        value.quantization, value.buffer = like.quantization, len(graph.model.buffers)
        graph.model.buffers.append(buffer)
        begin.tensors.append(value)
        place = len(begin.tensors) - 1
        handled = handle(graph, begin, name)
        begin.operators += [handled, assign(graph, handled, place)]
    options = schema.CallOnceOptionsT()
    options.initSubgraphIndex = len(graph.model.subgraphs)
    graph.model.subgraphs.append(begin)
    graph.main.operators.insert(0, graph.operator("CALL_ONCE", [], [], options))


def remember(data: bytes, count: int) -> bytes:
    """Return a model whose last inputs and outputs are variables.

    Args:
        data: a .tflite, in float32 or quantized; each of these inputs has type and quantization of its output.
        count: how many.
    """
    if not count:
        return data
    graph = Graph(data)
    inputs = [int(i) for i in graph.main.inputs]
    outputs = graph.results
    kept = []
    for before, after in zip(inputs[-count:], outputs[-count:], strict=True):
        name = graph.label(before)
        handled = handle(graph, graph.main, name)
        graph.main.operators[:0] = [handled, read(graph, handled, before)]
        graph.main.operators.append(assign(graph, handled, after))
        kept.append((name, before))
    graph.main.inputs, graph.main.outputs = inputs[:-count], outputs[:-count]
    start(graph, kept)
    graph.model.signatureDefs = None
    graph.drop_tensors()
    return graph.pack()
