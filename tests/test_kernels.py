"""What each kernel asks the arena for, against TFLM itself: the smallest arena of each operator alone, to the byte."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.planner import Target, plan
from microgen.tflite import parse

from . import models
from .models import layer
from .test_planner import measured

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


@pytest.mark.parametrize("name", MADE)
def test_an_operator_alone_is_met_to_the_byte(name):
    model = parse(MADE[name])
    assert plan(model, Target.HOST).arena_min_bytes == measured(model)


@pytest.mark.parametrize("name", COUNTED_TWICE)
def test_an_operator_alone_is_met_to_one_step_of_the_alignment(name):
    model = parse(COUNTED_TWICE[name])
    assert plan(model, Target.HOST).arena_min_bytes == measured(model) + 16
