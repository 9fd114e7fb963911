"""A table of 256 bytes that a .tflite has as three operators: CAST to int32, ADD of 128, GATHER from the table.

No operator of TensorFlow Lite is a table of its own. These three compute one in TFLM's and LiteRT's reference kernels.
Here they are one look-up: the GATHER does it, and the two operators before have nothing left to do.
"""

from __future__ import annotations

import numpy as np

from ....tflite import Operator
from ..steps import Lookup, Nothing, Step
from ..values import Int8
from . import elementwise, movement
from .context import Op

_OFFSET = 128


def cast(op: Op) -> Step:
    """CAST that begins a table."""
    gather = _gather_behind(op)
    if gather is None:
        return op.refuse("a CAST that is no part of a table of 256 bytes")
    return Nothing(index=op.op.index, name=op.name, inputs=(), outputs=())


def add(op: Op) -> Step:
    """ADD: the index of a table, or a sum of int8."""
    if op.output.dtype == "int32" and _gather_behind(op) is not None:
        return Nothing(index=op.op.index, name=op.name, inputs=(), outputs=())
    return elementwise.add(op)


def gather(op: Op) -> Step:
    """GATHER: with constant indices, or from a table."""
    source = _source(op, op.op)
    if source < 0:
        return movement.gather(op)
    op.need(op.output.elements == op.context.tensor(source).elements, "an output of another size")
    op.need(op.output.dtype == "int8", f"a table of int8 to {op.output.dtype}")
    table: Int8 = op.constant(0, "its table").reshape(-1).astype(np.int8)
    c = op.context
    outputs = tuple(c.value(i) for i in op.op.outputs)
    return Lookup(index=op.op.index, name=op.name, inputs=(c.value(source),), outputs=outputs, table=table)


def _gather_behind(op: Op) -> Operator | None:
    """Return the GATHER of the table that an operator is a part of; None if its output goes anywhere else."""
    output = op.op.outputs[0]
    readers = [other for other in op.context.graph.operators if output in other.inputs]
    if len(readers) != 1 or output in op.context.graph.outputs:
        return None
    (reader,) = readers
    if op.name == "CAST":
        return _gather_behind(Op(op.context, reader)) if reader.name == "ADD" else None
    return reader if reader.name == "GATHER" and _source(op, reader) >= 0 else None


def _source(op: Op, gather: Operator) -> int:
    """Return the int8 tensor that a GATHER looks up in a table; -1 if it is something else."""
    c = op.context
    writers = {i: other for other in c.graph.operators for i in other.outputs}
    table, indices = gather.inputs[:2]
    values, adding = c.constant(table), writers.get(indices)
    is_table = values is not None and values.dtype == np.int8 and values.shape == (256,)
    if not is_table or gather.options.batch_dims or adding is None or adding.name != "ADD":
        return -1
    offset, casting = c.constant(adding.inputs[1]), writers.get(adding.inputs[0])
    if offset is None or offset.reshape(-1).tolist() != [_OFFSET] or casting is None or casting.name != "CAST":
        return -1
    source = casting.inputs[0]
    is_byte = c.tensor(source).dtype == "int8" and not c.tensor(source).is_constant
    alone = all(
        sum(tensor in other.inputs for other in c.graph.operators) == 1 and tensor not in c.graph.outputs
        for tensor in (indices, adding.inputs[0])
    )
    return source if is_byte and alone and adding.options.activation == "" else -1
