"""What all random operators share: tensors so far, random shapes, scales, weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.support.models import ModelBuilder

ACTIVATIONS = (0, 0, 0, 1, 1, 3, 2)


MAX_ELEMENTS = 3000
CHANNELS = 16  # the last of the numbers of channels that random layers are made of


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

    def __init__(self, seed: int, operators: Mapping[str, Callable[[Generator], bool]], kind: str = "int8") -> None:
        self.kind = kind  # of activations
        self.rng = np.random.default_rng(seed)
        self.b = ModelBuilder()
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.read: set[int] = set()
        self.operators = operators
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
        compressed = self.rng.random()
        if compressed < 0.2:
            w[self.rng.random(shape) < self.pick(0.3, 0.6, 0.8, 0.97)] = 0
        elif compressed < 0.4:
            few = self.rng.integers(-127, 128, self.pick(1, 2, 3, 7, 8, 16, 16, 30, 64))
            if few[0] % 2:
                few //= 16  # what four bits hold
            w = self.rng.choice(few, shape).astype(np.int8)
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
            x = self.any()
            assert x is not None
            self.op("RELU", [x], [self.node(x.shape)])
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


class InFours(Generator):
    """Random layers whose channels are whole groups, of which some are constant, or meet only weights of 0."""

    def pick(self, *choices: Any) -> Any:
        fours = [c for c in choices if isinstance(c, int) and c % 4 == 0 and c > 4]
        return super().pick(*(fours if choices[-1] == CHANNELS else choices))

    def weights(self, shape) -> np.ndarray:
        w = super().weights(shape)
        depth = shape[-1]
        # Fully connected layers see the channels of an image one after the other.
        period = self.pick(*(k for k in range(1, depth + 1) if depth % k == 0 and 2 * k >= min(depth, CHANNELS)), None)
        period = period or depth
        w.reshape(-1, depth // period, period)[..., self.rng.random(period) < self.pick(0.4, 0.8)] = 0
        if len(w) > 1:
            w[self.rng.random(len(w)) < self.pick(0, 0.4)] = 0
        return w


def settings(kind: str, **fields: Any) -> Any:
    """Options of an operator."""
    options = getattr(schema, f"{kind}OptionsT")()
    for name, value in fields.items():
        setattr(options, name, value)
    return options


def constant_node(g: Generator, shape: tuple[int, ...]) -> Node:
    scale, zero = g.scale(), g.zero()
    values = g.rng.integers(g.limits[0], g.limits[1] + 1, shape)
    return Node(g.constant(values, g.kind, scale, zero), shape, scale, zero)
