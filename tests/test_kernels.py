"""What each kernel asks the arena for, against TFLM itself: the smallest arena of each operator alone, to the byte.

An operator alone shows one moment of its allocation only, that in which the arena is fullest. So the operators whose
kernels do more than look at their tensors are tried in several models each, in which the arena is fullest at other
moments; see `aside`. Their shapes are such that no term of what they ask for hides in the alignment.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen import worker
from microgen.planner import Target, plan
from microgen.tflite import parse
from microgen.tflite.schema import RESOLVER_METHODS, TENSOR_TYPES

from . import models
from .models import layer

POOL = {"strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2, "padding": 1}
AXES = ([1], "int32", [1])


def same(name, options="", dtype="int8", count=1, to=(), **fields):
    """An operator from tensors of one shape to one of the same."""
    return layer(name, [([1, 6], dtype)] * count, [([1, 6], dtype, *to)], options, **fields)


def transpose_conv(dtype="int8", bias="", size=4):
    weights = ([3, 3, 3, 2], "int8", np.zeros((3, 3, 3, 2)))
    inputs = [([4], "int32", [1, size, size, 3]), weights, ([1, size, size, 2], dtype)]
    inputs += [([3], bias, np.zeros(3))] if bias else []
    return layer("TRANSPOSE_CONV", inputs, [([1, size, size, 3], dtype)], "TransposeConv", strideH=1, strideW=1)


def depthwise():
    inputs = [([1, 4, 4, 3], "int8"), ([1, 3, 3, 3], "int8", np.zeros((1, 3, 3, 3)))]
    fields = {"strideH": 1, "strideW": 1, "depthMultiplier": 1}
    return layer("DEPTHWISE_CONV_2D", inputs, [([1, 4, 4, 3], "int8")], "DepthwiseConv2D", **fields)


def reduced(name, dtype="int8", shape=(1, 5, 3)):
    return layer(name, [(shape, dtype), AXES], [((1, *shape[2:]), dtype)], "Reducer")


def matmul(transposed, adjoint, dtype="int8"):
    inputs = [([1, 4, 2] if transposed else [1, 2, 4], dtype), ([1, 3, 4] if adjoint else [1, 4, 3], dtype)]
    return layer("BATCH_MATMUL", inputs, [([1, 2, 3], dtype)], "BatchMatMul", adjX=transposed, adjY=adjoint)


def padded(name, options=""):
    return layer(name, [([1, 5], "int8"), ([2, 2], "int32", [[0, 0], [1, 1]])], [([1, 7], "int8")], options)


MADE = {
    "CONV_2D": models.quirky_bias(),
    "DEPTHWISE_CONV_2D": depthwise(),
    "TRANSPOSE_CONV": transpose_conv(),
    "TRANSPOSE_CONV, int16": transpose_conv("int16"),
    "TRANSPOSE_CONV, int64 bias": transpose_conv("int16", "int64"),
    "TRANSPOSE_CONV, int16 bias": transpose_conv("int16", "int16"),
    "TRANSPOSE_CONV, large": transpose_conv(size=20),
    "TRANSPOSE_CONV, large, int16": transpose_conv("int16", "int16", 20),
    "FULLY_CONNECTED, int4": models.multiplied("int4"),
    "FULLY_CONNECTED, weights fed": models.multiplied(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": models.lstm(),
    "UNIDIRECTIONAL_SEQUENCE_LSTM, wide": models.lstm(units=300),
    "SVDF": models.stateful(),
    "SVDF, large": models.stateful(filters=500),
    "SOFTMAX": same("SOFTMAX", "Softmax", to=(1 / 256, -128), beta=1.0),
    "REDUCE_MAX": reduced("REDUCE_MAX"),
    "REDUCE_MAX, float32": reduced("REDUCE_MAX", "float32"),
    "MEAN, float32": reduced("MEAN", "float32"),
    "MEAN, int16": reduced("MEAN", "int16"),
    "SUM, large": reduced("SUM", shape=(1, 5, 300)),
    "ADD_N": same("ADD_N", "AddN", count=3),
    "ADD_N, many": same("ADD_N", "AddN", count=40),
    "MUL": models.product(),
    "MIRROR_PAD": padded("MIRROR_PAD", "MirrorPad"),
    "PAD": padded("PAD"),
    "SPLIT": layer("SPLIT", [([], "int32", 1), ([1, 6], "int8")], [([1, 3], "int8")] * 2, "Split", numSplits=2),
    "SPLIT_V": layer(
        "SPLIT_V", [([1, 6], "int8"), ([2], "int32", [2, 4]), ([], "int32", 1)],
        [([1, 2], "int8"), ([1, 4], "int8")], "SplitV", numSplits=2,
    ),
    "STRIDED_SLICE": layer(
        "STRIDED_SLICE", [([1, 6], "int8"), *(([2], "int32", v) for v in ([0, 0], [1, 4], [1, 2]))],
        [([1, 2], "int8")], "StridedSlice",
    ),
    "L2_POOL_2D": layer("L2_POOL_2D", [([1, 4, 4, 2], "float32")], [([1, 2, 2, 2], "float32")], "Pool2D", **POOL),
    "AVERAGE_POOL_2D": layer("AVERAGE_POOL_2D", [([1, 4, 4, 2], "int8")], [([1, 2, 2, 2], "int8")], "Pool2D", **POOL),
    "EQUAL": layer("EQUAL", [([1, 5], "int8")] * 2, [([1, 5], "bool")], "Equal"),
    "RESHAPE": layer("RESHAPE", [([1, 6], "int8")], [([2, 3], "int8")], "Reshape", newShape=[2, 3]),
    "ARG_MAX": layer("ARG_MAX", [([1, 6], "int8"), ([], "int32", 1)], [([1], "int32", ())], "ArgMax", outputType=2),
    "SHAPE": layer("SHAPE", [([2, 6], "int8")], [([2], "int32", ())], "Shape", outType=2),
    "PACK": layer("PACK", [([1, 6], "int8")] * 2, [([2, 1, 6], "int8")], "Pack", valuesCount=2),
    "UNPACK": layer("UNPACK", [([2, 6], "int8")], [([6], "int8")] * 2, "Unpack", num=2),
    "RELU6": same("RELU6"),
    "NEG": same("NEG", dtype="float32"),
    "LOGISTIC": same("LOGISTIC", to=(1 / 256, -128)),
    "MAXIMUM": same("MAXIMUM", "MaximumMinimum", count=2),
    "BATCH_MATMUL, float32": matmul(False, False, "float32"),
    "BATCH_MATMUL, float32, both transposed": matmul(True, True, "float32"),
}  # fmt: skip

# These keep memory while TFLM's temporary tensors are alive. TFLM lets them overlap, which does no harm as long as
# nobody reads them again; the planner counts them, one step of the alignment.
COUNTED_TWICE = {
    "BATCH_MATMUL": matmul(False, False),
    "BATCH_MATMUL, second transposed": matmul(False, True),
    "BATCH_MATMUL, first transposed": matmul(True, False),
    "BATCH_MATMUL, both transposed": matmul(True, True),
    "SOFTMAX, int16": same("SOFTMAX", "Softmax", dtype="int16", to=(1 / 32768,), beta=1.0),
    "DEPTH_TO_SPACE": layer(
        "DEPTH_TO_SPACE", [([1, 2, 2, 4], "int8")], [([1, 4, 4, 1], "int8")], "DepthToSpace", blockSize=2
    ),
    "GATHER": layer("GATHER", [([4, 3], "int8"), ([2], "int32", [0, 2])], [([2, 3], "int8")], "Gather"),
    "EMBEDDING_LOOKUP": layer(
        "EMBEDDING_LOOKUP", [([2], "int32"), ([4, 3], "int8", np.zeros((4, 3)))], [([2, 3], "int8")]
    ),
}  # fmt: skip


def const(*shape, dtype="int8"):
    return shape, dtype, np.zeros(shape)


STEP = {"strideH": 1, "strideW": 1}
DILATED = {**STEP, "dilationHFactor": 1, "dilationWFactor": 1}


def large_conv():
    inputs = [((1, 2, 2, 31), "int8"), const(67, 1, 1, 31), const(67, dtype="int32")]
    return layer("CONV_2D", inputs, [((1, 2, 2, 67), "int8")], "Conv2D", **DILATED)


def large_depthwise():
    inputs = [((1, 2, 2, 53), "int8"), const(1, 1, 1, 53), const(53, dtype="int32")]
    return layer(
        "DEPTHWISE_CONV_2D", inputs, [((1, 2, 2, 53), "int8")], "DepthwiseConv2D", depthMultiplier=1, **DILATED
    )


def large_transpose_conv(dtype="int8", bias="int32"):
    inputs = [((4,), "int32", [1, 4, 4, 41]), const(41, 3, 3, 23), ((1, 4, 4, 23), dtype)]
    inputs += [const(41, dtype=bias)] if bias else []
    return layer("TRANSPOSE_CONV", inputs, [((1, 4, 4, 41), dtype)], "TransposeConv", **STEP)


def large_svdf(batch=3, width=37, rank=2, units=29, memory=4):
    b, filters = models.ModelBuilder(), units * rank
    x, features = b.tensor("x", [batch, width]), b.tensor("f", [filters, width], values=np.zeros((filters, width)))
    taps = b.tensor("t", [filters, memory], "int16", values=np.zeros((filters, memory)))
    bias = b.tensor("bias", [units], "int32", 0.0025, values=np.zeros(units))
    state = b.tensor("s", [batch, memory * filters], "int16", variable=True)
    y = b.tensor("y", [batch, units])
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = rank, 1
    b.op("SVDF", [x, features, taps, bias, state], [y], options)
    return b.build([x], [y])


def large_reduced(name, dtype="int8", rank=5):
    shape, axis = (*[1] * (rank - 2), 61, 3), rank - 2
    return layer(name, [(shape, dtype), ((12,), "int32", [axis] * 12)], [((*shape[:-2], 3), dtype)], "Reducer")


def large_mirror_pad(rank):
    shape = (*[1] * (rank - 2), 2, 47)
    inputs = [(shape, "int8"), ((rank, 2), "int32", np.zeros((rank, 2)))]
    return layer("MIRROR_PAD", inputs, [(shape, "int8")], "MirrorPad")


def large_matmul(transposed, adjoint, dtype="int8"):
    inputs = [((1, 1, 60, 5) if transposed else (1, 1, 5, 60), dtype)]
    inputs.append(((1, 1, 33, 60) if adjoint else (1, 1, 60, 33), dtype))
    return layer("BATCH_MATMUL", inputs, [((1, 1, 5, 33), dtype)], "BatchMatMul", adjX=transposed, adjY=adjoint)


def large(name, options="", dtype="int8", count=1, to=(), **fields):
    return layer(name, [((1, 50), dtype)] * count, [((1, 50), dtype, *to)], options, **fields)


def floats(data):
    """The same operator in float32: what is quantized becomes float32, and what is called a bias."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for tensor in model.subgraphs[0].tensors:
        if tensor.quantization is not None or (len(tensor.shape) == 1 and tensor.shape[0] > 12):
            tensor.type, tensor.quantization = models.TYPES["float32"], None
            if tensor.buffer:
                model.buffers[tensor.buffer].data = np.zeros(4 * math.prod(tensor.shape), np.uint8)
    return models.packed(model)


def int4(data):
    """The same operator with int4 weights, its second tensor."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    weights = model.subgraphs[0].tensors[1]
    weights.type = 17
    model.buffers[weights.buffer].data = np.zeros((math.prod(weights.shape) + 1) // 2, np.uint8)
    return models.packed(model)


def many_scales(tensor):
    """Give a tensor a scale for each element of its longest dimension."""
    found, count = tensor.quantization, max(tensor.shape)
    found.quantizedDimension = int(np.argmax(tensor.shape))
    found.scale, found.zeroPoint = (list(values[:1]) * count for values in (found.scale, found.zeroPoint))


def of_channels(data):
    """The same LSTM, whose weights have a scale for each channel."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for weights in model.subgraphs[0].tensors[1:9]:
        many_scales(weights)
    return models.packed(model)


LARGE = {
    "CONV_2D": large_conv(),
    "CONV_2D, int4": int4(large_conv()),
    "CONV_2D, float32": floats(large_conv()),
    "DEPTHWISE_CONV_2D": large_depthwise(),
    "TRANSPOSE_CONV": large_transpose_conv(),
    "TRANSPOSE_CONV, int16": large_transpose_conv("int16", "int16"),
    "TRANSPOSE_CONV, no bias": large_transpose_conv("int16", ""),
    "TRANSPOSE_CONV, float32": floats(large_transpose_conv()),
    "FULLY_CONNECTED": models.fully_connected(47, 61),
    "FULLY_CONNECTED, int4": models.multiplied("int4"),
    "FULLY_CONNECTED, float32": floats(models.fully_connected(47, 61)),
    "SOFTMAX": large("SOFTMAX", "Softmax", to=(1 / 256, -128), beta=1.0),
    "SVDF": large_svdf(),
    "SVDF, float32": floats(large_svdf()),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": models.lstm(units=43, width=29),
    "UNIDIRECTIONAL_SEQUENCE_LSTM, float32": floats(models.lstm(units=43, width=29)),
    "UNIDIRECTIONAL_SEQUENCE_LSTM, per channel": of_channels(models.lstm(units=43, width=29)),
    "MEAN": large_reduced("MEAN"),
    "MEAN, int16, rank 4": large_reduced("MEAN", "int16", 4),
    "SUM, float32": large_reduced("SUM", "float32"),
    "REDUCE_MAX": large_reduced("REDUCE_MAX"),
    "REDUCE_MAX, rank 4": large_reduced("REDUCE_MAX", rank=4),
    "REDUCE_MIN, float32": large_reduced("REDUCE_MIN", "float32"),
    "REDUCE_ALL": large_reduced("REDUCE_ALL", "bool"),
    "ADD_N": large("ADD_N", "AddN", count=3),
    "ADD_N, float32": large("ADD_N", "AddN", "float32", count=7),
    "MIRROR_PAD": large_mirror_pad(5),
    "MIRROR_PAD, rank 4": large_mirror_pad(4),
    "CONCATENATION": layer(
        "CONCATENATION", [((1, n), "int8") for n in (20, 30, 40)], [((1, 90), "int8")], "Concatenation", axis=1
    ),
    "BATCH_MATMUL": large_matmul(False, False),
    "BATCH_MATMUL, none transposed": large_matmul(False, True),
    "BATCH_MATMUL, both transposed": large_matmul(True, False),
    "BATCH_MATMUL, int16": large_matmul(False, True, "int16"),
    "BATCH_MATMUL, float32": large_matmul(True, False, "float32"),
    "EQUAL": layer("EQUAL", [((1, 50), "int8")] * 2, [((1, 50), "bool")], "Equal"),
    "RESHAPE": layer("RESHAPE", [((1, 50), "int8")], [((50, 1), "int8")], "Reshape", newShape=[50, 1]),
    "L2_POOL_2D": layer("L2_POOL_2D", [([1, 4, 4, 2], "float32")], [([1, 2, 2, 2], "float32")], "Pool2D", **POOL),
    "RELU6": large("RELU6"),
    "LOGISTIC": large("LOGISTIC", to=(1 / 256, -128)),
}
# What these keep after they looked, in bytes: TFLM lets it overlap what they looked at, the planner does not.
OVERLAP = {
    "ADD_N": 48,
    "BATCH_MATMUL": 32 + 32 + 32 + 1984 + 32,
    "BATCH_MATMUL, none transposed": 32 + 32,
    "BATCH_MATMUL, both transposed": 32 + 2 * (32 + 32) + 304 + 1984 + 32,
    "BATCH_MATMUL, int16": 32 + 32,
    "BATCH_MATMUL, float32": 2 * (32 + 32) + 1200 + 7920 + 32,
    "L2_POOL_2D": 32,
    "FULLY_CONNECTED": 2 * 256,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 2 * 176,
    "UNIDIRECTIONAL_SEQUENCE_LSTM, per channel": 16 * 176,
}


def variants(data):
    """An operator in models in which the arena is fullest at the end, or while it looks at one of its tensors."""
    yield "end", aside(data, edge=250)
    yield "prepare", aside(data)
    tensors = schema.ModelT.InitFromPackedBuf(data, 0).subgraphs[0].tensors
    for k, tensor in enumerate(tensors[:5] + tensors[5:][-1:]):
        number = k if k < 5 else len(tensors) - 1
        if tensor.quantization is not None and max(tensor.shape) > 12:
            yield f"prepare, {tensor.name.decode()}", aside(data, wide=number)


def aside(data, edge=1, wide=None):
    """A model's operator with constants for inputs, aside from another operator, which has the model's edges.

    MAXIMUM looks at nothing and keeps nothing, so it is the operator alone that an arena shows while it is prepared.

    Args:
        edge: scales of the edges, which are kept until the end: with many, it is the end that needs the arena most.
        wide: a tensor that has a scale for each element of its longest dimension: looking at it once more takes more.
    """
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    for tensor in (graph.tensors[i] for i in graph.inputs):
        tensor.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
        dtype = np.dtype(TENSOR_TYPES[tensor.type].numpy)
        model.buffers[-1].data = np.zeros(math.prod(tensor.shape) * dtype.itemsize, np.uint8)
    if wide is not None:
        many_scales(graph.tensors[wide])
    for name in ("from", "to"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, [1, edge], models.TYPES["int8"]
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [0.05], [0]
        many_scales(tensor)
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = [len(graph.tensors) - 2], [len(graph.tensors) - 1]
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MAXIMUM
    operator.opcodeIndex = len(model.operatorCodes)
    operator.inputs, operator.outputs = [*graph.inputs, *graph.inputs], graph.outputs
    model.operatorCodes.append(code)
    graph.operators.append(operator)
    return models.packed(model)


def smallest_arenas(found, begin=0):
    """What is predicted for each of some models, and what TFLM needs, looked for from there, or from `begin` bytes."""
    predicted = {name: plan(parse(data), Target.HOST).arena_min_bytes for name, data in found.items()}
    arrays = {name: np.frombuffer(data, np.uint8) for name, data in found.items()}
    begins = {name: begin or size for name, size in predicted.items()}
    return predicted, worker.call("TFLM", "tests.tools:smallest_arenas", begins, arrays).values


def test_operators_alone_are_met_to_the_byte():
    predicted, needed = smallest_arenas(MADE)
    assert predicted == needed


def test_operators_alone_are_met_to_one_step_of_the_alignment():
    # Looked for from above: where what is kept overwrites what was looked at, a still smaller arena may work by chance.
    predicted, needed = smallest_arenas(COUNTED_TWICE, 16384)
    assert predicted == {name: size + 16 for name, size in needed.items()}


@pytest.mark.parametrize("name", LARGE)
def test_each_moment_of_an_operators_allocation_is_met(name):
    predicted, needed = smallest_arenas(dict(variants(LARGE[name])))
    if name not in OVERLAP:
        assert predicted == needed
    assert predicted["end"] == needed["end"]
    for moment, size in predicted.items():
        assert needed[moment] <= size <= needed[moment] + OVERLAP.get(name, 0), moment


@pytest.mark.parametrize("name", sorted(RESOLVER_METHODS))
def test_an_operator_that_lacks_its_tensors_is_planned_all_the_same(name):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("RELU", [x], [y])
    bare = plan(parse(b.build([x], [y])), Target.DEVICE)
    if name not in ("IF", "WHILE", "CALL_ONCE"):
        for inputs in ([], [-1] * 24, [x]):
            b.graph.operators[1:] = []
            b.op(name, inputs, [])
            assert plan(parse(b.build([x], [y])), Target.DEVICE).head_bytes >= bare.head_bytes
