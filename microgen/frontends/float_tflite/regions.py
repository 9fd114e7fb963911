"""Parts of a float model that compute each element of one tensor from the same element of one other.

Such a part is a function of one number, whatever operators it has: of an int8 tensor, a table of 256 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..rewriting.graph import Graph, Object

Array: TypeAlias = npt.NDArray[Any]
_Function: TypeAlias = Callable[..., Array]


def _select(condition: Array, x: Array, y: Array) -> Array:
    return np.asarray(np.where(condition, x, y))


_erf = np.vectorize(math.erf, otypes=[np.float64])
_FUNCTIONS: Mapping[str, _Function] = {
    "ABS": np.abs, "ADD": np.add, "COS": np.cos, "DIV": np.divide, "EQUAL": np.equal, "EXP": np.exp,
    "FLOOR": np.floor, "GREATER": np.greater, "GREATER_EQUAL": np.greater_equal, "LESS": np.less,
    "LESS_EQUAL": np.less_equal, "LOG": np.log, "LOGICAL_AND": np.logical_and, "LOGICAL_NOT": np.logical_not,
    "LOGICAL_OR": np.logical_or, "MAXIMUM": np.maximum, "MINIMUM": np.minimum, "MUL": np.multiply, "NEG": np.negative,
    "NOT_EQUAL": np.not_equal, "POW": np.power,
    "SIGN": np.sign, "SIN": np.sin, "SQRT": np.sqrt, "SQUARE": np.square, "SUB": np.subtract, "TANH": np.tanh,
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, 0, 6),
    "RELU_N1_TO_1": lambda x: np.clip(x, -1, 1),
    "RELU_0_TO_1": lambda x: np.clip(x, 0, 1),
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "SELECT": _select,
    "SELECT_V2": _select,
    "SQUARED_DIFFERENCE": lambda x, y: np.square(x - y),
}  # fmt: skip
_WITH_OPTIONS = frozenset({"GELU", "LEAKY_RELU"})
# By the schema's ActivationFunctionType.
_FUSED: Mapping[int, str] = {1: "RELU", 2: "RELU_N1_TO_1", 3: "RELU6", 4: "TANH"}
# Those that ai-edge-quantizer and TFLM have in int8: a part of no others needs no table.
_INT8 = frozenset(
    {
        "ADD", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MUL", "RELU", "RSQRT", "SQUARED_DIFFERENCE", "SUB",
        "TANH",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Region:
    """A part with one input and one output.

    Attributes:
        source, target: the tensors.
        operators: in their order.
    """

    source: int
    target: int
    operators: tuple[Object, ...]


def regions(graph: Graph) -> list[Region]:
    """Return the largest parts that have an operator which no integer kernel computes, in their order."""
    candidates = [op for op in graph.operators if _is_elementwise(graph, op)]
    chains = _chains(graph, candidates)
    found: list[Region] = []
    taken: set[int] = set()
    for op in candidates:
        if graph.name(op) in _INT8 or id(op) in taken or graph.outputs(op)[0] not in chains:
            continue
        region = _largest(graph, op, candidates, chains)
        if region is not None and not any(id(o) in taken for o in region.operators):
            found.append(region)
            taken.update(id(o) for o in region.operators)
    return found


def evaluate(graph: Graph, region: Region, values: Array) -> Array:
    """Return what a part makes of numbers, in float64."""
    known: dict[int, Array] = {region.source: values.astype(np.float64)}
    with np.errstate(all="ignore"):
        for op in region.operators:
            inputs = [known[i] if i in known else _single(graph, i) for i in graph.inputs(op)]
            known[graph.outputs(op)[0]] = np.broadcast_to(_apply(graph, op, inputs), values.shape)
    return known[region.target]


def _apply(graph: Graph, op: Object, inputs: list[Any]) -> Array:
    name, options = graph.name(op), op.builtinOptions
    if name == "LEAKY_RELU":
        return np.asarray(np.where(inputs[0] >= 0, inputs[0], inputs[0] * float(np.float32(options.alpha))))
    if name == "GELU":
        x = inputs[0]
        if options.approximate:
            return np.asarray(0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))))
        return np.asarray(0.5 * x * (1 + _erf(x / math.sqrt(2))))
    result = np.asarray(_FUNCTIONS[name](*inputs))
    fused = _FUSED.get(getattr(options, "fusedActivationFunction", 0))
    return np.asarray(_FUNCTIONS[fused](result)) if fused else result


def _is_elementwise(graph: Graph, op: Object) -> bool:
    """Return whether an operator computes each element from one element of each input, or from single constants."""
    if graph.name(op) not in _FUNCTIONS and graph.name(op) not in _WITH_OPTIONS:
        return False
    if getattr(op.builtinOptions, "fusedActivationFunction", 0) not in (0, *_FUSED):
        return False
    shape = graph.shape(graph.outputs(op)[0])
    computed = [i for i in graph.inputs(op) if graph.constant(i) is None]
    fixed = [i for i in graph.inputs(op) if graph.constant(i) is not None]
    return (
        bool(computed)
        and all(graph.shape(i) == shape and graph.dtype(i) in ("float32", "bool") for i in computed)
        and all(_single(graph, i) is not None for i in fixed)
    )


def _single(graph: Graph, tensor: int) -> Any:  # noqa: ANN401 - a number, or None
    """Return the one value that all elements of a constant have; None where they differ."""
    values = graph.constant(tensor)
    if values is None or not values.size or (values != values.flat[0]).any():
        return None
    return values.flat[0] if values.dtype.kind == "b" else np.float64(values.flat[0])


def _chains(graph: Graph, candidates: list[Object]) -> dict[int, list[int]]:
    """Return for what candidates write the tensors that it is a function of, the nearest first."""
    chains: dict[int, list[int]] = {}
    for op in candidates:
        paths = [[i, *chains.get(i, ())] for i in graph.inputs(op) if graph.constant(i) is None]
        common = [i for i in paths[0] if all(i in path for path in paths[1:]) and graph.dtype(i) == "float32"]
        if common:
            chains[graph.outputs(op)[0]] = common
    return chains


def _largest(graph: Graph, op: Object, candidates: list[Object], chains: dict[int, list[int]]) -> Region | None:
    for source in reversed(chains[graph.outputs(op)[0]]):
        inner = [o for o in candidates if source in chains.get(graph.outputs(o)[0], ())]
        for last in reversed(inner):
            target = graph.outputs(last)[0]
            part = _between(graph, inner, source, target)
            if graph.dtype(target) == "float32" and any(o is op for o in part) and _is_closed(graph, part, target):
                return Region(source, target, tuple(part))
    return None


def _between(graph: Graph, inner: list[Object], source: int, target: int) -> list[Object]:
    """Return the operators that a tensor is computed by from another, in their order."""
    part: list[Object] = []
    needed = {target}
    for op in reversed(inner):
        if needed.intersection(graph.outputs(op)):
            part.insert(0, op)
            needed.update(i for i in graph.inputs(op) if i != source)
    return part


def _is_closed(graph: Graph, part: list[Object], target: int) -> bool:
    """Return whether nothing outside reads what the part computes on its way."""
    inside = {id(op) for op in part}
    written = {i for op in part for i in graph.outputs(op)} - {target}
    return not written.intersection(graph.results) and all(id(r) in inside for i in written for r in graph.readers(i))
