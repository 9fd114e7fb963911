"""Describes the difference between two .tflite models in terms of operators and tensors."""

from __future__ import annotations

from ..errors import InputError
from .model import Operator, Quantization, Tensor, TfliteModel
from .reader import parse

# Not the name: a firmware has none; see `microgen.tflite.flashed`.
_TENSOR = ("shape", "dtype", "quantization", "is_variable")
_OPERATOR = ("name", "version", "inputs", "outputs", "strides", "dilations", "activation")
_QUANTIZATION = ("zero_points", "scales", "dimension")
_Part = Operator | Tensor | Quantization


def describe_difference(model: TfliteModel, other: bytes) -> str:
    """Describe the first difference between a model and the bytes of another; "" if the parsed models agree.

    The first operator, tensor or constant that differs is named.
    """
    try:
        changed = parse(other)
    except InputError as error:
        return f"it is no sound model any more: {error.message}"
    for graph, theirs in zip(model.subgraphs, changed.subgraphs, strict=False):
        for op, other_op in zip(graph.operators, theirs.operators, strict=False):
            if text := _fields(f"operator {op.index} ({op.name})", _OPERATOR, op, other_op):
                return text
        for tensor, other_tensor in zip(graph.tensors, theirs.tensors, strict=False):
            if text := _fields(f"tensor '{tensor.name}'", _TENSOR, tensor, other_tensor):
                return text
    return ""


def _fields(what: str, names: tuple[str, ...], ours: _Part, theirs: _Part) -> str:
    for name in names:
        a, b = getattr(ours, name), getattr(theirs, name)
        if a != b and isinstance(a, Quantization) and isinstance(b, Quantization):
            return _fields(what, _QUANTIZATION, a, b)
        if a != b:
            return f"{what}: {name.replace('_', ' ')} {_short(a)} in the model, {_short(b)} in the firmware"
    return ""


def _short(value: object) -> str:
    if isinstance(value, tuple) and len(value) == 1:
        return str(value[0])
    return str(value)[:80]
