"""Cuts one operator, or one variable, out of a model into a .tflite of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import variables
from .model import Operator, TfliteModel
from .pack import pack

_CALL_ONCE = "CALL_ONCE"


@dataclass(frozen=True)
class _Part:
    """Some operators of a subgraph, with the tensors that enter and leave them."""

    subgraph: int
    operators: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Cutter:
    """Makes small models out of one parsed file.

    An operator keeps its options, its constant inputs and the quantization of all its tensors; its other
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
        """Return the index of an operator's tensor in the one-operator model."""
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
        parsed = self._model.subgraphs[subgraph].operators[operator]
        part = _Part(subgraph, (operator,), self.activations(operator, subgraph), parsed.outputs)
        return self._pack([part], f"operator {operator} ({parsed.name})", shapes or {})

    def variable(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the tensors of the main graph that are assigned to a variable, and those that it is read into."""
        moves = [op for op in self._model.main.operators if self._moves(op, name)]
        read = dict.fromkeys(op.outputs[0] for op in moves if op.name == variables.READ)
        taken = dict.fromkeys(op.inputs[1] for op in moves if op.name == variables.ASSIGN)
        constants = {t.index for t in self._model.main.tensors if t.is_constant}
        return tuple(i for i in taken if i not in read and i not in constants), tuple(read)

    def cut_variable(self, name: str) -> bytes:
        """Return the bytes of a model that only keeps one variable, with the initial value from the whole model.

        Its inputs and outputs are what `variable` returns; it reads and assigns in the order of the main graph.
        """
        main = self._model.main
        kept = [op for op in main.operators if op.name == _CALL_ONCE or self._moves(op, name)]
        handles = {op.inputs[0] for op in kept if op.name != _CALL_ONCE}
        kept += [op for op in main.operators if op.name == variables.HANDLE and op.outputs[0] in handles]
        order = tuple(sorted(op.index for op in kept))
        parts = [_Part(0, order, *self.variable(name))]
        for number in dict.fromkeys(s for op in kept for s in op.subgraphs):
            start = self._model.subgraphs[number]
            parts.append(_Part(number, tuple(op.index for op in start.operators), start.inputs, start.outputs))
        return self._pack(parts, f"variable '{name}'", {})

    def _moves(self, op: Operator, name: str) -> bool:
        return op.name in (variables.READ, variables.ASSIGN) and variables.name_of(self._model.main, op) == name

    def _pack(self, parts: Sequence[_Part], what: str, shapes: Mapping[int, Sequence[int]]) -> bytes:
        """Return a model of these parts, the first of which is called."""
        schema = self._schema
        whole = schema.ModelT()
        whole.version, whole.description = 3, f"{what} of {self._model.name}"
        whole.operatorCodes, whole.buffers = [], [schema.BufferT()]
        numbers = {part.subgraph: k for k, part in enumerate(parts)}
        whole.subgraphs = [self._subgraph(part, whole, numbers, shapes) for part in parts]
        return pack(whole)

    def _subgraph(
        self,
        part: _Part,
        whole: Any,  # noqa: ANN401 - the schema has no types
        numbers: Mapping[int, int],
        shapes: Mapping[int, Sequence[int]],
    ) -> Any:  # noqa: ANN401
        schema, graph = self._schema, self._root.Subgraphs(part.subgraph)
        operators = [self._model.subgraphs[part.subgraph].operators[i] for i in part.operators]
        used = dict.fromkeys(i for op in operators for i in self._used(op.index, part.subgraph))
        number = {old: new for new, old in enumerate(used)} | {-1: -1}
        new = schema.SubGraphT()
        new.tensors = [self._tensor(graph, old, whole, shapes) for old in used]
        new.operators = []
        for parsed in operators:
            op = schema.OperatorT.InitFromObj(graph.Operators(parsed.index))
            code = schema.OperatorCodeT.InitFromObj(self._root.OperatorCodes(op.opcodeIndex))
            op.opcodeIndex = len(whole.operatorCodes)
            whole.operatorCodes.append(code)
            op.inputs = [number[i] for i in parsed.inputs]
            op.outputs = [number[i] for i in parsed.outputs]
            if parsed.intermediates:
                op.intermediates = [number[i] for i in parsed.intermediates]
            if parsed.name == _CALL_ONCE:
                op.builtinOptions.initSubgraphIndex = numbers[parsed.subgraphs[0]]
            new.operators.append(op)
        new.inputs = [number[i] for i in part.inputs]
        new.outputs = [number[i] for i in part.outputs]
        return new

    def _tensor(self, graph: Any, old: int, whole: Any, shapes: Mapping[int, Sequence[int]]) -> Any:  # noqa: ANN401
        schema = self._schema
        tensor = schema.TensorT.InitFromObj(graph.Tensors(old))
        source = self._root.Buffers(tensor.buffer) if self._root.BuffersLength() else None
        tensor.buffer = 0
        # The whole model may have an open batch; the single operator has the shape that it ran with.
        tensor.shapeSignature = None
        if old in shapes:
            tensor.shape = list(shapes[old])
        if source is not None and source.DataLength():
            buffer = schema.BufferT()
            buffer.data = source.DataAsNumpy()
            tensor.buffer = len(whole.buffers)
            whole.buffers.append(buffer)
        return tensor
