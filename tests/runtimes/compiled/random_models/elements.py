"""Random operators that compute each element by itself, and reductions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import append_table

from .generator import ACTIVATIONS, Generator, constant_node, settings


def softmax(g: Generator) -> bool:
    x = g.any(low=1)
    y = g.node(x.shape, *((1 / 256, -128) if g.kind == "int8" else (1 / 32768, 0)))
    g.op("SOFTMAX", [x], [y], settings("Softmax", beta=float(g.pick(1.0, 1.0, 0.5, 2.0))))
    return True


def binary(name: str, options: str | None, activation: bool = True) -> Callable[[Generator], bool]:
    def make(g: Generator) -> bool:
        x = g.any()
        if len(x.shape) > 4:
            return False
        same = [n for n in g.nodes if n.shape == x.shape and n.dtype == g.kind]
        kind = g.whole(0, 4)
        shape = x.shape
        if kind == 0:  # the same tensor twice, or another one
            other: Any = g.pick(*same)
        elif kind == 1:  # a number
            other = constant_node(g, ())
        else:  # a constant that is broadcast
            small = [n if g.rng.random() < 0.5 else 1 for n in shape]
            small = small[g.whole(0, len(small) - 1) :] if kind == 2 else small
            other = constant_node(g, tuple(small))
        first, second = (x, other) if g.rng.random() < 0.7 or name == "PRELU" else (other, x)
        if name in ("MINIMUM", "MAXIMUM"):
            y = g.node(shape, x.scale, x.zero)
        elif g.wild:
            y = g.node(shape)
        else:
            spread = 60 if g.kind == "int8" else 10000
            size = {"MUL": spread * x.scale * other.scale, "PRELU": max(x.scale, 60 * x.scale * other.scale)}
            square = 60 * max(x.scale, other.scale) ** 2
            base = size.get(name, square if name == "SQUARED_DIFFERENCE" else max(x.scale, other.scale))
            y = g.node(shape, float(np.float32(base * 10 ** g.rng.uniform(-0.5, 0.8))))
        fields = {"fusedActivationFunction": g.pick(*ACTIVATIONS)} if activation else {}
        g.op(name, [first, second], [y], settings(options, **fields) if options else None)
        return True

    return make


def unary(name: str, options: str | None = None, fixed: tuple[float, int] | None = None, same: bool = False):
    def make(g: Generator) -> bool:
        x = g.any()
        if same:
            y = g.node(x.shape, x.scale, x.zero)
        elif fixed:
            if g.kind != "int8" and g.rng.random() < 0.5:
                x = g.node(x.shape, 2.0 ** g.pick(-12, -11, -13), 0)
                g.inputs.append(x.index)
            y = g.node(x.shape, *(fixed if g.kind == "int8" else (2.0**-15, 0)))
        else:
            spread = 2 if g.wild else 0.5
            y = g.node(x.shape, float(np.float32(x.scale * 10 ** g.rng.uniform(-spread, spread))))
        fields = {"alpha": float(g.pick(0.1, 0.3, -0.2, 1.5))} if options == "LeakyRelu" else {}
        g.op(name, [x], [y], settings(options, **fields) if options else None)
        return True

    return make


def relu(g: Generator) -> bool:
    return unary("RELU")(g)


def rsqrt(g: Generator) -> bool:
    """After an operator without negative outputs: TFLM stops at them."""
    x = g.any()
    positive = g.node(x.shape, x.scale, -128)
    g.op("RELU", [x], [positive], None)
    y = g.node(x.shape, float(np.float32(10 ** g.rng.uniform(-2, 0) / x.scale**0.5)))
    g.op("RSQRT", [positive], [y], None)
    return True


def mean(name: str) -> Callable[[Generator], bool]:
    def make(g: Generator) -> bool:
        x = g.any()
        if len(x.shape) > 4:
            return False
        rank = len(x.shape)
        axes = g.pick((1, 2), tuple(sorted({g.whole(0, rank - 1) for _ in range(g.whole(1, rank))})))
        if max(axes) >= rank:
            return False
        keep = bool(g.rng.random() < 0.5)
        shape = [1 if k in axes else n for k, n in enumerate(x.shape) if keep or k not in axes]
        if not shape:
            return False
        if name.startswith("REDUCE"):
            y = g.node(shape, x.scale, x.zero)
        else:
            grow = math.prod(x.shape[k] for k in axes) ** 0.5 if name == "SUM" else 1
            spread = 1.5 if g.wild else 0.4
            y = g.node(shape, float(np.float32(x.scale * grow * 10 ** g.rng.uniform(-spread, spread))))
        numbers = [a - rank if g.rng.random() < 0.2 else a for a in axes]
        g.op(name, [x, g.constant(np.array(numbers), "int32")], [y], settings("Reducer", keepDims=keep))
        return True

    return make


def arg(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    y = g.node([n for k, n in enumerate(x.shape) if k != axis], (), 0, "int32")
    name, options = g.pick(("ARG_MAX", "ArgMax"), ("ARG_MIN", "ArgMin"))
    g.op(name, [x, g.constant(np.array([axis]), "int32")], [y], settings(options, outputType=2))
    return True


def floats(g: Generator) -> bool:
    x = g.any()
    f = g.node(x.shape, (), 0, "float32")
    y = g.node(x.shape)
    g.op("DEQUANTIZE", [x], [f], schema.DequantizeOptionsT())
    if x.scale / y.scale < 2**20:
        g.op("QUANTIZE", [f], [y], schema.QuantizeOptionsT())
    else:
        g.op("QUANTIZE", [x], [y], schema.QuantizeOptionsT())
    return True


def table(g: Generator) -> bool:
    x = g.any()
    y = g.node(x.shape)
    entries = g.constant(g.rng.integers(-128, 128, 256), "int8", y.scale, y.zero)
    append_table(g.b, x.index, entries, y.index)
    g.read.add(x.index)
    return True
