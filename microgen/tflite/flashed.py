"""Reduces a model to the bytes that a device reads, which lie in a firmware's flash.

TensorFlow Lite Micro reads tensors, operators and constants. Names, descriptions, signatures, metadata and the range
that calibration saw (min, max) are for people and converters; only the plan of an arena made by a tool is metadata that
it follows. The project's model.tflite keeps them all.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, TypeAlias

from ..errors import InputError
from .kept import kept_for_model
from .model import Subgraph, TfliteModel
from .pack import pack
from .reader import OFFLINE_PLAN, parse

# The FlatBuffers objects of the generated schema have no types.
_Object: TypeAlias = Any
# The exceptions of reading a damaged file without checks.
_UNREADABLE = (struct.error, ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError)


@kept_for_model
def flashed(model: TfliteModel) -> TfliteModel:
    """Return the model with the bytes that a firmware contains.

    Tensors keep their names and numbers; their `offset`, `size` and `buffer` are those in the new bytes. The larger of
    both files is never taken: a model that is small already stays as it is.

    Raises:
        InputError: a part of the file that a device does not read is damaged.
    """
    data = flashed_bytes(model)
    if data is model.data:
        return model
    small = parse(data, model.name, model.name)
    graphs = tuple(_named(ours, theirs) for ours, theirs in zip(small.subgraphs, model.subgraphs, strict=True))
    return dataclasses.replace(small, subgraphs=graphs)


@kept_for_model
def flashed_bytes(model: TfliteModel) -> bytes:
    """Return the bytes of `flashed`; `model.data` itself where the file is no larger."""
    data = _stripped(model.data)
    return data if len(data) < len(model.data) else model.data


def is_flashed(array: bytes, model: TfliteModel) -> bool:
    """Return whether a firmware's array is this model.

    It is what a device reads of it, or, in projects of earlier versions, the whole file.
    """
    return array in (model.data, flashed_bytes(model))


def _named(graph: Subgraph, original: Subgraph) -> Subgraph:
    tensors = zip(graph.tensors, original.tensors, strict=True)
    return dataclasses.replace(graph, tensors=tuple(dataclasses.replace(t, name=o.name) for t, o in tensors))


def _stripped(data: bytes) -> bytes:
    from ai_edge_litert import schema_py_generated as schema

    try:
        return pack(_read(data, schema))
    except _UNREADABLE as error:
        raise InputError(
            f"the model file is damaged in a part that no device reads: {error}", "convert or download it again"
        ) from None


def _read(data: bytes, schema: _Object) -> _Object:
    """Return the parts of a file that are kept."""
    root = schema.Model.GetRootAs(data, 0)
    whole = schema.ModelT()
    whole.version = root.Version()
    whole.operatorCodes = [
        schema.OperatorCodeT.InitFromObj(root.OperatorCodes(i)) for i in range(root.OperatorCodesLength())
    ]
    whole.subgraphs = [schema.SubGraphT.InitFromObj(root.Subgraphs(i)) for i in range(root.SubgraphsLength())]
    buffers = _Buffers(root, schema)
    for graph in whole.subgraphs:
        graph.name, graph.debugMetadataIndex = None, -1
        for tensor in graph.tensors or ():
            tensor.name, tensor.buffer = None, buffers.number(tensor.buffer)
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
        for op in graph.operators or ():
            op.debugMetadataIndex = -1
    whole.metadata = []
    for i in range(root.MetadataLength()):
        entry = schema.MetadataT.InitFromObj(root.Metadata(i))
        if entry.name == OFFLINE_PLAN.encode():
            entry.buffer = buffers.number(entry.buffer)
            whole.metadata.append(entry)
    whole.metadata = whole.metadata or None
    whole.buffers = buffers.kept
    return whole


class _Buffers:
    """The referenced buffers, each once; number 0 is the empty buffer."""

    def __init__(self, root: _Object, schema: _Object) -> None:
        self._root, self._schema = root, schema
        self.kept = [schema.BufferT()]
        self._numbers: dict[int, int] = {}

    def number(self, old: int) -> int:
        """Return the new number of a buffer."""
        if old not in self._numbers:
            self._numbers[old] = self._add(old)
        return self._numbers[old]

    def _add(self, old: int) -> int:
        # A file may have no buffer at all, not even the empty one.
        source = self._root.Buffers(old) if old < self._root.BuffersLength() else None
        if source is None or not source.DataLength():
            return 0
        buffer = self._schema.BufferT()
        buffer.data = source.DataAsNumpy()
        self.kept.append(buffer)
        return len(self.kept) - 1
