"""Removes harmless quirks of old converters from a copy of a model, for a reference that rejects them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .flatbuffer import Table
from .model import TfliteModel
from .reader import is_benign_dimension


@dataclass(frozen=True)
class Normalised:
    """The bytes of the copy, and its changes, one line per change; without changes, no copy is made."""

    data: bytes
    changes: tuple[str, ...]


def normalise(model: TfliteModel) -> Normalised:
    """Return a copy of the model that LiteRT accepts.

    One quirk is known: the scales of a bias, which has one dimension, are said to go along dimension 3, as those of
    the weights do. TFLM never looks at it; LiteRT rejects the model.
    """
    data = bytearray(model.data)
    changes = []
    graphs = list(Table.root(model.data).tables(2))
    for graph, table in zip(model.subgraphs, graphs, strict=True):
        for tensor, entry in zip(graph.tensors, table.tables(0), strict=True):
            quantization, stored = tensor.quantization, entry.table(4)
            if quantization is None or stored is None or not quantization.per_channel:
                continue
            if is_benign_dimension(quantization.dimension, tensor.shape):
                struct.pack_into("<i", data, stored.position(6), 0)
                changes.append(f"quantized_dimension of '{tensor.name}': {quantization.dimension} to 0")
    return Normalised(bytes(data), tuple(changes))
