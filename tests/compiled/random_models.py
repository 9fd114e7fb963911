"""Random valid models: odd shapes, strides and paddings, zero points at the ends, clamps, wild scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ..models import ModelBuilder

ACTIVATIONS = (0, 0, 0, 1, 1, 3, 2)
MAX_ELEMENTS = 3000


@dataclass
class Node:
    """A tensor of the graph, with its quantization."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero: int
    dtype: str = "int8"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


class Generator:
    """One random graph."""

    def __init__(self, seed: int, operators: dict[str, Callable] | None = None, kind: str = "int8") -> None:
        self.kind = kind  # of activations
        self.rng = np.random.default_rng(seed)
        self.b = ModelBuilder()
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.read: set[int] = set()
        self.operators = operators or OPERATORS
        self.wild = self.rng.random() < 0.25

    # -- random choices
    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def whole(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    @property
    def limits(self) -> tuple[int, int]:
        return (-128, 127) if self.kind == "int8" else (-32768, 32767)

    def zero(self) -> int:
        if self.kind != "int8":
            return 0
        return int(self.pick(-128, 127, 0, self.whole(-128, 127), self.whole(-20, 20)))

    def scale(self) -> float:
        if self.kind != "int8":
            return float(np.float32(10.0 ** self.rng.uniform(-5, -3)))
        if self.wild:
            return float(np.float32(10.0 ** self.rng.uniform(-5, 2)))
        return float(np.float32(10.0 ** self.rng.uniform(-2.5, -0.5)))

    # -- building
    def node(self, shape, scale=None, zero=None, dtype=None) -> Node:
        dtype = dtype or self.kind
        scale = self.scale() if scale is None else scale
        zero = (self.zero() if dtype == "int8" else 0) if zero is None else zero
        index = self.b.tensor(f"t{len(self.nodes)}_{len(self.b.graph.tensors)}", shape, dtype, scale, zero)
        made = Node(index, tuple(shape), scale, zero, dtype)
        self.nodes.append(made)
        return made

    def constant(self, values, dtype, scale=(), zero=0, dimension=0) -> int:
        values = np.asarray(values)
        name = f"c{len(self.b.graph.tensors)}"
        return self.b.tensor(name, values.shape, dtype, scale, zero, values=values, dimension=dimension)

    def op(self, name: str, inputs, outputs, options=None) -> None:
        self.read |= {i.index if isinstance(i, Node) else i for i in inputs}
        self.b.op(name, [i.index if isinstance(i, Node) else i for i in inputs], [o.index for o in outputs], options)

    def any(self, *, rank: int | None = None, dtype: str = "", low: int = 1) -> Node | None:
        """An earlier tensor, rather one that nobody has read."""
        found = [
            n for n in self.nodes
            if (rank is None or len(n.shape) == rank) and n.dtype == (dtype or self.kind) and len(n.shape) >= low
        ]  # fmt: skip
        if not found:
            return None
        fresh = [n for n in found if n.index not in self.read]
        return self.pick(*(fresh if fresh and self.rng.random() < 0.8 else found[-4:]))

    def weights(self, shape) -> np.ndarray:
        kind = self.whole(0, 5)
        if kind == 0:
            w = self.rng.choice([-128, -127, 127], shape)
        elif kind == 1:
            w = np.zeros(shape, int)
            w[self.rng.random(shape) < 0.2] = 1
        else:
            w = np.clip(self.rng.normal(0, self.pick(5, 30, 80), shape).round(), -127, 127)
        w = np.asarray(w).astype(np.int8)
        if len(shape) == 4 and self.rng.random() < 0.3:  # channels that are constant, or that nobody reads
            w[:, :, :, self.rng.random(shape[3]) < 0.4] = 0
            w[self.rng.random(shape[0]) < 0.3] = 0
        return w

    def matrix_output(self, taps: int, source: Node, scales: np.ndarray, shape) -> Node:
        """An output whose scale goes with what the layer computes, more or less."""
        if self.wild:
            return self.node(shape)
        if self.kind != "int8":
            size = source.scale * float(np.mean(scales)) * 40 * math.sqrt(taps)
            return self.node(shape, float(np.float32(size * 10.0 ** self.rng.uniform(-0.7, 0.7))))
        typical = source.scale * float(np.mean(scales)) * 60 * 40 * math.sqrt(taps)
        return self.node(shape, float(np.float32(typical / 60 * 10.0 ** self.rng.uniform(-0.7, 0.7))))

    def channel_scales(self, n: int) -> np.ndarray:
        base = 10.0 ** self.rng.uniform(-4, -1) if self.wild else 10.0 ** self.rng.uniform(-2.5, -1.5)
        spread = 10.0 ** self.rng.uniform(-1.5 if self.wild else -0.5, 0.3, n)
        return np.asarray(base * spread, np.float32)

    @property
    def bias_type(self) -> str:
        return "int32" if self.kind == "int8" else "int64"

    def bias(self, n: int, taps: int) -> np.ndarray:
        size = self.pick(0, 100, 3000, 30000, 2**22)
        return self.rng.integers(-size, size + 1, n)

    # -- the whole
    def build(self, steps: int) -> bytes:
        for _ in range(self.pick(1, 1, 1, 2)):
            self.input()
        done = tries = 0
        names = list(self.operators)
        while done < steps and tries < 60:
            tries += 1
            done += bool(self.operators[self.pick(*names)](self))
        self.fallback = not done
        if not done:
            relu(self)
        outputs = [n.index for n in self.nodes if n.index not in self.read and n.index not in self.inputs]
        outputs = outputs or [self.nodes[-1].index]
        if self.rng.random() < 0.2:
            extra = self.pick(*self.nodes)
            if extra.index not in outputs and extra.index not in self.inputs:
                outputs.append(extra.index)
        return self.b.build(self.inputs, outputs)

    def input(self) -> None:
        rank = self.pick(4, 4, 4, 2, 3, 1)
        shape = [self.pick(1, 1, 1, 2, 3)] + [self.whole(1, 9) for _ in range(rank - 1)]
        if rank == 4:
            shape[3] = self.pick(1, 2, 3, 4, 5, 8, 12, 16)
        self.inputs.append(self.node(shape).index)


def _options(kind: str, **fields: Any) -> Any:
    options = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def _out(n: int, kernel: int, stride: int, dilation: int, same: bool) -> int:
    return -(-n // stride) if same else -(-(n - (kernel - 1) * dilation) // stride)


def _window(g: Generator, x: Node) -> tuple | None:
    """Kernel, strides, dilations, padding and output of a window that fits."""
    same = g.rng.random() < 0.6
    kernel = g.pick((3, 3), (1, 1), (g.whole(1, 5), g.whole(1, 5)))
    strides = g.pick((1, 1), (1, 1), (2, 2), (g.whole(1, 4), g.whole(1, 4)))
    dilations = (1, 1) if strides != (1, 1) or g.rng.random() < 0.7 else (g.whole(1, 3), g.whole(1, 3))
    out = tuple(_out(x.shape[k + 1], kernel[k], strides[k], dilations[k], same) for k in (0, 1))
    return (kernel, strides, dilations, same, out) if min(out) >= 1 else None


def conv(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, dilations, same, out = window
    co = g.pick(1, 2, 3, 4, 5, 7, 8, 12, 16)
    ci = x.shape[3]
    if g.rng.random() < 0.1:
        divisors = [d for d in range(2, ci + 1) if ci % d == 0]
        if divisors:
            groups = g.pick(*divisors)
            ci, co = ci // groups, groups * g.whole(1, 3)
    if x.shape[0] * out[0] * out[1] * co > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(co if g.rng.random() < 0.8 else 1)
    w = g.constant(g.weights((co, *kernel, ci)), "int8", [float(s) for s in scales])
    y = g.matrix_output(kernel[0] * kernel[1] * ci, x, scales, (x.shape[0], *out, co))
    inputs = [x, w]
    if g.rng.random() < 0.8:
        inputs.append(g.constant(g.bias(co, ci), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("CONV_2D", inputs, [y], _options(
        "Conv2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1], dilationHFactor=dilations[0],
        dilationWFactor=dilations[1], fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def depthwise(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, dilations, same, out = window
    multiplier = g.pick(1, 1, 1, 2, 3)
    channels = x.shape[3] * multiplier
    if x.shape[0] * out[0] * out[1] * channels > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(channels if g.rng.random() < 0.8 else 1)
    w = g.constant(g.weights((1, *kernel, channels)), "int8", [float(s) for s in scales], dimension=3)
    y = g.matrix_output(kernel[0] * kernel[1], x, scales, (x.shape[0], *out, channels))
    inputs = [x, w]
    if g.rng.random() < 0.8:
        inputs.append(g.constant(g.bias(channels, 9), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("DEPTHWISE_CONV_2D", inputs, [y], _options(
        "DepthwiseConv2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1],
        dilationHFactor=dilations[0], dilationWFactor=dilations[1], depthMultiplier=multiplier,
        fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def fully_connected(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    depth = x.shape[-1] if g.rng.random() < 0.5 else math.prod(x.shape[1:])
    if depth > 700:
        return False
    rows, units = x.elements // depth, g.pick(1, 2, 3, 4, 6, 8, 10, 13, 20)
    scales = g.channel_scales(units if g.rng.random() < 0.5 else 1)
    w = g.constant(g.weights((units, depth)), "int8", [float(s) for s in scales])
    keep = depth == x.shape[-1] and g.rng.random() < 0.5
    y = g.matrix_output(depth, x, scales, (*x.shape[:-1], units) if keep else (rows, units))
    bias = -1
    if g.rng.random() < 0.8:
        bias = g.constant(g.bias(units, depth), g.bias_type, [float(s) * x.scale for s in scales])
    g.op("FULLY_CONNECTED", [x, w, bias], [y], _options(
        "FullyConnected", keepNumDims=keep, fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def pool(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, _, same, _ = window
    if g.rng.random() < 0.3:
        kernel, same = x.shape[1:3], False
    out = tuple(_out(x.shape[k + 1], kernel[k], strides[k], 1, same) for k in (0, 1))
    y = g.node((x.shape[0], *out, x.shape[3]), x.scale, x.zero)
    g.op(g.pick("AVERAGE_POOL_2D", "MAX_POOL_2D"), [x], [y], _options(
        "Pool2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1], filterHeight=kernel[0],
        filterWidth=kernel[1], fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def reshape(g: Generator) -> bool:
    x = g.any()
    n = x.elements
    divisors = [d for d in range(1, n + 1) if n % d == 0]
    first = g.pick(*divisors)
    rest = n // first
    second = g.pick(*[d for d in divisors if rest % d == 0])
    shape = g.pick((1, n), (first, rest), (1, first, second, rest // second), (first, second, rest // second))
    y = g.node(shape, x.scale, x.zero)
    g.op("RESHAPE", [x, g.constant(np.array(shape), "int32")], [y], _options("Reshape", newShape=list(shape)))
    return True


def softmax(g: Generator) -> bool:
    x = g.any(low=1)
    y = g.node(x.shape, *((1 / 256, -128) if g.kind == "int8" else (1 / 32768, 0)))
    g.op("SOFTMAX", [x], [y], _options("Softmax", beta=float(g.pick(1.0, 1.0, 0.5, 2.0))))
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
            other = _constant_node(g, ())
        else:  # a constant that is broadcast
            small = [n if g.rng.random() < 0.5 else 1 for n in shape]
            small = small[g.whole(0, len(small) - 1) :] if kind == 2 else small
            other = _constant_node(g, tuple(small))
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
        g.op(name, [first, second], [y], _options(options, **fields) if options else None)
        return True

    return make


def _constant_node(g: Generator, shape: tuple[int, ...]) -> Node:
    scale, zero = g.scale(), g.zero()
    values = g.rng.integers(g.limits[0], g.limits[1] + 1, shape)
    return Node(g.constant(values, g.kind, scale, zero), shape, scale, zero)


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
        g.op(name, [x], [y], _options(options, **fields) if options else None)
        return True

    return make


def relu(g: Generator) -> bool:
    return unary("RELU")(g)


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
        g.op(name, [x, g.constant(np.array(numbers), "int32")], [y], _options("Reducer", keepDims=keep))
        return True

    return make


def concatenation(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    like = [
        n for n in g.nodes
        if len(n.shape) == len(x.shape) and (n.scale, n.zero) == (x.scale, x.zero)
        and all(a == b for k, (a, b) in enumerate(zip(n.shape, x.shape, strict=True)) if k != axis)
    ]  # fmt: skip
    parts: list[Node] = [x] + [g.pick(*like) for _ in range(g.whole(0, 2))]
    if g.rng.random() < 0.3:
        shape = tuple(g.whole(1, 3) if k == axis else n for k, n in enumerate(x.shape))
        parts.append(
            Node(g.constant(g.rng.integers(-128, 128, shape), g.kind, x.scale, x.zero), shape, x.scale, x.zero)
        )
    g.rng.shuffle(parts)
    total = sum(p.shape[axis] for p in parts)
    shape = tuple(total if k == axis else n for k, n in enumerate(x.shape))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    g.op("CONCATENATION", parts, [y], _options("Concatenation", axis=axis - g.pick(0, 0, len(shape))))
    return True


def pad(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    bounds = np.array([[g.pick(0, 0, 1, 2, 3), g.pick(0, 0, 1, 2)] for _ in x.shape])
    shape = tuple(int(n + a + b) for n, (a, b) in zip(x.shape, bounds, strict=True))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    inputs = [x, g.constant(bounds, "int32")]
    if g.rng.random() < 0.4:
        inputs.append(g.constant(np.array([g.whole(-128, 127)]), g.kind, x.scale, x.zero))
        g.op("PADV2", inputs, [y], schema.PadV2OptionsT())
    else:
        g.op("PAD", inputs, [y], schema.PadOptionsT())
    return True


def mirror_pad(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    mode = g.whole(0, 1)
    limit = [n - 1 + mode for n in x.shape]
    bounds = np.array([[min(g.whole(0, 2), m), min(g.whole(0, 2), m)] for m in limit])
    shape = tuple(int(n + a + b) for n, (a, b) in zip(x.shape, bounds, strict=True))
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    g.op("MIRROR_PAD", [x, g.constant(bounds, "int32")], [y], _options("MirrorPad", mode=mode))
    return True


def transpose(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None or len(x.shape) > 5:
        return False
    order = g.rng.permutation(len(x.shape))
    y = g.node([x.shape[k] for k in order], x.scale, x.zero)
    g.op("TRANSPOSE", [x, g.constant(order, "int32")], [y], schema.TransposeOptionsT())
    return True


def slice_(g: Generator) -> bool:
    x = g.any()
    begin = [g.whole(0, n - 1) for n in x.shape]
    size = [g.whole(1, n - b) for n, b in zip(x.shape, begin, strict=True)]
    y = g.node(size, x.scale, x.zero)
    told = [-1 if b + s == n and g.rng.random() < 0.5 else s for b, s, n in zip(begin, size, x.shape, strict=True)]
    inputs = [x, g.constant(np.array(begin), "int32"), g.constant(np.array(told), "int32")]
    g.op("SLICE", inputs, [y], schema.SliceOptionsT())
    return True


def strided_slice(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 4:
        return False
    begin, end, strides, cut = [], [], [], []
    begin_mask = end_mask = shrink = 0
    for k, n in enumerate(x.shape):
        stride = g.pick(1, 1, 2, 3, -1, -2)
        a, b = (g.whole(-n, n - 1) for _ in range(2))
        if g.rng.random() < 0.15:
            a = g.whole(0, n - 1)
            shrink |= 1 << k
            stride = 1
            cut.append(a)
            b = a + 1
        else:
            if g.rng.random() < 0.3:
                begin_mask |= 1 << k
            if g.rng.random() < 0.3:
                end_mask |= 1 << k
            first = None if begin_mask >> k & 1 else a
            last = None if end_mask >> k & 1 else b
            cut.append(slice(first, last, stride))
        begin.append(a), end.append(b), strides.append(stride)
    shape = np.empty(x.shape)[tuple(cut)].shape
    if not shape or 0 in shape:
        return False
    y = g.node(shape, x.scale, x.zero)
    inputs = [x, *(g.constant(np.array(v), "int32") for v in (begin, end, strides))]
    g.op("STRIDED_SLICE", inputs, [y], _options(
        "StridedSlice", beginMask=begin_mask, endMask=end_mask, shrinkAxisMask=shrink))  # fmt: skip
    return True


def split(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    n = x.shape[axis]
    if g.rng.random() < 0.5:
        count = g.pick(*[d for d in range(1, n + 1) if n % d == 0])
        sizes = [n // count] * count
    else:
        sizes = []
        while sum(sizes) < n:
            sizes.append(g.whole(1, n - sum(sizes)))
    if len(sizes) > 6:
        return False
    outputs = [g.node([s if k == axis else m for k, m in enumerate(x.shape)], x.scale, x.zero) for s in sizes]
    where = g.constant(np.array(axis), "int32")
    if len(set(sizes)) == 1 and g.rng.random() < 0.7:
        g.op("SPLIT", [where, x], outputs, _options("Split", numSplits=len(sizes)))
    else:
        g.op(
            "SPLIT_V",
            [x, g.constant(np.array(sizes), "int32"), where],
            outputs,
            _options("SplitV", numSplits=len(sizes)),
        )
    return True


def pack(g: Generator) -> bool:
    x = g.any()
    if len(x.shape) > 3:
        return False
    like = [n for n in g.nodes if n.shape == x.shape and (n.scale, n.zero) == (x.scale, x.zero)]
    parts = [g.pick(*like) for _ in range(g.whole(1, 3))]
    axis = g.whole(0, len(x.shape))
    y = g.node([*x.shape[:axis], len(parts), *x.shape[axis:]], x.scale, x.zero)
    g.op("PACK", parts, [y], _options("Pack", axis=axis, valuesCount=len(parts)))
    return True


def unpack(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    if x.shape[axis] > 5:
        return False
    shape = [n for k, n in enumerate(x.shape) if k != axis]
    outputs = [g.node(shape, x.scale, x.zero) for _ in range(x.shape[axis])]
    g.op("UNPACK", [x], outputs, _options("Unpack", axis=axis, num=x.shape[axis]))
    return True


def gather(g: Generator) -> bool:
    x = g.any()
    axis = g.whole(0, len(x.shape) - 1)
    indices = g.rng.integers(0, x.shape[axis], g.whole(1, 4))
    y = g.node([*x.shape[:axis], len(indices), *x.shape[axis + 1 :]], x.scale, x.zero)
    g.op("GATHER", [x, g.constant(indices, "int32")], [y], _options("Gather", axis=axis))
    return True


def space(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    n, h, w, c = x.shape
    block = g.pick(2, 2, 3)
    if g.rng.random() < 0.5:
        if c % (block * block):
            return False
        y = g.node((n, h * block, w * block, c // block**2), x.scale, x.zero)
        g.op("DEPTH_TO_SPACE", [x], [y], _options("DepthToSpace", blockSize=block))
    else:
        if h % block or w % block:
            return False
        y = g.node((n, h // block, w // block, c * block**2), x.scale, x.zero)
        g.op("SPACE_TO_DEPTH", [x], [y], _options("SpaceToDepth", blockSize=block))
    return True


def space_to_batch(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    n, h, w, c = x.shape
    bh, bw = g.whole(1, 2), g.whole(1, 3)
    pads = np.zeros((2, 2), int)  # TFLM fills padding from memory that it never wrote
    if h % bh or w % bw:
        return False
    shape = (n * bh * bw, h // bh, w // bw, c)
    y = g.node([int(v) for v in shape], x.scale, x.zero)
    block = g.constant(np.array([bh, bw]), "int32")
    g.op("SPACE_TO_BATCH_ND", [x, block, g.constant(pads, "int32")], [y], schema.SpaceToBatchNDOptionsT())
    if g.rng.random() < 0.7:
        crops = np.array([[g.whole(0, (h - 1) // 2) for _ in range(2)], [g.whole(0, (w - 1) // 2) for _ in range(2)]])
        back = g.node((n, h - int(crops[0].sum()), w - int(crops[1].sum()), c), x.scale, x.zero)
        g.op("BATCH_TO_SPACE_ND", [y, g.constant(np.array([bh, bw]), "int32"), g.constant(crops, "int32")], [back],
             schema.BatchToSpaceNDOptionsT())  # fmt: skip
    return True


def reverse(g: Generator) -> bool:
    x = g.any()
    y = g.node(x.shape, x.scale, x.zero)
    g.op(
        "REVERSE_V2",
        [x, g.constant(np.array([g.whole(0, len(x.shape) - 1)]), "int32")],
        [y],
        schema.ReverseV2OptionsT(),
    )
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


def rsqrt(g: Generator) -> bool:
    """After an operator without negative outputs: TFLM stops at them."""
    x = g.any()
    positive = g.node(x.shape, x.scale, -128)
    g.op("RELU", [x], [positive], None)
    y = g.node(x.shape, float(np.float32(10 ** g.rng.uniform(-2, 0) / x.scale**0.5)))
    g.op("RSQRT", [positive], [y], None)
    return True


def transpose_conv(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    kernel = (g.whole(1, 4), g.whole(1, 4))
    strides = g.pick((1, 1), (2, 2), (g.whole(1, 3), g.whole(1, 3)))
    same = g.rng.random() < 0.5
    h, w = (
        n * s if same else (n - 1) * s + max(k, s) + g.whole(0, s - 1)
        for n, s, k in zip(x.shape[1:3], strides, kernel, strict=True)
    )
    co, ci = g.pick(1, 2, 3, 4, 7), x.shape[3]
    shape = (x.shape[0], h, w, co)
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(co if g.rng.random() < 0.8 else 1)
    w_ = g.constant(g.weights((co, *kernel, ci)), "int8", [float(s) for s in scales])
    y = g.matrix_output(kernel[0] * kernel[1] * ci, x, scales, shape)
    inputs = [g.constant(np.array(shape), "int32"), w_, x]
    if g.rng.random() < 0.6:
        inputs.append(g.constant(g.bias(co, ci), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("TRANSPOSE_CONV", inputs, [y], _options(
        "TransposeConv", padding=0 if same else 1, strideH=strides[0], strideW=strides[1],
        fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def resize(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    size = (g.whole(1, 12), g.whole(1, 12))
    shape = (x.shape[0], *size, x.shape[3])
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    name, options = g.pick(("RESIZE_BILINEAR", "ResizeBilinear"), ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"))
    align, half = g.pick((False, False), (True, False), (False, True))
    g.op(name, [x, g.constant(np.array(size), "int32")], [y], _options(
        options, alignCorners=align, halfPixelCenters=half))  # fmt: skip
    return True


def batch_matmul(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None or len(x.shape) > 4:
        return False
    adjoint_x, adjoint_y = bool(g.whole(0, 1)), bool(g.whole(0, 1))
    rows, depth = x.shape[-2:][::-1] if adjoint_x else x.shape[-2:]
    columns = g.whole(1, 6)
    batches = x.shape[:-2]
    if g.rng.random() < 0.3:
        batches = tuple(1 for _ in batches)
    shape = (*batches, *((columns, depth) if adjoint_y else (depth, columns)))
    other: Any = _constant_node(g, shape)
    same = [n for n in g.nodes if n.shape == x.shape and n.dtype == g.kind and not adjoint_x]
    if g.rng.random() < 0.4 and same:
        other, adjoint_y, columns = g.pick(*same), True, rows
    y = g.matrix_output(depth, x, np.array([other.scale]), (*x.shape[:-2], rows, columns))
    g.op("BATCH_MATMUL", [x, other], [y], _options("BatchMatMul", adjX=adjoint_x, adjY=adjoint_y))
    return True


def arg(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    y = g.node([n for k, n in enumerate(x.shape) if k != axis], (), 0, "int32")
    name, options = g.pick(("ARG_MAX", "ArgMax"), ("ARG_MIN", "ArgMin"))
    g.op(name, [x, g.constant(np.array([axis]), "int32")], [y], _options(options, outputType=2))
    return True


def svdf(g: Generator) -> bool:
    x = g.any(rank=2)
    if x is None:
        return False
    batches, depth = x.shape
    rank, units, memory = g.whole(1, 2), g.whole(1, 5), g.whole(1, 6)
    state_scale = float(np.float32(10 ** g.rng.uniform(-3, -1)))
    time_scale = float(np.float32(10 ** g.rng.uniform(-5, -3)))
    features_scale = float(np.float32(10 ** g.rng.uniform(-3, -1)))
    name = f"state{len(g.b.graph.tensors)}"
    state = g.b.tensor(name, [batches, units * rank * memory], "int16", state_scale, variable=True)
    features = g.constant(g.weights((units * rank, depth)), "int8", features_scale)
    time = g.constant(g.rng.integers(-32768, 32768, (units * rank, memory)), "int16", time_scale)
    bias = g.constant(g.bias(units, 1), "int32", float(np.float32(state_scale) * np.float32(time_scale)))
    scale = float(np.float32(state_scale * time_scale * 2e7 * 10 ** g.rng.uniform(-1, 1)))
    y = g.node((batches, units), scale, g.pick(-128, 0, g.zero()))
    g.op("SVDF", [x, features, time, bias, state], [y], _options("SVDF", rank=rank, fusedActivationFunction=1))
    return True


def lstm(g: Generator) -> bool:
    x = g.any(rank=3)
    if x is None:
        return False
    major = bool(g.rng.random() < 0.4)
    batches, depth, units = x.shape[1 if major else 0], x.shape[2], g.whole(1, 6)
    power = g.pick(-11, -12, -10, -9, -13, -15)
    hidden_scale, zero = float(np.float32(10 ** g.rng.uniform(-3, -2))), g.zero()
    label = f"_{len(g.b.graph.tensors)}"
    hidden = g.b.tensor("hidden" + label, [batches, units], "int8", hidden_scale, zero, variable=True)
    cell = g.b.tensor("cell" + label, [batches, units], "int16", 2.0**power, variable=True)
    inputs: list[Any] = [x]
    scales = [float(np.float32(10 ** g.rng.uniform(-3, -1.5))) for _ in range(8)]
    inputs += [g.constant(g.weights((units, depth)), "int8", scales[k]) for k in range(4)]
    inputs += [g.constant(g.weights((units, units)), "int8", scales[4 + k]) for k in range(4)]
    inputs += [-1] * 3
    inputs += [g.constant(g.bias(units, depth), "int32", scales[k] * x.scale) for k in range(4)]
    inputs += [-1, -1, hidden, cell, -1, -1, -1, -1]
    y = g.node((*x.shape[:2], units), hidden_scale, zero)
    g.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], _options(
        "UnidirectionalSequenceLSTM", fusedActivationFunction=4, cellClip=float(g.pick(0, 0, 1.5, 10)),
        timeMajor=major))  # fmt: skip
    return True


def variable(g: Generator) -> bool:
    """A ring: what was kept is joined with the input, used, and the end of it kept."""
    x = g.any(low=2)
    if x is None or len(x.shape) > 4:
        return False
    axis = g.whole(0, len(x.shape) - 1)
    keep = g.whole(1, 3)
    kept_shape = tuple(keep if k == axis else n for k, n in enumerate(x.shape))
    name = f"variable{len(g.b.graph.tensors)}"
    handle = Node(g.b.tensor(name, [], "resource", ()), (), 0.0, 0, "resource")
    options = _options("VarHandle", sharedName=name, container="")
    g.op("VAR_HANDLE", [], [handle], options)
    old = g.node(kept_shape, x.scale, x.zero)
    g.op("READ_VARIABLE", [handle], [old], schema.ReadVariableOptionsT())
    total = x.shape[axis] + keep
    both = g.node([total if k == axis else n for k, n in enumerate(x.shape)], x.scale, x.zero)
    g.op("CONCATENATION", [old, x], [both], _options("Concatenation", axis=axis))
    fresh = g.node(kept_shape, x.scale, x.zero)
    begin = [total - keep if k == axis else 0 for k in range(len(x.shape))]
    g.op("SLICE", [both, g.constant(np.array(begin), "int32"), g.constant(np.array(kept_shape), "int32")], [fresh],
         schema.SliceOptionsT())  # fmt: skip
    g.op("ASSIGN_VARIABLE", [handle, fresh], [], schema.AssignVariableOptionsT())
    g.read.discard(both.index)
    return True


OPERATORS: dict[str, Callable[[Generator], bool]] = {
    "conv": conv,
    "conv again": conv,
    "depthwise": depthwise,
    "fully_connected": fully_connected,
    "pool": pool,
    "reshape": reshape,
    "softmax": softmax,
    "add": binary("ADD", "Add"),
    "sub": binary("SUB", "Sub"),
    "mul": binary("MUL", "Mul"),
    "minimum": binary("MINIMUM", "MaximumMinimum", False),
    "maximum": binary("MAXIMUM", "MaximumMinimum", False),
    "squared_difference": binary("SQUARED_DIFFERENCE", "SquaredDifference", False),
    "prelu": binary("PRELU", None, False),
    "relu": relu,
    "relu6": unary("RELU6", same=True),
    "leaky_relu": unary("LEAKY_RELU", "LeakyRelu"),
    "hard_swish": unary("HARD_SWISH", "HardSwish"),
    "logistic": unary("LOGISTIC", fixed=(1 / 256, -128)),
    "tanh": unary("TANH", fixed=(1 / 128, 0)),
    "quantize": unary("QUANTIZE", "Quantize"),
    "mean": mean("MEAN"),
    "sum": mean("SUM"),
    "reduce_max": mean("REDUCE_MAX"),
    "reduce_min": mean("REDUCE_MIN"),
    "concatenation": concatenation,
    "pad": pad,
    "mirror_pad": mirror_pad,
    "transpose": transpose,
    "slice": slice_,
    "strided_slice": strided_slice,
    "split": split,
    "pack": pack,
    "unpack": unpack,
    "gather": gather,
    "space": space,
    "space_to_batch": space_to_batch,
    "reverse": reverse,
    "floats": floats,
    "transpose_conv": transpose_conv,
    "resize": resize,
    "batch_matmul": batch_matmul,
    "arg": arg,
    "svdf": svdf,
    "lstm": lstm,
    "variable": variable,
    "abs": unary("ABS", "Abs"),
    "rsqrt": rsqrt,
}


# What TFLM has for int16 activations.
WIDE = [
    "conv", "depthwise", "fully_connected", "pool", "reshape", "softmax", "add", "sub", "mul", "minimum", "maximum",
    "relu", "relu6", "leaky_relu", "logistic", "tanh", "quantize", "mean", "sum", "concatenation", "pad", "transpose",
    "slice", "strided_slice", "split", "floats",
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


def model(seed: int) -> bytes:
    """The random model of a seed."""
    g = Generator(seed)
    return g.build(g.whole(1, 7))


def one_operator(seed: int, name: str) -> bytes:
    """A model of one or two operators of a kind."""
    while True:
        g = Generator(seed, {name: OPERATORS[name]})
        data = g.build(g.whole(1, 2))
        if not g.fallback:
            return data
        seed += 1_000_003
