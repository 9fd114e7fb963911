"""Names and scales of converted tensors, on models that need no conversion."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.frontends.converted import Scale
from microgen.frontends.rewriting.graph import Graph
from microgen.tflite import parse
from microgen.workers.litert import Interpreter
from tests.support import models
from tests.support.models import ModelBuilder
from tests.support.torch_tools import torch


class Float(ModelBuilder):
    """Builds float32 models."""

    def add(self, name, shape=(1, 4), **tensor):
        return self.tensor(name, shape, "float32", **tensor)

    def step(self, name, inputs, out, shape=(1, 4), options=None):
        made = self.add(out, shape)
        self.op(name, inputs, [made], options)
        return made


def with_signature(data):
    """The model with a signature that names its inputs and outputs."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [], []
    for tensors, entries in (
        (model.subgraphs[0].inputs, signature.inputs),
        (model.subgraphs[0].outputs, signature.outputs),
    ):
        for tensor in tensors:
            entry = schema.TensorMapT()
            entry.name, entry.tensorIndex = f"args_{tensor}", int(tensor)
            entries.append(entry)
    model.signatureDefs = [signature]
    return models.packed(model)


def test_tensors_have_the_names_of_their_modules_and_the_scales_of_the_file():
    torch()
    from microgen.frontends.tracing.naming import named

    b = Float()
    x = b.add("args_0_n4")
    c = b.add("m/Scale_n1", values=np.ones((1, 4)))
    d = b.add("arith.constant", values=np.ones((1, 4)))
    w = b.add("m/Linear_n0/weights", (4, 4), values=np.eye(4))
    h = b.step("FULLY_CONNECTED", [x, w, -1], "m/ReLU_n1;m/Linear_n0;microgen.range0;microgen.range1;microgen.range2",
               options=schema.FullyConnectedOptionsT())  # fmt: skip
    again = b.step("MUL", [h, c], "m/Linear_n0/m/Move_n3;microgen.range2", options=schema.MulOptionsT())
    unknown = b.step("ADD", [again, d], "m/_n0_Linear_n7", options=schema.AddOptionsT())
    y = b.step("RELU", [unknown], "StatefulPartitionedCall:0")
    data = with_signature(b.build([x], [y, x]))
    scales = [Scale(0.5, 1), Scale(0.25, 3), None]
    paths = ["first", "act", "second", "", "cast"]
    made, layers, scaled = named(data, ["image"], ["second", "unused"], paths, scales)
    names = [t.name for t in parse(made).main.tensors]
    wanted = ["image", "act/constant", "value/constant", "first/constant", "first", "first_1", "value", "second"]
    assert [names[i] for i in (x, c, d, w, h, again, unknown, y)] == wanted
    assert layers == ("second", "cast", "first", "act"), "those of outputs and inputs first, of constants last"
    assert scaled == {"first": Scale(0.25, 3)}, "of two scales, the finer one"
    (signature,) = schema.ModelT.InitFromPackedBuf(made, 0).signatureDefs
    assert [e.name for e in (*signature.inputs, *signature.outputs)] == [b"image", b"second", b"image"]


def marked(source="computed", moves=False, name="microgen.range3", returns="after"):
    """A value, a composite that stands for its scale, and what reads it.

    Args:
        source: "computed", or the model's "input".
        moves: a TRANSPOSE and a RESHAPE between value and composite.
        name: of the composite.
        returns: "after" an operator behind the composite, the "composite" itself, or "both" it and the value.
    """
    b = Float()
    x = value = b.add("x", (1, 2, 3))
    if source == "computed":
        value = b.step("TANH", [x], "value", (1, 2, 3))
    shape, moved = (1, 2, 3), value
    if moves:
        order = b.tensor("order", [3], "int32", values=[0, 2, 1])
        moved = b.step("TRANSPOSE", [moved, order], "turned", (1, 3, 2), schema.TransposeOptionsT())
        shape = (1, 6)
        to = b.tensor("to", [2], "int32", values=shape)
        moved = b.step("RESHAPE", [moved, to], "flat", shape, schema.ReshapeOptionsT())
    stored = b.step("STABLEHLO_COMPOSITE", [moved], "stored", shape)
    options = schema.StableHLOCompositeOptionsT()
    options.name, options.decompositionSubgraphIndex = name, 1
    b.graph.operators[-1].builtinOptions2 = options
    b.graph.operators[-1].builtinOptions2Type = schema.BuiltinOptions2.StableHLOCompositeOptions
    after = b.step("RELU", [stored], "y", shape)
    if returns != "after":
        b.graph.operators.pop()
    b.subgraph([x], {"after": [after], "composite": [stored], "both": [value, stored]}[returns])
    body = b.add("body", shape)
    b.subgraph([body], [b.step("NEG", [body], "negated", shape)])
    return with_signature(models._finish(b))


@pytest.mark.parametrize(
    ("options", "ops", "named"),
    [
        ({}, ["TANH", "RELU"], ["value"]),
        ({"source": "input"}, ["RELU"], ["x"]),
        ({"moves": True}, ["TANH", "TRANSPOSE", "RESHAPE", "RELU"], ["value", "turned", "flat"]),
        ({"returns": "composite"}, ["TANH"], ["value"]),
        ({"returns": "composite", "source": "input"}, ["RESHAPE"], ["x"]),
        ({"returns": "both"}, ["TANH", "RESHAPE"], ["value"]),
        ({"returns": "both", "moves": True}, ["TANH", "TRANSPOSE", "RESHAPE"], ["value", "turned", "flat"]),
    ],
)
def test_a_composite_leaves_its_number_in_names_and_is_taken_out(options, ops, named):
    torch()
    from microgen.frontends.tracing.ranges import tagged

    made = tagged(marked(**options))
    model = parse(made)
    assert [op.name for op in model.main.operators] == ops and len(model.subgraphs) == 1
    assert [t.name for t in model.main.tensors if "microgen" in t.name] == [f"{n};microgen.range3" for n in named]
    read = {i for op in model.main.operators for i in (*op.inputs, *op.outputs)}
    assert read == set(range(len(model.main.tensors))), "no tensor is left that nobody reads"
    (signature,) = schema.ModelT.InitFromPackedBuf(made, 0).signatureDefs
    assert [e.tensorIndex for e in signature.outputs] == Graph(made).results
    x = np.random.default_rng(0).normal(size=(1, 2, 3)).astype(np.float32)
    wanted = x if options.get("source") == "input" else np.tanh(x)
    moved = wanted.transpose(0, 2, 1).reshape(1, 6) if options.get("moves") else wanted
    returns = options.get("returns", "after")
    answers = {"after": [np.maximum(moved, 0)], "composite": [moved], "both": [wanted, moved]}[returns]
    for got, expected in zip(Interpreter(made).infer([x]), answers, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_composites_of_others_stay():
    torch()
    from microgen.frontends.tracing.ranges import tagged

    other = parse(tagged(marked(name="odml.rms_norm")))
    assert other.ops["STABLEHLO_COMPOSITE"] == 1 and len(other.subgraphs) == 2
    assert not any("microgen" in t.name for t in other.main.tensors)
