"""Cuts one operator out of a model into a .tflite of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flatbuffers

from .model import TfliteModel


class Cutter:
    """Makes one-operator models out of one parsed file.

    The operator keeps its options, its constant inputs and the quantization of all its tensors; its other
    inputs become the inputs of the new model, its outputs the outputs.
    """

    def __init__(self, model: TfliteModel) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model = model
        self._root = schema.Model.GetRootAs(model.data, 0)

    def activations(self, operator: int, subgraph: int = 0) -> tuple[int, ...]:
        """Return the tensors that the one-operator model takes as inputs, in their order."""
        graph = self._model.subgraphs[subgraph]
        indices: list[int] = []
        for i in graph.operators[operator].inputs:
            if i >= 0 and i not in indices:
                tensor = graph.tensors[i]
                if not tensor.is_constant and not tensor.is_variable and tensor.elements:
                    indices.append(i)
        return tuple(indices)

    def number(self, tensor: int, operator: int, subgraph: int) -> int:
        """Return which tensor of the one-operator model a tensor of the operator becomes."""
        return self._used(operator, subgraph).index(tensor)

    def _used(self, operator: int, subgraph: int) -> list[int]:
        op = self._model.subgraphs[subgraph].operators[operator]
        return list(dict.fromkeys(i for i in (*op.inputs, *op.outputs, *op.intermediates) if i >= 0))

    def cut(self, operator: int, subgraph: int = 0, shapes: Mapping[int, Sequence[int]] | None = None) -> bytes:
        """Return the bytes of the one-operator model.

        Args:
            operator: index of the operator in its subgraph.
            subgraph: index of the subgraph.
            shapes: other shapes for some of its tensors.
        """
        schema, graph = self._schema, self._root.Subgraphs(subgraph)
        parsed = self._model.subgraphs[subgraph].operators[operator]
        op = schema.OperatorT.InitFromObj(graph.Operators(operator))
        code = schema.OperatorCodeT.InitFromObj(self._root.OperatorCodes(op.opcodeIndex))
        op.opcodeIndex = 0
        used = self._used(operator, subgraph)
        number = {old: new for new, old in enumerate(used)} | {-1: -1}
        new = schema.SubGraphT()
        buffers = [schema.BufferT()]
        new.tensors = []
        for old in used:
            tensor = schema.TensorT.InitFromObj(graph.Tensors(old))
            source = self._root.Buffers(tensor.buffer) if self._root.BuffersLength() else None
            tensor.buffer = 0
            # The batch may be open in the whole model; alone, the operator has the shape that it ran with.
            tensor.shapeSignature = None
            if shapes is not None and old in shapes:
                tensor.shape = list(shapes[old])
            if source is not None and source.DataLength():
                buffer = schema.BufferT()
                buffer.data = source.DataAsNumpy()
                tensor.buffer = len(buffers)
                buffers.append(buffer)
            new.tensors.append(tensor)
        op.inputs = [number[i] for i in parsed.inputs]
        op.outputs = [number[i] for i in parsed.outputs]
        if parsed.intermediates:
            op.intermediates = [number[i] for i in parsed.intermediates]
        new.inputs = [number[i] for i in self.activations(operator, subgraph)]
        new.outputs = list(op.outputs)
        new.operators = [op]
        whole = schema.ModelT()
        whole.version = 3
        whole.description = f"operator {operator} ({parsed.name}) of {self._model.name}"
        whole.operatorCodes = [code]
        whole.subgraphs = [new]
        whole.buffers = buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(whole.Pack(builder), b"TFL3")
        return bytes(builder.Output())
