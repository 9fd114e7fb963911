"""The rewrites: each replaces what no TFLM has by operators that compute the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...tflite import Operator
from .graph import Graph, Object

# TFLM's CONCATENATION takes no more (kMaxInputNum of its kernel).
_MAX_JOINED = 10
_LOWEST = -1e30
# What touches more than its outputs.
_EFFECTS = frozenset({"ASSIGN_VARIABLE", "CALL_ONCE", "WHILE", "IF", "CUSTOM"})
_VALID, _SAME = 1, 0


def float16(graph: Graph, op: Object) -> bool:
    """Float16 weights behind a DEQUANTIZE are float32 constants, value by value."""
    source = graph.inputs(op)[0]
    values = graph.constant(source) if graph.dtype(source) == "float16" else None
    if values is None:
        return False
    graph.fill(graph.outputs(op)[0], values.astype(np.float32))
    graph.replace(op, [])
    return True


def expand_dims(graph: Graph, op: Object) -> bool:
    """EXPAND_DIMS is a RESHAPE."""
    graph.replace(op, [graph.reshape(graph.inputs(op)[0], graph.outputs(op)[0])])
    return True


def embedding_lookup(graph: Graph, op: Object) -> bool:
    """EMBEDDING_LOOKUP takes rows of a table, as GATHER does."""
    indices, table = graph.inputs(op)
    graph.replace(op, [graph.operator("GATHER", [table, indices], graph.outputs(op), graph.schema.GatherOptionsT())])
    return True


def select(graph: Graph, op: Object) -> bool:
    """An Embedding's `where(i < 0, i + n, i)` is `i` for each index that a table of n rows has."""
    condition, shifted, plain = graph.inputs(op)
    (chosen,) = graph.outputs(op)
    less, add = graph.producer(condition), graph.producer(shifted)
    if less is None or add is None or graph.name(less) != "LESS" or graph.name(add) != "ADD":
        return False
    zero, rows = (graph.constant(i) for i in (graph.inputs(less)[1], graph.inputs(add)[1]))
    readers = graph.readers(chosen)
    if not (
        graph.inputs(less)[0] == graph.inputs(add)[0] == plain
        and zero is not None and zero.size == 1 and not zero.any()
        and rows is not None and rows.size == 1
        and chosen not in graph.results
        and all(graph.name(r) == "GATHER" and graph.inputs(r)[1] == chosen for r in readers)
        and all(graph.shape(graph.inputs(r)[0])[0] == rows.item() for r in readers)
    ):  # fmt: skip
        return False
    graph.redirect(chosen, plain)
    graph.replace(op, [])
    return True


def tile(graph: Graph, op: Object) -> bool:
    """TILE along one dimension: of 1 element it is a nearest resize of the one before, else joined copies."""
    (source, times), (target,) = graph.inputs(op), graph.outputs(op)
    factors, shape = graph.constant(times), graph.shape(source)
    if factors is None or graph.dtype(source) not in ("float32", "int8", "int16"):
        return False
    axes = [axis for axis, factor in enumerate(factors.tolist()) if factor != 1]
    if len(axes) != 1:
        return False
    (axis,), name = axes, graph.label(target)
    factor = int(factors[axis])
    if shape[axis] == 1:
        width = shape[axis - 1] if axis else 1
        height, depth = math.prod(shape[: max(axis - 1, 0)]), math.prod(shape[axis + 1 :])
        flat = graph.add_tensor(f"{name}/flat", source, [1, height, width, depth])
        wide = graph.add_tensor(f"{name}/wide", source, [1, height, width * factor, depth])
        size = graph.add_constant(f"{name}/size", np.array([height, width * factor], np.int32))
        options = graph.schema.ResizeNearestNeighborOptionsT()
        resize = graph.operator("RESIZE_NEAREST_NEIGHBOR", [flat, size], [wide], options, 2)
        graph.replace(op, [graph.reshape(source, flat), resize, graph.reshape(wide, target)])
        return True
    if factor > _MAX_JOINED:
        return False
    options = graph.schema.ConcatenationOptionsT()
    options.axis = axis
    graph.replace(op, [graph.operator("CONCATENATION", [source] * factor, [target], options)])
    return True


def batch_matmul(graph: Graph, op: Object) -> bool:
    """BATCH_MATMUL with a constant matrix is FULLY_CONNECTED."""
    (source, other), (target,) = graph.inputs(op), graph.outputs(op)
    options, values = op.builtinOptions, graph.constant(other)
    if values is None or values.dtype != np.float32 or values.size != math.prod(values.shape[-2:]):
        return False
    if options is not None and options.adjX:
        return False
    matrix = values.reshape(values.shape[-2:])
    weights = matrix if options is not None and options.adjY else matrix.T
    dense = graph.schema.FullyConnectedOptionsT()
    dense.keepNumDims = True
    constant = graph.add_constant(f"{graph.label(other)}/dense", weights)
    graph.replace(op, [graph.operator("FULLY_CONNECTED", [source, constant, -1], [target], dense, 5)])
    return True


def padv2(graph: Graph, op: Object) -> bool:
    """PADV2 with zeros is PAD; with the lowest value before a MAX_POOL_2D it is that pool's own padding."""
    source, pads, value = graph.inputs(op)
    (target,) = graph.outputs(op)
    filled, paddings = graph.constant(value), graph.constant(pads)
    if filled is None or paddings is None or filled.dtype != np.float32:
        return False
    if not filled.any():
        graph.replace(op, [graph.operator("PAD", [source, pads], [target], graph.schema.PadOptionsT())])
        return True
    readers = graph.readers(target)
    if filled.item() > _LOWEST or target in graph.results or len(readers) != 1:
        return False
    (pool,) = readers
    options = pool.builtinOptions
    if graph.name(pool) != "MAX_POOL_2D" or options is None or options.padding != _VALID:
        return False
    window, strides = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
    if not _is_same(graph.shape(source), paddings.tolist(), window, strides):
        return False
    options.padding = _SAME
    graph.redirect(target, source)
    graph.replace(op, [])
    return True


def concatenation(graph: Graph, op: Object) -> bool:
    """CONCATENATION of more tensors than TFLM joins at once is one of joined groups."""
    parts, (target,) = graph.inputs(op), graph.outputs(op)
    if len(parts) <= _MAX_JOINED:
        return False
    axis = op.builtinOptions.axis % len(graph.shape(target))
    made: list[Object] = []

    def join(sources: Sequence[int], into: int) -> None:
        options = graph.schema.ConcatenationOptionsT()
        options.axis = axis
        made.append(graph.operator("CONCATENATION", sources, [into], options))

    while len(parts) > _MAX_JOINED:
        groups = [parts[k : k + _MAX_JOINED] for k in range(0, len(parts), _MAX_JOINED)]
        parts = []
        for k, group in enumerate(groups):
            if len(group) == 1:
                parts += group
                continue
            shape = graph.shape(target)
            shape[axis] = sum(graph.shape(i)[axis] for i in group)
            parts.append(graph.add_tensor(f"{graph.label(target)}/joined{len(made)}_{k}", target, shape))
            join(group, parts[-1])
    join(parts, target)
    graph.replace(op, made)
    return True


def reduce_window(graph: Graph, op: Object) -> bool:
    """STABLEHLO_REDUCE_WINDOW of a maximum over height and width is MAX_POOL_2D."""
    options = op.builtinOptions2
    (source, start), (target,) = graph.inputs(op), graph.outputs(op)
    first, shape = graph.constant(start), graph.shape(source)
    if options is None or len(shape) != 4 or first is None or first.item() > _LOWEST:
        return False
    body = graph.model.subgraphs[options.bodySubgraphIndex].operators
    if len(body) != 1 or graph.name(body[0]) not in ("MAXIMUM", "STABLEHLO_MAXIMUM"):
        return False

    def four(field: Any) -> list[int]:  # noqa: ANN401
        return [1] * 4 if field is None else [int(x) for x in field]

    window, strides = four(options.windowDimensions), four(options.windowStrides)
    dilations = four(options.baseDilations) + four(options.windowDilations)
    pads = np.zeros((4, 2), np.int64) if options.padding is None else np.asarray(options.padding).reshape(4, 2)
    if any(d != 1 for d in (*dilations, window[0], window[3], strides[0], strides[3])):
        return False
    if pads.any() and not _is_same(shape, pads.tolist(), window[1:3], strides[1:3]):
        return False
    pool = graph.schema.Pool2DOptionsT()
    pool.padding = _SAME if pads.any() else _VALID
    pool.filterHeight, pool.filterWidth, pool.strideH, pool.strideW = *window[1:3], *strides[1:3]
    graph.replace(op, [graph.operator("MAX_POOL_2D", [source], [target], pool)])
    return True


def _is_same(
    shape: Sequence[int], pads: Sequence[Sequence[int]], window: Sequence[int], strides: Sequence[int]
) -> bool:
    """Return whether paddings are those of TensorFlow's SAME: the smaller half in front."""
    wanted = []
    for size, length, stride in zip(shape[1:3], window, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + length - size, 0)
        wanted.append([total // 2, total - total // 2])
    return [list(p) for p in pads] == [[0, 0], *wanted, [0, 0]]


def reshape(graph: Graph, op: Object) -> bool:
    """A RESHAPE of what a RESHAPE gives reads that one's input; one that changes nothing goes."""
    source, (target,) = graph.inputs(op)[0], graph.outputs(op)
    before = graph.producer(source)
    if before is not None and graph.name(before) == "RESHAPE":
        op.inputs = [graph.inputs(before)[0], *graph.inputs(op)[1:]]
        return True
    if graph.shape(source) == graph.shape(target) and target not in graph.results:
        graph.redirect(target, source)
        graph.replace(op, [])
        return True
    return False


RULES: dict[str, Callable[[Graph, Object], bool]] = {
    "DEQUANTIZE": float16,
    "EMBEDDING_LOOKUP": embedding_lookup,
    "EXPAND_DIMS": expand_dims,
    "SELECT": select,
    "SELECT_V2": select,
    "TILE": tile,
    "BATCH_MATMUL": batch_matmul,
    "PADV2": padv2,
    "STABLEHLO_REDUCE_WINDOW": reduce_window,
    "CONCATENATION": concatenation,
}


def may_apply(op: Operator) -> bool:
    """Tell from an operator alone whether a rule may rewrite it."""
    return op.name in RULES and (op.name != "CONCATENATION" or len(op.inputs) > _MAX_JOINED)


def apply(graph: Graph) -> list[str]:
    """Apply all rules; say what was rewritten, "TILE 'layer'" a rewrite."""
    changes = remove_unused(graph)
    rules = len(changes)
    for op in graph.operators:
        name, where = graph.name(op), graph.label(graph.outputs(op)[0]) if graph.outputs(op) else ""
        if (rule := RULES.get(name)) is not None and rule(graph, op):
            changes.append(f"{name} '{where.partition(';')[0]}'")
    if len(changes) > rules:
        graph.drop_subgraphs()
        for op in graph.operators:
            while graph.name(op) == "RESHAPE" and any(op is other for other in graph.main.operators):
                if not reshape(graph, op):
                    break
        remove_unused(graph)
    return changes


def remove_unused(graph: Graph) -> list[str]:
    """Remove operators of which nobody reads anything; say which."""
    changes = []
    for op in reversed(graph.operators):
        outputs, name = graph.outputs(op), graph.name(op)
        if not outputs or name in _EFFECTS or any(i in graph.results or graph.readers(i) for i in outputs):
            continue
        graph.replace(op, [])
        changes.append(f"{name} '{graph.label(outputs[0]).partition(';')[0]}', which nothing reads")
    return changes
