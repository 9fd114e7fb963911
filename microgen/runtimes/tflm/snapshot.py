"""The TFLM that a board builds with, and what it is known to get wrong."""

from __future__ import annotations

from dataclasses import dataclass

from ...boards import Board, TflmSnapshot
from ...boards.shapes import OpShape
from ...errors import InputError
from ...tflite import Operator, Subgraph, TfliteModel
from ...tflite.check import computes_in_float
from ...tflite.kept import kept_for_model
from ...tflite.reader import DECODE

# What a generated project does about a known issue of the kernels.
_REMEDY = {
    "wrong-values": "the golden vectors report wrong values",
    "overrun": "the golden vectors show whether it has an effect",
}


def snapshot_of(board: Board) -> TflmSnapshot:
    """Return the TFLM of a board.

    Raises:
        InputError: nobody has built TFLM for it.
    """
    if board.snapshot is None:
        raise InputError(f"{board.title} has no TFLM", "choose another board (microgen boards)")
    return board.snapshot


def known_faults(model: TfliteModel, snapshot: TflmSnapshot) -> tuple[str, ...]:
    """Return what the board's own kernels are known to get wrong in this model, one line per operator."""
    found = sorted(
        (place, number, issue)
        for kind in operator_kinds(model)
        for number, issue in enumerate(snapshot.issues(kind.name, kind.shape))
        for place in kind.places
    )
    lines = []
    for (subgraph, operator), _, issue in found:
        graph = model.subgraphs[subgraph]
        op = graph.operators[operator]
        lines.append(
            f"operator {op.index} ({op.name}, '{graph.tensors[op.outputs[0]].name}') on {snapshot.kernels}: "
            f"{issue.text}; {issue.url}; {_REMEDY[issue.effect]}"
        )
    return tuple(lines)


def unknown_memory(model: TfliteModel) -> tuple[str, ...]:
    """Name the operators whose kernels may ask the arena for more than the planner knows, and weights that it holds."""
    decoded = [
        graph.tensors[i].bytes
        for graph in model.subgraphs
        for op in graph.operators
        if op.is_custom and op.name == DECODE
        for i in op.outputs
    ]
    custom = sorted({op.name for graph in model.subgraphs for op in graph.operators if op.is_custom})
    unknown = tuple(
        f"the arena need of the custom operator {name} is unknown; microgen build measures it on this machine, "
        "microgen tune on the board"
        for name in custom
    )
    if not decoded:
        return unknown
    growth = (
        f"{DECODE} writes {sum(decoded):,} bytes of decoded weights into the arena in each inference, up to "
        f"{max(decoded):,} at a time: the arena is planned with them"
    )
    return (growth, *unknown)


@dataclass(frozen=True)
class OperatorKind:
    """Operators of one name and one shape; `places` are theirs, as (subgraph, operator), in their order."""

    name: str
    shape: OpShape
    places: tuple[tuple[int, int], ...]


@kept_for_model
def operator_kinds(model: TfliteModel, *, in_float: bool = False) -> tuple[OperatorKind, ...]:
    """Return the operators of a model by what a kernel library's memory and faults depend on.

    Args:
        model: the model.
        in_float: also return operators in float32. No optimised library has kernels for them, so its faults and scratch
            memory do not matter, but they keep the library's own structs.
    """
    places: dict[tuple[str, OpShape], list[tuple[int, int]]] = {}
    for graph in model.subgraphs:
        for op in (op for op in graph.operators if in_float or not computes_in_float(graph, op)):
            places.setdefault((op.name, op_shape(graph, op)), []).append((graph.index, op.index))
    return tuple(OperatorKind(name, shape, tuple(found)) for (name, shape), found in places.items())


def op_shape(graph: Subgraph, op: Operator) -> OpShape:
    """Return the shapes of one operator, as a kernel library's scratch memory depends on them."""
    inputs = [graph.tensors[i] for i in op.inputs if i >= 0]
    data = next((t for t in inputs if not t.is_constant), None)
    weights = next((t for t in inputs if t.is_constant and len(t.shape) >= 2), None)
    return OpShape(
        input=data.shape if data else (),
        output=graph.tensors[op.outputs[0]].shape if op.outputs else (),
        filter=weights.shape if weights else (),
        activation_bytes=data.bytes // data.elements if data and data.elements else 1,
        strides=op.strides,
        dilations=op.dilations,
        inputs=len(op.inputs),
    )
