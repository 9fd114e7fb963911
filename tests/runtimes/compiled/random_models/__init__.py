"""Random valid models: odd shapes, strides and paddings, zero points at the ends, clamps, wild scales."""

from __future__ import annotations

import functools
from collections.abc import Callable

from . import elements, layers, movement
from .generator import Generator, InFours

OPERATORS: dict[str, Callable[[Generator], bool]] = {
    "conv": layers.conv,
    "conv again": layers.conv,
    "depthwise": layers.depthwise,
    "fully_connected": layers.fully_connected,
    "pool": layers.pool,
    "reshape": movement.reshape,
    "expand_dims": movement.expand_dims,
    "squeeze": movement.squeeze,
    "broadcast_to": movement.broadcast_to,
    "softmax": elements.softmax,
    "add": elements.binary("ADD", "Add"),
    "sub": elements.binary("SUB", "Sub"),
    "mul": elements.binary("MUL", "Mul"),
    "minimum": elements.binary("MINIMUM", "MaximumMinimum", False),
    "maximum": elements.binary("MAXIMUM", "MaximumMinimum", False),
    "squared_difference": elements.binary("SQUARED_DIFFERENCE", "SquaredDifference", False),
    "prelu": elements.binary("PRELU", None, False),
    "relu": elements.relu,
    "relu6": elements.unary("RELU6", same=True),
    "leaky_relu": elements.unary("LEAKY_RELU", "LeakyRelu"),
    "hard_swish": elements.unary("HARD_SWISH", "HardSwish"),
    "logistic": elements.unary("LOGISTIC", fixed=(1 / 256, -128)),
    "tanh": elements.unary("TANH", fixed=(1 / 128, 0)),
    "quantize": elements.unary("QUANTIZE", "Quantize"),
    "mean": elements.mean("MEAN"),
    "sum": elements.mean("SUM"),
    "reduce_max": elements.mean("REDUCE_MAX"),
    "reduce_min": elements.mean("REDUCE_MIN"),
    "concatenation": movement.concatenation,
    "pad": movement.pad,
    "mirror_pad": movement.mirror_pad,
    "transpose": movement.transpose,
    "slice": movement.slice_,
    "strided_slice": movement.strided_slice,
    "split": movement.split,
    "pack": movement.pack,
    "unpack": movement.unpack,
    "gather": movement.gather,
    "shape": movement.shape,
    "space": movement.space,
    "space_to_batch": movement.space_to_batch,
    "reverse": movement.reverse,
    "floats": elements.floats,
    "transpose_conv": layers.transpose_conv,
    "resize": layers.resize,
    "batch_matmul": layers.batch_matmul,
    "arg": elements.arg,
    "svdf": layers.svdf,
    "svdf8": functools.partial(layers.svdf, state_type="int8"),
    "lstm": layers.lstm,
    "variable": movement.variable,
    "abs": elements.unary("ABS", "Abs"),
    "rsqrt": elements.rsqrt,
    "table": elements.table,
}


# What TFLM has for int16 activations.
WIDE = [
    "conv", "depthwise", "fully_connected", "pool", "reshape", "softmax", "add", "sub", "mul", "minimum", "maximum",
    "relu", "relu6", "leaky_relu", "logistic", "tanh", "quantize", "mean", "sum", "concatenation", "pad", "transpose",
    "slice", "strided_slice", "split", "floats", "transpose_conv", "lstm",
]  # fmt: skip


def wide_model(seed: int) -> bytes:
    """A random model of int16 activations."""
    g = Generator(seed, {k: OPERATORS[k] for k in WIDE}, "int16")
    return g.build(g.whole(1, 5))


def one_wide(seed: int, name: str) -> bytes:
    """A model of one or two operators of a kind, on int16."""
    while True:
        g = Generator(seed, {name: OPERATORS[name]}, "int16")
        data = g.build(g.whole(1, 2))
        if not g.fallback:
            return data
        seed += 1_000_003


def model(seed: int, most: int = 7) -> bytes:
    """The random model of a seed, or its first `most` operators: fewer give the same model, cut off."""
    g = Generator(seed, OPERATORS)
    return g.build(min(g.whole(1, 7), most))


# Operators that the analysis of channels sees through.
_SEEN_THROUGH = ("conv", "conv again", "depthwise", "fully_connected", "pool", "reshape", "relu", "logistic")


def thinned(seed: int) -> bytes:
    """A model of which channels can be left out."""
    g = InFours(seed, {k: OPERATORS[k] for k in _SEEN_THROUGH})
    return g.build(g.whole(4, 9))


def one_operator(seed: int, name: str) -> bytes:
    """A model of one or two operators of a kind."""
    while True:
        g = Generator(seed, {name: OPERATORS[name]})
        data = g.build(g.whole(1, 2))
        if not g.fallback:
            return data
        seed += 1_000_003
