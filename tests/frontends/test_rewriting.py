"""What no TFLM has is rewritten to what it has, and computes the same; or it is refused with what helps."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.boards import load_board
from microgen.errors import InputError
from microgen.frontends.rewriting import RewriteRequest, difference, needs_rewriting, rewrite
from microgen.frontends.rewriting.graph import Graph
from microgen.frontends.rewriting.memory import remember
from microgen.frontends.rewriting.rewrite import _samples
from microgen.frontends.tflite import input_specs
from microgen.runtimes.tflm.check import check_board
from microgen.tflite import parse
from tests.support import models

RNG = np.random.default_rng(6)


class Float(models.ModelBuilder):
    """Builds float32 models, whose tensors are given by shape or by values."""

    def add(self, shape, dtype="float32", **tensor):
        return self.tensor(f"t{len(self.graph.tensors)}", shape, dtype, (), **tensor)

    def const(self, values, dtype="float32"):
        return self.add(np.shape(values), dtype, values=np.asarray(values))

    def pool(self, source, target, window, strides, padding):
        options = schema.Pool2DOptionsT()
        options.padding, (options.filterHeight, options.filterWidth) = padding, window
        options.strideH, options.strideW = strides
        self.op("MAX_POOL_2D", [source], [target], options)


def one(name, shape, out, *constants, dtype="float32", options=None):
    """An operator on an input and constants."""
    b = Float()
    x, y = b.add(shape, dtype), None
    more = [b.const(c, "float32" if np.asarray(c).dtype.kind == "f" else "int32") for c in constants]
    y = b.add(out, dtype)
    b.op(name, [x, *more], [y], options)
    return b.build([x], [y])


def float16_weights():
    b = Float()
    x, w, wide, y = b.add([1, 3]), b.const(RNG.normal(size=(2, 3)), "float16"), b.add([2, 3]), b.add([1, 2])
    b.op("DEQUANTIZE", [w], [wide])
    b.op("FULLY_CONNECTED", [x, wide, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def joined(count):
    """CONCATENATION of so many tensors, each another shift of the input."""
    b = Float()
    x = b.add([1, 2, 3])
    parts = [b.add([1, 2, 3]) for _ in range(count)]
    for k, part in enumerate(parts):
        b.op("ADD", [x, b.const(np.float32([k]))], [part], schema.AddOptionsT())
    y, options = b.add([1, 2 * count, 3]), schema.ConcatenationOptionsT()
    options.axis = -2
    b.op("CONCATENATION", parts, [y], options)
    return b.build([x], [y])


def embedding(select="SELECT_V2", rows=5, dtype="float32", of=5, compare="LESS", shift="ADD", zero=0, swapped=None,
              returned=False):  # fmt: skip
    """Rows of a table by indices that may be negative.

    Args:
        swapped: "less", "add" or "plain", which takes an input of its own; "rows", which take the place of the table.
        returned: the indices are an output, too.
    """
    b = Float()
    table = b.tensor("table", [of, 2], dtype, 0.1, values=RNG.normal(size=(of, 2)) * 9)
    x, other = b.add([1, 4], "int32"), b.add([1, 4], "int32")
    less, add, chosen = b.add([1, 4], "bool"), b.add([1, 4], "int32"), b.add([1, 4], "int32")
    y = b.tensor("y", [1, 4, 2], dtype, 0.1)
    taken = {name: other if swapped == name else x for name in ("less", "add", "plain")}
    b.op(compare, [taken["less"], b.const(zero, "int32")], [less])
    b.op(shift, [taken["add"], b.const(rows, "int32")], [add], getattr(schema, f"{shift.title()}OptionsT")())
    b.op(select, [less, add, taken["plain"]], [chosen])
    if swapped == "rows":
        y = b.add([1, 4, 4], "int32")
        b.op("GATHER", [chosen, b.const(np.zeros((1, 4)), "int32")], [y], schema.GatherOptionsT())
    else:
        b.op("GATHER", [table, chosen], [y], schema.GatherOptionsT())
    return b.build([x, other] if swapped in taken else [x], [y, chosen] if returned else [y])


def unused():
    b = Float()
    x, y, nowhere, further = (b.add([1, 3]) for _ in range(4))
    b.op("RELU", [x], [y])
    b.op("EXP", [x], [nowhere])
    b.op("NEG", [nowhere], [further])
    return b.build([x], [y])


def reshaped_to_itself():
    b = Float()
    x, y, z, wide = b.add([1, 3]), b.add([1, 3]), b.add([1, 3]), b.add([1, 1, 3])
    b.op("RESHAPE", [x, b.const([1, 3], "int32")], [y], schema.ReshapeOptionsT())
    b.op("RELU", [y], [z])
    b.op("EXPAND_DIMS", [z, b.const(1, "int32")], [wide])
    return b.build([x], [wide])


def reshaped_at_the_end():
    """A RESHAPE that changes nothing, but is an output of its own."""
    b = Float()
    x, y, z, wide = b.add([1, 3]), b.add([1, 3]), b.add([1, 3]), b.add([1, 1, 3])
    b.op("RELU", [x], [y])
    b.op("RESHAPE", [y, b.const([1, 3], "int32")], [z], schema.ReshapeOptionsT())
    b.op("EXPAND_DIMS", [y, b.const(1, "int32")], [wide])
    return b.build([x], [z, wide])


def unread_effect():
    b = Float()
    x, nowhere, y = b.add([1, 3]), b.add([1, 3]), b.add([1, 3])
    b.op("CUSTOM", [x], [nowhere], custom="Logger")
    b.op("RELU", [x], [y])
    return b.build([x], [y])


def looked_up():
    b = Float()
    x, y = b.add([4], "int32"), b.add([4, 3])
    b.op("EMBEDDING_LOOKUP", [x, b.const(RNG.normal(size=(2, 3)))], [y])
    return b.build([x], [y])


def chosen_by_an_input():
    """What SELECT chooses by is no comparison."""
    b = Float()
    less, x, add, y = b.add([1, 4], "bool"), b.add([1, 4], "int32"), b.add([1, 4], "int32"), b.add([1, 4], "int32")
    b.op("ADD", [x, b.const(5, "int32")], [add], schema.AddOptionsT())
    b.op("SELECT_V2", [less, add, x], [y])
    return b.build([less, x], [y])


def tiled_by_an_input():
    b = Float()
    x, times, y = b.add([1, 2]), b.add([2], "int32"), b.add([1, 4])
    b.op("TILE", [x, times], [y])
    return b.build([x, times], [y])


def integer_weights():
    """DEQUANTIZE of int8: their scale is no 1."""
    b = Float()
    x, w = b.add([1, 3]), b.tensor("w", [2, 3], scale=0.1, values=[[1, 2, 3], [4, 5, 6]])
    wide, y = b.add([2, 3]), b.add([1, 2])
    b.op("DEQUANTIZE", [w], [wide])
    b.op("FULLY_CONNECTED", [x, wide, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def open_batch(*shape):
    """An open batch that no shape is computed of."""
    b = Float()
    x, y = (b.tensor(name, [1, *map(abs, shape)], "float32", (), signature=[-1, *shape]) for name in "xy")
    b.op("RELU", [x], [y])
    return b.build([x], [y])


def open_reshape():
    """A RESHAPE to constants, whose shape a converter that had an open batch did not know; without options."""
    b = Float()
    x = b.tensor("x", [1, 3, 2], "float32", (), signature=[-1, 3, 2])
    y, z = (b.tensor(name, [1, 1], "float32", (), signature=[-1, -1]) for name in "yz")
    b.op("RESHAPE", [x, b.const([-1, 6], "int32")], [y])
    b.op("RELU", [y], [z])
    return b.build([x], [z])


def matmul(adjoint=False, source_adjoint=False, batch=1, dtype="float32", has_options=True):
    b = Float()
    x = b.add([batch, 3, 4] if source_adjoint else [batch, 4, 3], dtype)
    w = b.const(RNG.normal(size=(1, 2, 3) if adjoint else (batch, 3, 2)), dtype)
    y, options = b.add([batch, 4, 2], dtype), schema.BatchMatMulOptionsT()
    options.adjX, options.adjY = source_adjoint, adjoint
    b.op("BATCH_MATMUL", [x, w], [y], options if has_options else None)
    return b.build([x], [y])


def padded_pool(value, pads=(1, 1), size=4, padding=1, pools=1, channels=(0, 0), returned=False):
    """PADV2 before a maximum of windows of 3 by 3 in steps of 2; returned: it is an output, too."""
    b = Float()
    wide, left, deep = size + sum(pads), (size + sum(pads) - 3) // 2 + 1, 2 + sum(channels)
    x, padded, *results = b.add([1, size, size, 2]), b.add([1, wide, wide, deep]), *(
        b.add([1, left, left, deep]) for _ in range(pools)
    )  # fmt: skip
    b.op("PADV2", [x, b.const([[0, 0], pads, pads, channels], "int32"), b.const(np.float32(value))], [padded])
    for y in results:
        b.pool(padded, y, (3, 3), (2, 2), padding)
    return b.build([x], [*results, padded] if returned else results)


def window(pads=(0, 0), bodies=("MAXIMUM",), size=4, is_given=False, rank=4, **fields):
    """A maximum of windows of 2 by 2.

    Args:
        bodies: what is computed of two values, one operator after another.
        is_given: the value that it starts with is an input.
        rank: of the input.
        fields: options that differ.
    """
    b = Float()
    side = (size + sum(pads) - 2) // 2 + 1
    x, y = (b.add([1, *[wide] * (rank - 2), 3]) for wide in (size, side))
    start = b.add([]) if is_given else b.const(np.float32(-np.inf))
    number = b.op("STABLEHLO_REDUCE_WINDOW", [x, start], [y])
    options = schema.StablehloReduceWindowOptionsT()
    options.windowDimensions = options.windowStrides = np.array([1, *[2] * (rank - 2), 1])
    options.baseDilations = options.windowDilations = np.ones(rank, np.int64)
    options.padding, options.bodySubgraphIndex = np.array([0, 0, *list(pads) * (rank - 2), 0, 0]), 1
    for name, value in fields.items():
        setattr(options, name, None if value is None else np.array(value))
    b.graph.operators[number].builtinOptions2 = options
    b.graph.operators[number].builtinOptions2Type = schema.BuiltinOptions2.StablehloReduceWindowOptions
    b.subgraph([x, start] if is_given else [x], [y])
    p, q = b.add([]), b.add([])
    for name in bodies:
        r = b.add([])
        b.op(name, [p, q] if name.endswith("IMUM") else [p], [r])
        p = r
    b.subgraph([0, q], [r])
    return models._finish(b)


def open_dense(dtype="float32"):
    """RESHAPE to what SHAPE, STRIDED_SLICE and PACK say of an open batch, as converters write Flatten."""
    b = Float()
    x = b.tensor("x", [1, 3, 2], dtype, 0.1, signature=[-1, 3, 2])
    shape, batch, wanted = b.add([3], "int32"), b.add([], "int32"), b.add([2], "int32")
    y = b.tensor("y", [1, 1], dtype, 0.1, signature=[-1, -1])
    b.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    b.graph.operators[0].builtinOptions.outType = 2
    cut = schema.StridedSliceOptionsT()
    cut.shrinkAxisMask = 1
    b.op("STRIDED_SLICE", [shape, *(b.const([v], "int32") for v in (0, 1, 1))], [batch], cut)
    pack = schema.PackOptionsT()
    pack.valuesCount = 2
    b.op("PACK", [batch, b.const(6, "int32")], [wanted], pack)
    b.op("RESHAPE", [x, wanted], [y], schema.ReshapeOptionsT())
    z = b.tensor("z", [1, 1], dtype, 0.1, signature=[-1, -1])
    b.op("RELU", [y], [z])
    return b.build([x], [z])


def open_fill(dtype="float32"):
    """Numbers for an open batch: of a shape that is computed in two steps."""
    b = Float()
    x, shape, wanted = b.tensor("x", [1, 3], dtype, (), signature=[-1, 3]), b.add([2], "int32"), b.add([2], "int32")
    filled, y = (b.tensor(name, [1, 3], dtype, (), signature=[-1, 3]) for name in ("filled", "y"))
    b.op("SHAPE", [x], [shape], schema.ShapeOptionsT())
    b.graph.operators[0].builtinOptions.outType = 2
    b.op("MUL", [shape, b.const([1, 1], "int32")], [wanted], schema.MulOptionsT())
    b.op("FILL", [wanted, b.const(2, dtype)], [filled], schema.FillOptionsT())
    b.op("ADD", [x, filled], [y], schema.AddOptionsT())
    wide = b.tensor("wide", [1, 1, 3], dtype, (), signature=[-1, 1, 3])
    b.op("EXPAND_DIMS", [y, b.const(1, "int32")], [wide])
    return b.build([x], [wide])


LOWEST = float(np.finfo(np.float32).min)
REWRITTEN = {
    "float16": (float16_weights(), ["FULLY_CONNECTED"]),
    "expand-dims": (one("EXPAND_DIMS", [1, 4, 3], [1, 1, 4, 3], 1), ["RESHAPE"]),
    "embedding": (embedding(), ["GATHER"]),
    "embedding-of-tf-keras": (embedding("SELECT"), ["GATHER"]),
    "embedding-int8": (embedding(dtype="int8"), ["GATHER"]),
    "upsampling": (one("TILE", [1, 4, 1, 3], [1, 4, 7, 3], [1, 1, 7, 1]), ["RESIZE_NEAREST_NEIGHBOR", "RESHAPE"]),
    "upsampling-height": (one("TILE", [1, 4, 1, 5, 3], [1, 4, 2, 5, 3], [1, 1, 2, 1, 1]),
                          ["RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE"]),
    "upsampling-int8": (one("TILE", [1, 3, 1, 2], [1, 3, 3, 2], [1, 1, 3, 1], dtype="int8"),
                        ["RESIZE_NEAREST_NEIGHBOR", "RESHAPE"]),
    "repeat-vector": (one("TILE", [1, 1, 4], [1, 3, 4], [1, 3, 1]), ["RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE"]),
    "tiled-batch": (one("TILE", [1, 4, 2], [3, 4, 2], [3, 1, 1]), ["RESHAPE", "RESIZE_NEAREST_NEIGHBOR", "RESHAPE"]),
    "tiled-int16": (one("TILE", [1, 2, 4], [1, 20, 4], [1, 10, 1], dtype="int16"), ["CONCATENATION"]),
    "tiled": (one("TILE", [1, 2, 4], [1, 6, 4], [1, 3, 1]), ["CONCATENATION"]),
    "matmul": (matmul(), ["FULLY_CONNECTED"]),
    "matmul-transposed": (matmul(adjoint=True), ["FULLY_CONNECTED"]),
    "matmul-without-options": (matmul(has_options=False), ["FULLY_CONNECTED"]),
    "unused": (unused(), ["RELU"]),
    "padded-with-zeros": (one("PADV2", [1, 2], [1, 5], [[0, 0], [1, 2]], np.float32(0)), ["PAD"]),
    "padded-pool": (padded_pool(LOWEST, size=5), ["MAX_POOL_2D"]),
    "window": (window(), ["MAX_POOL_2D"]),
    "window-of-defaults": (window(baseDilations=None, windowDilations=None, padding=None), ["MAX_POOL_2D"]),
    "window-that-leaves-an-edge": (window(size=5), ["MAX_POOL_2D"]),
    "reshaped-to-itself": (reshaped_to_itself(), ["RELU", "RESHAPE"]),
    "reshaped-at-the-end": (reshaped_at_the_end(), ["RELU", "RESHAPE", "RESHAPE"]),
    "looked-up": (looked_up(), ["GATHER"]),
    "window-padded-behind": (window((0, 1), size=3), ["MAX_POOL_2D"]),
    "joined": (joined(21), ["ADD"] * 21 + ["CONCATENATION"] * 3),
    "joined-to-as-many-as-go": (joined(100), ["ADD"] * 100 + ["CONCATENATION"] * 11),
    "joined-twice": (joined(101), ["ADD"] * 101 + ["CONCATENATION"] * 12),
    "open-batch": (open_dense(), ["RESHAPE", "RELU"]),
    "open-batch-filled": (open_fill(), ["FILL", "ADD", "RESHAPE"]),
    "open-batch-of-integers": (open_fill("int32"), ["ADD", "RESHAPE"]),
    "open-batch-reshaped": (open_reshape(), ["RESHAPE", "RELU"]),
    "open-batch-int8": (open_dense("int8"), ["RESHAPE", "RELU"]),
}  # fmt: skip


@pytest.mark.parametrize("name", REWRITTEN)
def test_what_tflm_lacks_becomes_what_it_has_and_computes_the_same(name):
    data, expected = REWRITTEN[name]
    model = parse(data)
    assert needs_rewriting(model)
    reply = rewrite(RewriteRequest(data, ()))
    found = parse(reply.model)
    assert reply.difference <= (1e-6 if name.startswith("matmul") else 0) and reply.changes
    ops = [op.name for op in found.main.operators]
    assert [op for op in ops if op != "RESHAPE"] == [op for op in expected if op != "RESHAPE"]
    assert ops.count("RESHAPE") <= max(expected.count("RESHAPE"), 2 if "RESIZE_NEAREST_NEIGHBOR" in ops else 0)
    assert [t.shape for t in found.inputs] == [t.shape for t in model.inputs]
    assert all(-1 not in t.signature for t in found.main.tensors)
    if name.startswith("open"):
        assert np.prod(found.outputs[0].shape) == np.prod(model.inputs[0].shape), "as one inference has it"
    named = {i for op in found.main.operators for i in (*op.inputs, *op.outputs) if i >= 0}
    assert named | {*found.main.inputs} == {*range(len(found.main.tensors))}, "nothing is left over"
    again = rewrite(RewriteRequest(reply.model, ()))
    assert again.model == reply.model and not again.changes


@pytest.mark.parametrize(
    "data",
    [
        embedding(rows=4),  # negative indices count from another end
        embedding(rows=[5, 5, 5, 5]),
        embedding(zero=1),
        embedding(compare="LESS_EQUAL"),
        embedding(shift="SUB"),
        embedding(swapped="less"),
        embedding(swapped="add"),
        embedding(swapped="plain"),
        embedding(swapped="rows", rows=1),
        embedding(returned=True),
        unread_effect(),
        tiled_by_an_input(),
        integer_weights(),
        open_batch(3),
        open_batch(-1),
        one("TILE", [1, 2, 4], [2, 6, 4], [2, 3, 1]),
        one("TILE", [1, 2, 4], [1, 22, 4], [1, 11, 1]),
        one("PADV2", [1, 2], [1, 5], [[0, 0], [1, 2]], np.float32(1)),
        padded_pool(LOWEST, pads=(2, 2), size=5),
        padded_pool(-1.0, size=5),
        padded_pool(LOWEST, size=5, padding=0),
        window((1, 0), size=3),
        window(bodies=["MINIMUM"]),
        window(bodies=["MAXIMUM", "NEG"]),
        window(rank=3),
        window((0, 1), windowDimensions=[1, 1, 1, 1], windowStrides=[1, 1, 1, 1]),
        window(windowDimensions=[1, 2, 2, 3]),
        window(windowDimensions=[2, 2, 2, 1]),
        window(windowStrides=[1, 2, 2, 2]),
        window(windowStrides=[2, 2, 2, 1]),
        window(baseDilations=[1, 2, 2, 1]),
        window(windowDilations=[1, 2, 2, 1]),
        window(padding=[0, 0, 0, 1, 0, 1, 0, 1], size=3),
        window(padding=[0, 1, 0, 1, 0, 1, 0, 0], size=3),
        window(is_given=True),
        one("PADV2", [1, 2], [1, 5], [[0, 0], [1, 2]], 0, dtype="int8"),
        matmul(source_adjoint=True),
        matmul(batch=2),
        matmul(dtype="int8"),
        padded_pool(LOWEST, size=5, pools=2),
        padded_pool(LOWEST, size=5, channels=(1, 0)),
        padded_pool(LOWEST, size=5, returned=True),
        chosen_by_an_input(),
    ],
)  # fmt: skip
def test_what_has_no_equal_stays_as_it_is(data):
    assert rewrite(RewriteRequest(data, ())).changes == ()


def test_what_was_rewritten_is_named():
    model = schema.ModelT.InitFromPackedBuf(REWRITTEN["expand-dims"][0], 0)
    model.subgraphs[0].tensors[2].name = "wide;StatefulPartitionedCall:0"
    assert rewrite(RewriteRequest(models.packed(model), ())).changes == ("EXPAND_DIMS 'wide'",)
    removed = ("NEG 't3', which nothing reads", "EXP 't2', which nothing reads")
    assert rewrite(RewriteRequest(REWRITTEN["unused"][0], ())).changes == removed


def test_a_graph_that_runs_once_stays():
    b = Float()
    x, before, after, y = b.add([1, 3]), b.add([1, 3]), b.add([1, 3]), b.add([1, 1, 3])
    b.op("ADD", [x, before], [after], schema.AddOptionsT())
    b.op("EXPAND_DIMS", [after, b.const(1, "int32")], [y])
    reply = rewrite(RewriteRequest(remember(b.build([x, before], [y, after]), 1), ()))
    found = parse(reply.model)
    assert reply.difference == 0 and reply.changes and len(found.subgraphs) == 2
    assert found.main.operators[0].name == "CALL_ONCE" and found.ops["RESHAPE"] == 1


def test_metadata_stays():
    model = schema.ModelT.InitFromPackedBuf(REWRITTEN["tiled"][0], 0)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer, buffer.data = "min_runtime_version", len(model.buffers), np.frombuffer(b"1.5.0", np.uint8)
    model.metadata, model.buffers = [entry], [*model.buffers, buffer]
    found = schema.ModelT.InitFromPackedBuf(rewrite(RewriteRequest(models.packed(model), ())).model, 0)
    assert bytes(found.buffers[found.metadata[0].buffer].data) == b"1.5.0"
    kept = {t.buffer for t in found.subgraphs[0].tensors} | {found.metadata[0].buffer}
    assert all(b.data is None or not len(b.data) or k in kept for k, b in enumerate(found.buffers))


def test_a_sound_model_is_not_touched():
    for data in (models.two_by_two(), models.float_edges(), models.lstm(), models.residual(), models.variable(7)):
        assert not needs_rewriting(parse(data))


def test_a_rewrite_that_the_data_speaks_against_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(embedding(dtype="int8"))
    data = np.array([[0, 1, 2, 4], [4, -1, 0, 0]], np.int32)
    with pytest.raises(InputError, match="was rewritten for TFLM, and computes different values on the data"):
        microgen.quantize(tmp_path / "m.tflite", data)
    found = microgen.quantize(tmp_path / "m.tflite", data[:1])
    assert dict(found.model.ops) == {"GATHER": 1} and "rewritten for TFLM" in found.warnings[0]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [([2, 4], [2, 4], 0), ([2, 4], [2, 3], 0.25), ([2, np.nan], [2, np.nan], 0), ([2, np.nan], [2, 1], np.inf),
     ([2, 1], [np.nan, 1], np.inf), ([4, np.inf], [4, np.inf], 0), ([4, np.inf], [3, np.inf], 0.25),
     ([4, np.inf], [4, -np.inf], np.inf), ([0, 0], [0, 1e-9], 1e21), ([1, 2], [1, 2, 3], np.inf)],
)  # fmt: skip
def test_outputs_that_are_no_numbers_are_not_taken_for_equal(ours, theirs, expected):
    found = difference(np.array(ours, np.float32), np.array(theirs, np.float32))
    assert found == pytest.approx(expected), "of the largest value"


def test_integers_differ_by_their_steps():
    assert difference(np.array([[-128, 3]], np.int8), np.array([[127, 3]], np.int8)) == 255


def with_signatures(data):
    """The model with a signature for each of its two graphs."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    model.signatureDefs = []
    for number, name in enumerate(("serving_default", "other")):
        signature, graph = schema.SignatureDefT(), model.subgraphs[number]
        signature.signatureKey, signature.subgraphIndex = name, number
        signature.inputs, signature.outputs = [], []
        for prefix, tensors, entries in (
            ("x", graph.inputs, signature.inputs),
            ("y", graph.outputs, signature.outputs),
        ):
            for k, tensor in enumerate(tensors):
                entry = schema.TensorMapT()
                entry.name, entry.tensorIndex = f"{prefix}{k}", int(tensor)
                entries.append(entry)
        model.signatureDefs.append(signature)
    return models.packed(model)


def test_a_signature_goes_with_its_graph_and_is_mentioned(tmp_path):
    data = with_signatures(REWRITTEN["window"][0])
    reply = rewrite(RewriteRequest(data, ()))
    assert parse(data).signatures == ("serving_default", "other")
    assert parse(reply.model).signatures == ("serving_default",) and len(parse(reply.model).subgraphs) == 1
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    (tmp_path / "m.tflite").write_bytes(data)
    found = microgen.quantize(tmp_path / "m.tflite", RNG.normal(size=(20, 4, 4, 3)).astype(np.float32))
    assert any("the signatures serving_default, other" in warning for warning in found.warnings)


def test_graphs_that_operators_run_stay_with_their_signatures():
    model = schema.ModelT.InitFromPackedBuf(with_signatures(window(bodies=["MINIMUM"])), 0)
    further, options = schema.SubGraphT(), schema.StableHLOCompositeOptionsT()
    further.tensors, further.inputs, further.outputs, further.operators = [], [], [], []
    options.name, options.decompositionSubgraphIndex = "of the body", 2
    inner = model.subgraphs[1].operators[0]
    inner.builtinOptions2, inner.builtinOptions2Type = options, schema.BuiltinOptions2.StableHLOCompositeOptions
    model.subgraphs.append(further)
    graph = Graph(models.packed(model))
    graph.drop_subgraphs()
    assert len(graph.model.subgraphs) == 3
    graph.model.subgraphs[1].operators[0].builtinOptions2 = None
    graph.drop_subgraphs()
    assert len(graph.model.subgraphs) == 2
    other = graph.model.signatureDefs[1]
    (taken, *_), (given,) = other.inputs, other.outputs
    numbers = taken.tensorIndex, given.tensorIndex
    graph.return_instead(given.tensorIndex, 0)
    graph.replace(graph.operators[0], [])
    graph.drop_tensors()
    assert (taken.tensorIndex, given.tensorIndex) == numbers, "of tensors of another graph"


def test_constants_of_types_that_numpy_lacks_are_left_as_they_are():
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")  # which adds some of them to NumPy's list
    graph = Graph(REWRITTEN["tiled"][0])
    (times,) = (i for i in range(3) if graph.constant(i) is not None)
    for name in ("INT4", "STRING", "BFLOAT16"):
        graph.main.tensors[times].type = getattr(schema.TensorType, name)
        assert graph.constant(times) is None


def test_real_samples_are_numbers_of_a_quantized_input():
    b = Float()
    x, y = b.tensor("x", [1, 3], scale=0.5, zero_point=3), b.tensor("y", [1, 3], scale=0.5, zero_point=3)
    b.op("RELU", [x], [y])
    given = np.array([[[0.6, -1, 100]]] * 20, np.float64)
    samples = _samples(Graph(b.build([x], [y])), RewriteRequest(b"", (given,)))
    assert len(samples) == 16 and samples[0][0].dtype == np.int8 and samples[0][0].tolist() == [[4, 1, 127]]
    samples = _samples(Graph(b.build([x], [y])), RewriteRequest(b"", (given.astype(np.int8),)))
    assert samples[0][0].tolist() == [[0, -1, 100]], "numbers are taken as they are"


def test_as_many_tensors_as_tflm_joins_stay_together():
    assert not needs_rewriting(parse(joined(10))) and needs_rewriting(parse(joined(11)))


@pytest.mark.parametrize("kind", ["float16", "window"])
def test_a_float_model_is_rewritten_before_it_is_quantized(tmp_path, kind):
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    data, expected = REWRITTEN[kind]
    (tmp_path / "m.tflite").write_bytes(data)
    shape = parse(data).inputs[0].shape
    found = microgen.quantize(tmp_path / "m.tflite", RNG.normal(size=(20, *shape[1:])).astype(np.float32))
    assert list(found.model.ops) == expected and found.quality.output_sqnr_db > 25


def test_a_float_model_with_operator_codes_of_old_converters_is_quantized_as_its_twin(tmp_path):
    pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed")
    from tests.quantization.test_damage import unbalanced

    model = schema.ModelT.InitFromPackedBuf(unbalanced(1), 0)
    for code in model.operatorCodes:
        code.builtinCode, code.deprecatedBuiltinCode = 0, max(code.builtinCode, code.deprecatedBuiltinCode)
    data = RNG.normal(size=(20, 8)).astype(np.float32)
    answers = []
    for name, content in (("old", models.packed(model)), ("new", unbalanced(1))):
        (tmp_path / f"{name}.tflite").write_bytes(content)
        answers.append(microgen.quantize(tmp_path / f"{name}.tflite", data))
    old, new = ([t.quantization for t in a.model.main.tensors] for a in answers)
    assert old == new and answers[0].quality == answers[1].quality


def test_what_no_tflm_has_is_refused_with_what_helps():
    with pytest.raises(InputError, match="TFLM has no operator TILE") as caught:
        check_board(parse(one("TILE", [1, 2, 4], [2, 6, 4], [2, 3, 1], dtype="int8")), load_board("pico").snapshot)
    assert "use the Keras model" in caught.value.hint and caught.value.operator == "TILE"


def test_an_input_of_a_type_that_numpy_lacks_is_named():
    model = parse(one("TILE", [1, 2, 4], [1, 6, 4], [1, 3, 1]))
    assert [spec.dtype for spec in input_specs(model)] == ["float32"]
    tensors = [
        dataclasses.replace(t, dtype="bfloat16") if t.index in model.main.inputs else t for t in model.main.tensors
    ]
    other = dataclasses.replace(model, subgraphs=(dataclasses.replace(model.main, tensors=tuple(tensors)),))
    with pytest.raises(InputError, match="has type bfloat16, which microgen cannot read or write"):
        input_specs(other)


def test_random_samples_of_indices_are_integers(tmp_path):
    (tmp_path / "m.tflite").write_bytes(embedding(dtype="int8"))
    found = microgen.quantize(tmp_path / "m.tflite", "random")
    assert [a.dtype for a in found.calibration] == [np.int32] and len(np.unique(found.calibration[0])) > 1
