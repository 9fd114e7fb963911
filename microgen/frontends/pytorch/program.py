"""A PyTorch program as plain data: what a checked .pt2 archive says, before PyTorch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True)
class Ref:
    """A value by its name: an input, a weight, or what a node computed."""

    name: str


@dataclass(frozen=True)
class DType:
    """An element type, by PyTorch's name ("float32")."""

    name: str


@dataclass(frozen=True)
class Node:
    """A call of an operator.

    Attributes:
        operator: "aten.conv2d.default", or "operator.floordiv" of Python for sizes.
        arguments: by name; numbers, text, None, `Ref`, `DType`, and lists of them.
        outputs: the names of what it returns, "" for one that nobody reads; a list of tensors counts as several.
        path: the module that it belongs to ("features.0"), "" if the file does not say.
    """

    operator: str
    arguments: tuple[tuple[str, Any], ...]
    outputs: tuple[str, ...]
    path: str = ""


@dataclass(frozen=True)
class Input:
    """An input of a program.

    Attributes:
        name: of it.
        shape: with the batch, which is 1.
        dtype: as the program takes it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Program:
    """A checked program.

    Attributes:
        inputs: in their order.
        outputs: names of what it returns.
        nodes: in the order of their running.
        weights: parameters, buffers and constants by the names that the nodes use.
        warnings: warnings for the user.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    weights: Mapping[str, Array]
    warnings: tuple[str, ...] = ()


def references(value: Any) -> list[str]:  # noqa: ANN401 - an argument of any kind
    """Return the names that an argument of a node refers to."""
    if isinstance(value, Ref):
        return [value.name]
    if isinstance(value, (list, tuple)):
        return [name for item in value for name in references(item)]
    return []


# By PyTorch's numbers of element types (torch/_export/serde/schema.py, ScalarType), with what NumPy stores them as;
# bfloat16 is the upper half of a float32.
DTYPES: Mapping[int, str] = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    12: "bool",
    13: "bfloat16",
}
# What is computed in float32 here.
NARROWED = frozenset({"float16", "bfloat16", "float64"})


def computed(dtype: str) -> str:
    """Return the type that a converted program has for one of PyTorch's."""
    return "float32" if dtype in NARROWED else dtype


def item_bytes(dtype: str) -> int:
    """Return the bytes of an element."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def elements(data: bytes, dtype: str) -> Array:
    """Return the elements in the bytes of a storage, in the type that is computed with."""
    if dtype == "bfloat16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    values = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
    return values.astype(computed(dtype))
