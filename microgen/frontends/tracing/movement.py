"""Takes out of a converted model what only moves values to and fro.

litert-torch puts a TRANSPOSE or RESHAPE before and behind what it computes with channels last; where several of them
meet, they may do nothing together. What a chain of them does is found out by moving the numbers of the elements, which
is exact for any shapes, equal dimensions too.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..float_tflite.regions import Region, regions
from ..rewriting.graph import Graph, Object
from ..rewriting.rules import remove_unused

Array: TypeAlias = npt.NDArray[Any]
_MOVES = ("TRANSPOSE", "RESHAPE")
# Computed value by value, whatever the shape is.
_UNARY = frozenset(
    {"RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "ELU", "GELU", "ABS", "NEG", "EXP"}
)
_BINARY = frozenset({"ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM"})
_REDUCTIONS = frozenset({"MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"})
_LARGEST = 2**22  # elements that are looked at
_ROUNDS = 100


def without_moves(tflite: bytes) -> bytes:
    """Return a model that computes the same with fewer moves."""
    graph = Graph(tflite)
    for _ in range(_ROUNDS):
        if not any(rule(graph, op) for op in graph.operators for rule in _RULES) and not any(
            _function(graph, region) for region in regions(graph)
        ):
            break
        remove_unused(graph)
    graph.drop_tensors()
    return graph.pack()


def _is_move(graph: Graph, tensor: int) -> Object | None:
    """Return the TRANSPOSE or RESHAPE that writes a tensor."""
    op = graph.producer(tensor)
    return op if op is not None and graph.name(op) in _MOVES else None


def _source(graph: Graph, tensor: int) -> tuple[int, list[Object]]:
    """Return what a tensor is moved from, and the moves on the way."""
    moves: list[Object] = []
    while (op := _is_move(graph, tensor)) is not None:
        moves.insert(0, op)
        tensor = graph.inputs(op)[0]
    return tensor, moves


def _moved(graph: Graph, values: Array, moves: list[Object]) -> Array | None:
    """Return values after moves; None where a permutation is not known."""
    for op in moves:
        if graph.name(op) == "RESHAPE":
            values = values.reshape(graph.shape(graph.outputs(op)[0]))
            continue
        order = graph.constant(graph.inputs(op)[1])
        if order is None:
            return None
        values = values.transpose(order.tolist())
    return values


def _map(graph: Graph, tensor: int) -> tuple[int, list[Object], Array] | None:
    """Return where a tensor is moved from, by which moves, and the number of the element that each of its has."""
    source, moves = _source(graph, tensor)
    count = math.prod(graph.shape(source))
    if not moves or not 0 < count <= _LARGEST:
        return None
    numbers = _moved(graph, np.arange(count).reshape(graph.shape(source)), moves)
    return None if numbers is None else (source, moves, numbers)


def _is_read_here_only(graph: Graph, tensor: int) -> bool:
    return len(graph.readers(tensor)) == 1 and tensor not in graph.results


def _chain(graph: Graph, op: Object) -> bool:
    """A chain of moves is a RESHAPE, or one TRANSPOSE, or nothing."""
    if graph.name(op) not in _MOVES:
        return False
    (target,) = graph.outputs(op)
    found = _map(graph, target)
    if found is None:
        return False
    source, moves, numbers = found
    ordered = np.arange(numbers.size)
    if (numbers.reshape(-1) == ordered).all():
        if graph.shape(source) == graph.shape(target) and target not in graph.results:
            graph.redirect(target, source)
            graph.replace(op, [])
            return True
        if len(moves) == 1 and graph.name(op) == "RESHAPE":
            return False
        graph.replace(op, [graph.reshape(source, target)])
        return True
    if len(moves) < 2:
        return False
    shape = graph.shape(source)
    for order in itertools.permutations(range(len(shape))):
        if [shape[k] for k in order] == graph.shape(target) and (
            ordered.reshape(shape).transpose(order) == numbers
        ).all():
            constant = graph.add_constant(f"{graph.label(target)}/order", np.array(order, np.int32))
            options = graph.schema.TransposeOptionsT()
            graph.replace(op, [graph.operator("TRANSPOSE", [source, constant], [target], options)])
            return True
    return False


def _dense(graph: Graph, op: Object) -> bool:
    """A dense layer behind moves has its weights in another order."""
    if graph.name(op) != "FULLY_CONNECTED":
        return False
    (read, matrix), (target,) = graph.inputs(op)[:2], graph.outputs(op)
    weights, shape = graph.constant(matrix), graph.shape(read)
    found = _map(graph, read)
    if weights is None or found is None or math.prod(shape[:-1]) != 1 or weights.dtype != np.float32:
        return False
    source, _, numbers = found
    order = numbers.reshape(-1)
    if (order == np.arange(order.size)).all():
        return False
    turned = np.empty_like(weights)
    turned[:, order] = weights
    flat = graph.add_tensor(f"{graph.label(read)}/flat", read, shape)
    constant = graph.add_constant(graph.label(matrix), turned)
    dense = graph.operator("FULLY_CONNECTED", [flat, constant, *graph.inputs(op)[2:]], [target], op.builtinOptions)
    dense.opcodeIndex = op.opcodeIndex
    graph.replace(op, [graph.reshape(source, flat), dense])
    return True


def _reduction(graph: Graph, op: Object) -> bool:
    """A reduction behind a TRANSPOSE is one over other axes."""
    if graph.name(op) not in _REDUCTIONS or op.builtinOptions is None or op.builtinOptions.keepDims:
        return False
    read, axes = graph.inputs(op)[0], graph.constant(graph.inputs(op)[1])
    move = _is_move(graph, read)
    if move is None or graph.name(move) != "TRANSPOSE" or axes is None:
        return False
    order = graph.constant(graph.inputs(move)[1])
    if order is None:
        return False
    gone = [int(a) % len(order) for a in np.ravel(axes)]
    kept = [int(order[k]) for k in range(len(order)) if k not in gone]
    if kept != sorted(kept):
        return False
    constant = graph.add_constant(f"{graph.label(read)}/axes", np.array(sorted(int(order[k]) for k in gone), np.int32))
    op.inputs = [graph.inputs(move)[0], constant]
    return True


def _unary(graph: Graph, op: Object) -> bool:
    """What is computed value by value is so before a move as well: then moves meet, and go."""
    if graph.name(op) not in _UNARY:
        return False
    (read,), (target,) = graph.inputs(op)[:1], graph.outputs(op)
    move = _is_move(graph, read)
    if move is None or not _is_read_here_only(graph, read):
        return False
    source = graph.inputs(move)[0]
    inner = graph.add_tensor(graph.label(target), target, graph.shape(source))
    op.inputs, op.outputs = [source, *graph.inputs(op)[1:]], [inner]
    move.inputs, move.outputs = [inner, *graph.inputs(move)[1:]], [target]
    _swap(graph, move, op)
    return True


def _binary(graph: Graph, op: Object) -> bool:
    """The same for two values that are moved alike, or for one and a single number."""
    if graph.name(op) not in _BINARY:
        return False
    inputs, (target,) = graph.inputs(op), graph.outputs(op)
    moves = [_is_move(graph, i) for i in inputs]
    numbers = [graph.constant(i) for i in inputs]
    first = 0 if moves[0] is not None else 1
    move, other = moves[first], 1 - first
    if (
        move is None
        or graph.shape(inputs[first]) != graph.shape(target)
        or not _is_read_here_only(graph, inputs[first])
    ):
        return False
    constant = numbers[other]
    source = graph.inputs(move)[0]
    read = list(inputs)
    read[first] = source
    if constant is None:
        twin = moves[other]
        if twin is None or twin is move or not _is_read_here_only(graph, inputs[other]):
            return False
        if graph.shape(graph.inputs(twin)[0]) != graph.shape(source) or not _same(graph, move, twin):
            return False
        read[other] = graph.inputs(twin)[0]
    elif constant.size != 1:
        return False
    inner = graph.add_tensor(graph.label(target), target, graph.shape(source))
    op.inputs, op.outputs = read, [inner]
    move_inputs = [inner, *graph.inputs(move)[1:]]
    moved = graph.operator(graph.name(move), move_inputs, [target], move.builtinOptions)
    graph.replace(op, [op, moved])
    return True


def _pad(graph: Graph, op: Object) -> bool:
    """A PAD behind a TRANSPOSE pads other dimensions."""
    if graph.name(op) != "PAD":
        return False
    (read, pads), (target,) = graph.inputs(op), graph.outputs(op)
    move, edges = _is_move(graph, read), graph.constant(pads)
    if move is None or graph.name(move) != "TRANSPOSE" or edges is None or not _is_read_here_only(graph, read):
        return False
    order = graph.constant(graph.inputs(move)[1])
    if order is None:
        return False
    source = graph.inputs(move)[0]
    turned = np.zeros_like(edges)
    turned[order] = edges
    shape = [d + int(e.sum()) for d, e in zip(graph.shape(source), turned, strict=True)]
    inner = graph.add_tensor(graph.label(target), target, shape)
    op.inputs, op.outputs = [source, graph.add_constant(graph.label(pads), turned)], [inner]
    moved = graph.operator("TRANSPOSE", [inner, graph.inputs(move)[1]], [target], move.builtinOptions)
    graph.replace(op, [op, moved])
    return True


def _function(graph: Graph, region: Region) -> bool:
    """A function of each element alone, of several operators, is so before a move as well."""
    move = _is_move(graph, region.source)
    inside = {id(op) for op in region.operators}
    if move is None or region.source in graph.results or any(id(r) not in inside for r in graph.readers(region.source)):
        return False
    source = graph.inputs(move)[0]
    shape = graph.shape(source)
    inner = graph.add_tensor(graph.label(region.target), region.target, shape)
    for op in region.operators:
        op.inputs = [source if i == region.source else _one(graph, i) for i in graph.inputs(op)]
        op.outputs = [inner if i == region.target else i for i in graph.outputs(op)]
        for i in graph.outputs(op):
            graph.main.tensors[i].shape = shape
    move.inputs, move.outputs = [inner, *graph.inputs(move)[1:]], [region.target]
    _swap(graph, move, region.operators[-1])
    return True


def _one(graph: Graph, tensor: int) -> int:
    """Return a constant of equal values as a single number; other tensors as they are."""
    values = graph.constant(tensor)
    return tensor if values is None or values.size == 1 else graph.add_constant(graph.label(tensor), values.flat[:1])


def _same(graph: Graph, a: Object, b: Object) -> bool:
    """Return whether two moves of equal shapes do the same."""
    if graph.name(a) != graph.name(b) or graph.shape(graph.outputs(a)[0]) != graph.shape(graph.outputs(b)[0]):
        return False
    if graph.name(a) == "RESHAPE":
        return True
    one, other = (graph.constant(graph.inputs(op)[1]) for op in (a, b))
    return one is not None and other is not None and one.tolist() == other.tolist()


def _swap(graph: Graph, first: Object, second: Object) -> None:
    """Let the first operator run right behind the second."""
    graph.main.operators = [op for op in graph.main.operators if op is not first]
    at = next(k for k, op in enumerate(graph.main.operators) if op is second)
    graph.main.operators.insert(at + 1, first)


_RULES = (_chain, _dense, _reduction, _unary, _binary, _pad)
