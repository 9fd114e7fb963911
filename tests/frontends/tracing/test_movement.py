"""Moves that are taken out: what is left computes the same, also where dimensions are equal."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.frontends.tracing.movement import without_moves
from microgen.tflite import parse
from microgen.workers.litert import Interpreter
from tests.support.models import ModelBuilder

RNG = np.random.default_rng(0)


class Model:
    """A float model that grows by one operator at a time."""

    def __init__(self, *shape):
        self.b = ModelBuilder()
        self.shape, self.last, self.count = list(shape), self.b.tensor("x", shape, "float32"), 0
        self.input = self.last

    def _step(self, name, inputs, shape, options=None):
        self.count += 1
        out = self.b.tensor(f"t{self.count}", shape, "float32")
        self.b.op(name, inputs, [out], options)
        self.shape, self.last = list(shape), out
        return self

    def transpose(self, *order):
        constant = self.b.tensor("order", [len(order)], "int32", values=order)
        return self._step(
            "TRANSPOSE", [self.last, constant], [self.shape[k] for k in order], schema.TransposeOptionsT()
        )

    def reshape(self, *shape):
        options = schema.ReshapeOptionsT()
        options.newShape = list(shape)
        constant = self.b.tensor("shape", [len(shape)], "int32", values=shape)
        return self._step("RESHAPE", [self.last, constant], shape, options)

    def relu(self):
        return self._step("RELU", [self.last], self.shape)

    def twice(self):
        """Add a scaled copy, moved in the same way by what follows."""
        half = self.b.tensor("half", [], "float32", values=[0.5])
        return self._step("MUL", [self.last, half], self.shape, schema.MulOptionsT())

    def plus(self, first, second, name="ADD"):
        """Add what two functions make of the values so far."""
        shape, start = self.shape, self.last
        left = first(self).last
        self.shape, self.last = shape, start
        right = second(self).last
        return self._step(name, [left, right], self.shape, getattr(schema, f"{name.title()}OptionsT")())

    def softplus(self):
        """Compute the logarithm of 1 + exp(x), with constants of the whole shape."""
        ones = self.b.tensor("ones", self.shape, "float32", values=np.ones(self.shape))
        self._step("EXP", [self.last], self.shape, schema.ExpOptionsT())
        self._step("ADD", [ones, self.last], self.shape, schema.AddOptionsT())
        return self._step("LOG", [self.last], self.shape)

    def mean(self, *axes):
        options = schema.ReducerOptionsT()
        constant = self.b.tensor("axes", [len(axes)], "int32", values=axes)
        kept = [d for k, d in enumerate(self.shape) if k not in axes]
        return self._step("MEAN", [self.last, constant], kept, options)

    def pad(self, *edges):
        constant = self.b.tensor("edges", [len(edges), 2], "int32", values=edges)
        shape = [d + sum(e) for d, e in zip(self.shape, edges, strict=True)]
        return self._step("PAD", [self.last, constant], shape, schema.PadOptionsT())

    def dense(self, units):
        width = self.shape[-1]
        weights = self.b.tensor("w", [units, width], "float32", values=RNG.normal(size=(units, width)))
        shape = [*self.shape[:-1], units]
        return self._step("FULLY_CONNECTED", [self.last, weights, -1], shape, schema.FullyConnectedOptionsT())

    def bytes(self):
        return self.b.build([self.input], [self.last])


CASES = {
    "there and back": (Model(1, 4, 4, 4).transpose(0, 3, 1, 2).relu().transpose(0, 2, 3, 1).relu(), 0),
    "two that are one": (Model(1, 4, 4, 2).transpose(0, 3, 1, 2).transpose(0, 2, 1, 3), 1),
    "a reshape in disguise": (Model(1, 6, 4).transpose(0, 2, 1).reshape(1, 4, 1, 6).transpose(0, 2, 3, 1).relu(), 0),
    "flatten": (Model(1, 4, 4, 4).transpose(0, 3, 1, 2).reshape(1, 64).dense(5), 0),
    "mean": (Model(1, 4, 4, 4).transpose(0, 3, 1, 2).mean(2, 3), 0),
    "mean of channels": (Model(1, 4, 5, 4).transpose(0, 2, 3, 1).mean(1, 2), 0),
    "kept in another order": (Model(1, 4, 5, 4).transpose(0, 2, 1, 3).mean(3), 1),
    "pad": (Model(1, 5, 4).transpose(0, 2, 1).pad((0, 0), (0, 0), (3, 1)).transpose(0, 2, 1).relu(), 0),
    "through": (Model(1, 4, 4, 3).transpose(0, 3, 1, 2).twice().relu().transpose(0, 2, 3, 1).relu(), 0),
    "moved alike": (
        Model(1, 4, 4, 4).plus(lambda m: m.relu().transpose(0, 3, 1, 2), lambda m: m.transpose(0, 3, 1, 2))
        .transpose(0, 2, 3, 1).relu(), 0,
    ),
    "moved otherwise": (
        Model(1, 4, 4, 4).plus(lambda m: m.transpose(0, 3, 1, 2), lambda m: m.transpose(0, 2, 1, 3), "SUB")
        .transpose(0, 2, 3, 1).relu(), 3,
    ),
    "reshaped alike": (
        Model(1, 2, 8).plus(lambda m: m.relu().reshape(1, 4, 4), lambda m: m.reshape(1, 4, 4), "SUB").reshape(1, 2, 8)
        .relu(), 0,
    ),
    "reshaped and moved": (
        Model(1, 2, 8).plus(lambda m: m.relu().reshape(1, 8, 2), lambda m: m.transpose(0, 2, 1), "SUB").relu(), 1,
    ),
    "a function at the end": (Model(1, 4, 4, 3).transpose(0, 3, 1, 2).softplus(), 1),
    "a function and another reader": (
        Model(1, 4, 4).transpose(0, 2, 1).plus(lambda m: m.softplus(), lambda m: m.dense(4)), 1,
    ),
    "a function": (Model(1, 4, 4, 3).transpose(0, 3, 1, 2).softplus().transpose(0, 2, 3, 1).relu(), 0),
    "needed": (Model(1, 4, 4).transpose(0, 2, 1).dense(3), 1),
}  # fmt: skip


def run(model, x):
    return [np.array(a) for a in Interpreter(model).infer([x])]


@pytest.mark.parametrize("name", CASES)
def test_what_is_left_computes_the_same(name):
    made, transposes = CASES[name]
    original = made.bytes()
    fewer = without_moves(original)
    x = RNG.normal(size=parse(original).inputs[0].shape).astype(np.float32)
    for a, b in zip(run(original, x), run(fewer, x), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)  # sums in another order
    assert parse(fewer).ops.get("TRANSPOSE", 0) == transposes
    assert without_moves(fewer) == fewer, "there is nothing left to do"
    graph = parse(fewer).main
    read = {i for op in graph.operators for i in (*op.inputs, *op.outputs) if i >= 0}
    assert read == set(range(len(graph.tensors))), "no tensor is left that nobody reads"


def test_reshapes_that_two_operands_share_go():
    made, _ = CASES["reshaped alike"]
    assert list(parse(without_moves(made.bytes())).ops) == ["RELU", "SUB"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_random_chains_over_equal_dimensions(order):
    model = Model(1, 4, 4, 4)
    for _ in range(4):
        first, *rest = [0, *(k + 1 for k in order)]
        model = model.transpose(first, *rest).reshape(1, 8, 2, 4).relu().reshape(1, 4, 4, 4)
    original = model.bytes()
    fewer = without_moves(original)
    x = RNG.normal(size=(1, 4, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(run(original, x)[0], run(fewer, x)[0])
    assert len(parse(fewer).main.operators) <= len(parse(original).main.operators)
