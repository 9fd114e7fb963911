"""The main graph of a .tflite as objects that can be changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...tflite.pack import pack

# The schema's classes are generated, and have no types.
Object = Any

# Not NumPy's own list: other packages add their types to it, such as "int4", whose packed values are read as bytes.
_IN_NUMPY = {
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
}  # fmt: skip


class Graph:
    """A model that is being changed; tensors are named by their number in the main graph, -1 for one left out."""

    def __init__(self, data: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema: Any = schema
        self.model: Object = schema.ModelT.InitFromPackedBuf(data, 0)
        self.main: Object = self.model.subgraphs[0]
        self._names = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
        self._types = {v: k.lower() for k, v in vars(schema.TensorType).items() if isinstance(v, int)}
        for code in self.model.operatorCodes:
            # Converters before 2020 wrote the byte-sized code only; readers take the larger of both.
            code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)

    def pack(self) -> bytes:
        """Return the model as the bytes of a .tflite."""
        return pack(self.model)

    def name(self, op: Object) -> str:
        """Return the name of an operator, "CONV_2D"."""
        return str(self._names[self.model.operatorCodes[op.opcodeIndex].builtinCode])

    @property
    def operators(self) -> list[Object]:
        """The operators in their order; a copy, so that the graph may change meanwhile."""
        return list(self.main.operators)

    def inputs(self, op: Object) -> list[int]:
        """Return the tensors that an operator reads."""
        return [] if op.inputs is None else [int(i) for i in op.inputs]

    def outputs(self, op: Object) -> list[int]:
        """Return the tensors that an operator writes."""
        return [] if op.outputs is None else [int(i) for i in op.outputs]

    @property
    def results(self) -> list[int]:
        """The tensors that the model returns."""
        return [int(i) for i in self.main.outputs]

    def shape(self, tensor: int) -> list[int]:
        """Return the dimensions of a tensor."""
        dims = self.main.tensors[tensor].shape
        return [] if dims is None else [int(d) for d in dims]

    def dtype(self, tensor: int) -> str:
        """Return the element type of a tensor, "float32"."""
        return str(self._types[self.main.tensors[tensor].type])

    def label(self, tensor: int) -> str:
        """Return the name of a tensor."""
        name = self.main.tensors[tensor].name
        return name.decode(errors="replace") if isinstance(name, bytes) else str(name or "")

    def constant(self, tensor: int) -> npt.NDArray[Any] | None:
        """Return the values of a constant; None for what is none, or has a type that NumPy lacks."""
        data = self.model.buffers[self.main.tensors[tensor].buffer].data if tensor >= 0 else None
        if data is None or not len(data) or self.dtype(tensor) not in _IN_NUMPY:
            return None
        return np.frombuffer(np.asarray(data, np.uint8).tobytes(), self.dtype(tensor)).reshape(self.shape(tensor))

    def producer(self, tensor: int) -> Object | None:
        """Return the operator that writes a tensor."""
        return next((op for op in self.main.operators if tensor in self.outputs(op)), None)

    def readers(self, tensor: int) -> list[Object]:
        """Return the operators that read a tensor."""
        return [op for op in self.main.operators if tensor in self.inputs(op)]

    def fill(self, tensor: int, values: npt.NDArray[Any]) -> None:
        """Make a tensor a constant."""
        entry, buffer = self.main.tensors[tensor], self.schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
        entry.shape, entry.buffer = [int(d) for d in values.shape], len(self.model.buffers)
        entry.type = getattr(self.schema.TensorType, values.dtype.name.upper())
        self.model.buffers.append(buffer)

    def add_constant(self, name: str, values: npt.NDArray[Any]) -> int:
        """Add a constant, and return its number."""
        entry = self.schema.TensorT()
        entry.name = name
        self.main.tensors.append(entry)
        self.fill(len(self.main.tensors) - 1, values)
        return len(self.main.tensors) - 1

    def add_tensor(self, name: str, like: int, shape: Sequence[int]) -> int:
        """Add a tensor with type and quantization of another, and return its number."""
        other, entry = self.main.tensors[like], self.schema.TensorT()
        entry.name, entry.type, entry.shape, entry.quantization = name, other.type, list(shape), other.quantization
        self.main.tensors.append(entry)
        return len(self.main.tensors) - 1

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Object = None, version: int = 1
    ) -> Object:
        """Return a new operator, which is in no graph yet."""
        code, op = self.schema.OperatorCodeT(), self.schema.OperatorT()
        code.builtinCode = getattr(self.schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        op.opcodeIndex, op.inputs, op.outputs = len(self.model.operatorCodes), list(inputs), list(outputs)
        self.model.operatorCodes.append(code)
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            op.builtinOptionsType, op.builtinOptions = getattr(self.schema.BuiltinOptions, kind), options
        return op

    def reshape(self, source: int, target: int) -> Object:
        """Return a new RESHAPE from one tensor to another of as many elements."""
        shape = self.add_constant(f"{self.label(target)}/shape", np.array(self.shape(target), np.int32))
        options = self.schema.ReshapeOptionsT()
        options.newShape = self.shape(target)
        return self.operator("RESHAPE", [source, shape], [target], options)

    def replace(self, op: Object, others: Sequence[Object]) -> None:
        """Put operators into the place of one, or none."""
        at = next(i for i, other in enumerate(self.main.operators) if other is op)
        self.main.operators[at : at + 1] = list(others)

    def drop_subgraphs(self) -> None:
        """Remove the last subgraphs as long as nothing runs them, and the signatures that name these."""
        control = ("initSubgraphIndex", "thenSubgraphIndex", "elseSubgraphIndex", "condSubgraphIndex")
        fields = (*control, "bodySubgraphIndex", "subgraphIndex", "decompositionSubgraphIndex")
        while len(self.model.subgraphs) > 1:
            operators = [op for graph in self.model.subgraphs for op in graph.operators or ()]
            options = [o for op in operators for o in (op.builtinOptions, op.builtinOptions2) if o is not None]
            if len(self.model.subgraphs) - 1 in {getattr(o, f, 0) for o in options for f in fields}:
                break
            self.model.subgraphs.pop()
        kept = [s for s in self.model.signatureDefs or () if s.subgraphIndex < len(self.model.subgraphs)]
        self.model.signatureDefs = kept or None

    def drop_tensors(self) -> None:
        """Remove the tensors of the main graph that nothing names, and the bytes of buffers that no tensor has."""
        named = {int(i) for i in (*self.main.inputs, *self.main.outputs)}
        for op in self.main.operators:
            middle = () if op.intermediates is None else op.intermediates
            named.update(int(i) for i in (*self.inputs(op), *self.outputs(op), *middle) if i >= 0)
        number = {old: new for new, old in enumerate(sorted(named))} | {-1: -1}
        self.main.tensors = [self.main.tensors[i] for i in sorted(named)]
        for owner, fields in (
            (self.main, ("inputs", "outputs")),
            *((op, ("inputs", "outputs", "intermediates")) for op in self.main.operators),
        ):
            for field in fields:
                if getattr(owner, field) is not None:
                    setattr(owner, field, [number[int(i)] for i in getattr(owner, field)])
        for signature in self.model.signatureDefs or ():
            if signature.subgraphIndex == 0:
                for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
                    entry.tensorIndex = number[entry.tensorIndex]
        used = {t.buffer for g in self.model.subgraphs for t in g.tensors or ()}
        used |= {m.buffer for m in self.model.metadata or ()}
        for i, buffer in enumerate(self.model.buffers):
            if i not in used:
                buffer.data = None

    def return_instead(self, old: int, new: int) -> None:
        """Return one tensor in the place of another, if that is returned."""
        self.main.outputs = [new if i == old else i for i in self.results]
        for signature in self.model.signatureDefs or ():
            for entry in signature.outputs or ():
                if signature.subgraphIndex == 0 and entry.tensorIndex == old:
                    entry.tensorIndex = new

    def redirect(self, old: int, new: int) -> None:
        """Let everything that reads one tensor read another; the outputs of the model stay."""
        for op in self.main.operators:
            op.inputs = [new if i == old else i for i in self.inputs(op)]
