"""Joins quantized models with the same input into one that has all operators and all outputs.

Nothing is computed anew, so each output keeps its bytes. What the models have in common, leading operators with the
same weights and weights alone, is there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ..errors import InputError
from .model import TfliteModel
from .pack import pack
from .reader import parse

_SAME_HINT = "quantize the models with the same calibration data, so that their inputs agree"
# The FlatBuffers objects of the generated schema have no types.
_Object: TypeAlias = Any


@dataclass(frozen=True)
class Joined:
    """The joined model.

    Attributes:
        model: the model; its outputs are those of the first model, then those of the second, and so on.
        shared: the number of operators that the models share.
    """

    model: TfliteModel
    shared: int


def join(models: Sequence[TfliteModel], name: str) -> Joined:
    """Join models that take the same inputs.

    Args:
        models: at least two, with one graph each; their names become the outputs'.
        name: the name of the joined model.

    Raises:
        InputError: their inputs differ in shape, type, scale or zero point; one has control flow or named variables;
            or one gives nothing but what another gives.
    """
    first = models[0]
    for model in models:
        _check_joinable(model)
    for other in models[1:]:
        _check_same_inputs(first, other)
    whole = _Whole()
    for model in models:
        whole.add(model)
    return Joined(parse(whole.pack(name, [m.name for m in models]), name, "the joined model"), whole.shared)


def _check_joinable(model: TfliteModel) -> None:
    if len(model.subgraphs) > 1:
        raise InputError(f"{model.name}: has control flow", "only models with one graph can be merged")
    if "VAR_HANDLE" in model.ops:
        raise InputError(
            f"{model.name}: keeps its state in a named variable (VAR_HANDLE)", "build it as a separate model"
        )


def _check_same_inputs(first: TfliteModel, other: TfliteModel) -> None:
    if len(first.inputs) != len(other.inputs):
        raise InputError(
            f"{first.name} has {len(first.inputs)} inputs, {other.name} {len(other.inputs)}",
            "only models with the same inputs can be merged",
        )
    for one, two in zip(first.inputs, other.inputs, strict=True):
        for what, a, b in (
            ("shape", list(one.shape), list(two.shape)),
            ("type", one.dtype, two.dtype),
            ("quantization", one.affine, two.affine),
        ):
            if a != b:
                raise InputError(
                    f"input '{one.name}' of {first.name} has the {what} {a or 'none'}, '{two.name}' of {other.name} "
                    f"{b or 'none'}",
                    _SAME_HINT if what == "quantization" else "only models with the same input can be merged",
                )


class _Whole:
    """The joined model under construction."""

    def __init__(self) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._codes: list[_Object] = []
        self._buffers: list[_Object] = [schema.BufferT()]
        self._graph = schema.SubGraphT()
        self._graph.tensors, self._graph.operators, self._graph.inputs, self._graph.outputs = [], [], [], []
        # Existing objects by their contents.
        self._known: dict[Any, Any] = {}
        self.shared = 0

    def add(self, model: TfliteModel) -> None:
        """Append the operators of a model."""
        schema, graph = self._schema, self._graph
        source = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model.data, 0))
        (part,) = source.subgraphs
        inputs = [int(i) for i in part.inputs]
        place: dict[int, int] = {-1: -1}
        if graph.inputs:
            place |= dict(zip(inputs, graph.inputs, strict=True))
        for index, tensor in enumerate(part.tensors):
            data = source.buffers[tensor.buffer].data if source.buffers else None
            if index not in place and data is not None and len(data):
                place[index] = self._constant(tensor, bytes(bytearray(data)))
        if not graph.inputs:
            graph.inputs = [self._tensor(part.tensors[i]) for i in inputs]
            place |= dict(zip(inputs, graph.inputs, strict=True))
        for op in part.operators or []:
            self._operator(source, part, op, place)
        outputs = [place[int(i)] for i in part.outputs]
        if set(outputs) <= set(graph.outputs):
            raise InputError(f"{model.name}: has the same outputs as the other models", "merge models that differ")
        for old, new in zip(part.outputs, outputs, strict=True):
            graph.tensors[new].name = f"{model.name}/{part.tensors[int(old)].name.decode()}"
        graph.outputs += outputs

    def pack(self, name: str, parts: Sequence[str]) -> bytes:
        """Return the model's bytes."""
        whole = self._schema.ModelT()
        whole.version, whole.description = 3, f"{name}: {' + '.join(parts)}"
        whole.operatorCodes, whole.subgraphs, whole.buffers = self._codes, [self._graph], self._buffers
        return pack(whole)

    def _tensor(self, tensor: _Object, buffer: int = 0) -> int:
        tensor.buffer = buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _constant(self, tensor: _Object, data: bytes) -> int:
        stored = ("buffer", hashlib.sha256(data).digest(), len(data))
        if stored not in self._known:
            buffer = self._schema.BufferT()
            buffer.data = np.frombuffer(data, np.uint8)
            self._buffers.append(buffer)
            self._known[stored] = len(self._buffers) - 1
        key = ("tensor", self._known[stored], _kind(tensor))
        if key not in self._known:
            self._known[key] = self._tensor(tensor, self._known[stored])
        return int(self._known[key])

    def _operator(self, source: _Object, part: _Object, op: _Object, place: dict[int, int]) -> None:
        """Add an operator, unless an identical one has the same inputs; an operator with state is always added."""
        op.opcodeIndex = self._code(source.operatorCodes[op.opcodeIndex])
        has_state = False
        for i in (*op.inputs, *(op.intermediates if op.intermediates is not None else ())):
            if int(i) not in place:  # variables and intermediates are separate in each model
                has_state = True
                place[int(i)] = self._tensor(part.tensors[int(i)])
        op.inputs = [place[int(i)] for i in op.inputs]
        if op.intermediates is not None:
            op.intermediates = [place[int(i)] for i in op.intermediates]
        old = [int(i) for i in op.outputs]
        op.outputs = None
        key = ("operator", _plain(op), tuple(_kind(part.tensors[i]) for i in old))
        if key in self._known and not has_state:
            self.shared += 1
        else:
            op.outputs = self._known[key] = [self._tensor(part.tensors[i]) for i in old]
            self._graph.operators.append(op)
        place |= dict(zip(old, self._known[key], strict=True))

    def _code(self, code: _Object) -> int:
        key = ("code", _plain(code))
        if key not in self._known:
            self._codes.append(code)
            self._known[key] = len(self._codes) - 1
        return int(self._known[key])


def _kind(tensor: _Object) -> Any:  # noqa: ANN401
    """Return a tensor's properties without its name and values."""
    return _plain({k: v for k, v in vars(tensor).items() if k not in ("name", "buffer")})


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return a schema object as nested tuples, for comparison."""
    if isinstance(value, dict):
        return tuple((k, _plain(v)) for k, v in sorted(value.items()))
    if isinstance(value, (list, tuple, np.ndarray)):
        return tuple(_plain(v) for v in value)
    if hasattr(value, "__dict__"):
        return (type(value).__name__, _plain(vars(value)))
    return value.item() if isinstance(value, np.generic) else value
