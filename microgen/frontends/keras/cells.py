"""Gives the cell states of LSTMs a range that LiteRT supports."""

from __future__ import annotations

import struct

from ...tflite import parse
from ...tflite.flatbuffer import Table

_CELL_STATE = 19  # position of an LSTM's cell state among its inputs
_FINEST = 2.0**-15


def widen_cells(data: bytes) -> bytes:
    """Return a quantized model in which no cell state of an LSTM has a scale below 2^-15.

    The converter chooses the scale by the largest value that it saw; below 1/2 that becomes 2^-16, for which LiteRT has
    no tanh. Nothing else in the model depends on it: weights and biases are scaled by the inputs and the hidden state.
    """
    model = parse(data)
    changed = bytearray(data)
    graphs = list(Table.root(data).tables(2))
    for graph, table in zip(model.subgraphs, graphs, strict=True):
        tensors = list(table.tables(0))
        for op in graph.operators:
            if op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM" or len(op.inputs) <= _CELL_STATE:
                continue
            cell = graph.tensors[op.inputs[_CELL_STATE]]
            quantization = tensors[cell.index].table(4)
            if cell.dtype == "int16" and 0 < cell.scale < _FINEST and quantization is not None:
                struct.pack_into("<f", changed, quantization.span(2)[0], _FINEST)
    return bytes(changed)
