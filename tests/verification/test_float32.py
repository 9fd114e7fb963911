"""What float32 kernels may answer: TFLM's own kernels do, and what is a little further is refused."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.tflite import parse
from microgen.verification.float32 import Enclosure, Unproven, bounds, first_outside
from microgen.verification.float32.interval import Interval
from microgen.verification.layer_proof.prove import prove_layers
from microgen.workers import tflm
from tests.support import models

RNG = np.random.default_rng(16)
IMAGE, ROW = (1, 5, 6, 4), (1, 3, 8)
RELU6, VALID = 3, 1


def const(*shape):
    return shape, "float32", RNG.normal(size=shape)


def ints(*values):
    return np.shape(values), "int32", values


def image(name, *more, out, options="", at=1, **fields):
    inputs = [*more[: at - 1], (IMAGE, "float32"), *more[at - 1 :]]
    return models.layer(name, inputs, [(out, "float32")], options, **fields)


def row(name, *more, out=ROW, options="", **fields):
    return models.layer(name, [(ROW, "float32"), *more], [(out, "float32")], options, **fields)


def pair(name, options="", **fields):
    return models.layer(name, [(ROW, "float32"), ((1, 1, 8), "float32")], [(ROW, "float32")], options, **fields)


WINDOW = {"strideH": 2, "strideW": 1}
POOL = {"options": "Pool2D", "filterHeight": 3, "filterWidth": 2, **WINDOW}
CASES = {
    "CONV_2D": image("CONV_2D", const(3, 3, 2, 4), const(3), out=(1, 3, 6, 3), options="Conv2D",
                     fusedActivationFunction=RELU6, **WINDOW),
    "CONV_2D of groups": image("CONV_2D", const(6, 2, 2, 2), out=(1, 2, 5, 6), options="Conv2D", padding=VALID,
                               **WINDOW),
    "DEPTHWISE_CONV_2D": image("DEPTHWISE_CONV_2D", const(1, 3, 3, 8), const(8), out=(1, 3, 6, 8),
                               options="DepthwiseConv2D", depthMultiplier=2, **WINDOW),
    "TRANSPOSE_CONV": models.layer(
        "TRANSPOSE_CONV", [ints(1, 10, 6, 3), const(3, 3, 3, 4), (IMAGE, "float32"), const(3)],
        [((1, 10, 6, 3), "float32")], "TransposeConv", **WINDOW),
    "AVERAGE_POOL_2D": image("AVERAGE_POOL_2D", out=(1, 3, 6, 4), **POOL),
    "MAX_POOL_2D": image("MAX_POOL_2D", out=(1, 3, 6, 4), **POOL),
    "RESIZE_BILINEAR": image("RESIZE_BILINEAR", ints(9, 4), out=(1, 9, 4, 4), options="ResizeBilinear",
                             halfPixelCenters=True),
    "FULLY_CONNECTED": row("FULLY_CONNECTED", const(7, 8), const(7), out=(3, 7), options="FullyConnected",
                           fusedActivationFunction=1),
    "BATCH_MATMUL": models.layer("BATCH_MATMUL", [(ROW, "float32"), (ROW, "float32")], [((1, 3, 3), "float32")],
                                 "BatchMatMul", adjY=True),
    "MEAN": image("MEAN", ints(1, 2), out=(1, 4), options="Reducer"),
    "SUM": image("SUM", ints(-1), out=(1, 5, 6, 1), options="Reducer", keepDims=True),
    "REDUCE_MAX": image("REDUCE_MAX", ints(1, 2), out=(1, 4), options="Reducer"),
    "SOFTMAX": row("SOFTMAX", options="Softmax", beta=0.7),
    "LEAKY_RELU": row("LEAKY_RELU", options="LeakyRelu", alpha=0.2),
    "PRELU": row("PRELU", const(1, 1, 8)),
    "L2_NORMALIZATION": image("L2_NORMALIZATION", out=IMAGE, options="L2Norm"),
    "TRANSPOSE": row("TRANSPOSE", ints(2, 0, 1), out=(8, 1, 3)),
    "PAD": row("PAD", ((3, 2), "int32", [[0, 0], [1, 2], [0, 1]]), out=(1, 6, 9)),
    "MIRROR_PAD": row("MIRROR_PAD", ((3, 2), "int32", [[0, 0], [1, 2], [0, 1]]), out=(1, 6, 9), options="MirrorPad"),
    "SLICE": row("SLICE", ints(0, 1, 2), ints(1, -1, 3), out=(1, 2, 3)),
    "STRIDED_SLICE": row("STRIDED_SLICE", ints(0, 2, -1), ints(1, 3, 0), ints(1, 1, -2), out=(1, 4),
                         options="StridedSlice", beginMask=1, endMask=4, shrinkAxisMask=2),
    "GATHER": row("GATHER", ints(2, 0), out=(1, 2, 8), options="Gather", axis=1),
    "CONCATENATION": models.layer("CONCATENATION", [(ROW, "float32"), const(*ROW)], [((1, 6, 8), "float32")],
                                  "Concatenation", axis=1),
    "PACK": models.layer("PACK", [(ROW, "float32")] * 2, [((1, 2, 3, 8), "float32")], "Pack", axis=1, valuesCount=2),
    "UNPACK": models.layer("UNPACK", [(ROW, "float32")], [((1, 8), "float32")] * 3, "Unpack", axis=1, num=3),
    "SPLIT": models.layer("SPLIT", [ints(2), (ROW, "float32")], [((1, 3, 4), "float32")] * 2, "Split", numSplits=2),
    "SPLIT_V": models.layer("SPLIT_V", [(ROW, "float32"), ints(2, 6), ints(2)],
                            [((1, 3, 2), "float32"), ((1, 3, 6), "float32")], "SplitV", numSplits=2),
    "RESHAPE": row("RESHAPE", ints(1, 24), out=(1, 24), options="Reshape", newShape=[1, 24]),
    "SPACE_TO_DEPTH": models.layer("SPACE_TO_DEPTH", [((1, 4, 6, 2), "float32")], [((1, 2, 3, 8), "float32")],
                                   "SpaceToDepth", blockSize=2),
    "DEPTH_TO_SPACE": models.layer("DEPTH_TO_SPACE", [((1, 2, 3, 8), "float32")], [((1, 4, 6, 2), "float32")],
                                   "DepthToSpace", blockSize=2),
    "BROADCAST_TO": models.layer("BROADCAST_TO", [((1, 1, 8), "float32"), ints(2, 3, 8)], [((2, 3, 8), "float32")]),
    "ADD_N": models.layer("ADD_N", [(ROW, "float32")] * 3, [(ROW, "float32")], "AddN"),
    **{name: pair(name, options) for name, options in (
        ("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul"), ("DIV", "Div"), ("MAXIMUM", "MaximumMinimum"),
        ("MINIMUM", "MaximumMinimum"), ("SQUARED_DIFFERENCE", "SquaredDifference"))},
    **{name: row(name) for name in (
        "ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "HARD_SWISH", "LOGISTIC", "LOG_SOFTMAX", "NEG", "RELU", "RELU6",
        "ROUND", "SIN", "SQUARE", "TANH")},
    **{name: row(name) for name in ("LOG", "RSQRT", "SQRT")},
    "LSTM": models.in_float32(models.lstm()),
}  # fmt: skip
POSITIVE = {"LOG", "RSQRT", "SQRT"}


def answered(model, inputs, steps=1):
    return tflm.run(tflm.RunRequest(model.data, inputs, 2**20, steps=steps)).outputs


@pytest.mark.parametrize("name", CASES)
def test_tflm_is_inside_and_what_is_further_is_not(name):
    model = parse(CASES[name])
    scales = (3.0, 14.0)  # the second beyond where TFLite approximates the logistic function
    inputs = tuple(RNG.normal(size=(2, *t.shape)).astype("f4") for t in model.inputs)
    for a in inputs:
        a *= np.array(scales, "f4").reshape(2, *[1] * (a.ndim - 1))
    if name in POSITIVE:
        inputs = tuple(np.abs(a) + np.float32(0.01) for a in inputs)
    answers = answered(model, inputs)
    found = bounds(model, inputs, answers)
    assert found.unproven == "" and found.outside is None
    for k, tensor in enumerate(model.outputs):
        assert found.tolerances[0][k] <= 2e-4 * np.abs(answers[k][0]).max() + 1e-30, "as narrow as float32 is"
        wrong = [a.copy() for a in answers]
        worst = wrong[k][1].reshape(-1)
        worst[0] += 2 * found.tolerances[1][k] + np.abs(worst[0]) * 1e-5 + 1e-6
        assert first_outside(model, inputs, wrong) == 1, tensor.name


@pytest.mark.parametrize(
    "name", ["CONV_2D", "FULLY_CONNECTED", "SOFTMAX", "DIV", "LEAKY_RELU", "HARD_SWISH", "COS", "PRELU"]
)
def test_errors_of_inputs_are_carried_on(name):
    model = parse(CASES[name])
    enclosure, (op,) = Enclosure(model), model.main.operators
    inputs = [RNG.normal(size=t.shape).astype("f4") for t in model.inputs]
    if name == "DIV":
        inputs[1] = np.abs(inputs[1]) + 1
    wide = {i: Interval(a - 0.1, a + 0.1) for i, a in zip(model.main.inputs, inputs, strict=True)}
    (interval,) = enclosure._outputs(model.main, op, wide)
    moved = tuple(np.stack([a + RNG.uniform(-0.1, 0.1, a.shape).astype("f4") for _ in range(20)]) for a in inputs)
    (answers,) = answered(model, moved)
    assert all(interval.contains(a).all() for a in answers)


def test_a_divisor_that_may_be_zero_may_give_anything():
    quotient = Interval.exact(np.array(1.0)) / Interval(np.array([-1.0, 1.0]), np.array([1.0, 2.0]))
    assert quotient.lower.tolist() == [-np.inf, 0.5] and quotient.upper.tolist() == [np.inf, 1.0]


def test_an_operator_without_a_rule_is_named():
    model = parse(row("CUMSUM", ((), "int32", 1), options="Cumsum"))
    x = RNG.normal(size=(1, *ROW)).astype("f4")
    assert bounds(model, (x,), (x,)).unproven == "operator 0 (CUMSUM)"
    with pytest.raises(Unproven):
        first_outside(model, (x,), (x,))


def test_shapes_that_contradict_each_other_prove_nothing():
    """As damaged files have them; TFLM's kernels do not look at all of them."""
    wide = parse(row("FULLY_CONNECTED", const(7, 5), out=(3, 7), options="FullyConnected"))
    low = parse(image("MAX_POOL_2D", out=(1, 4, 6, 4), **POOL))
    tall = parse(row("RELU", out=(1, 8, 3)))
    for model in (wide, low, tall):
        x = RNG.normal(size=(1, *model.inputs[0].shape)).astype("f4")
        assert bounds(model, (x,), (x,)).unproven.startswith("operator 0 (")


def test_a_model_of_integers_has_no_bounds():
    model = parse(models.fully_connected())
    assert bounds(model, (), ()) is None


def test_state_is_carried_from_step_to_step():
    model = parse(models.in_float32(models.variable(9)))
    inputs = (RNG.normal(size=(4, *model.inputs[0].shape)).astype("f4"),)
    answers = answered(model, inputs, steps=4)
    found = bounds(model, inputs, answers, steps=4)
    assert found.outside is None and found.tolerances[3] > found.tolerances[0]
    assert bounds(model, inputs, answers, steps=1).outside == 1


def test_the_layer_proof_holds_both_interpreters_against_the_exact_result():
    model = parse(CASES["LSTM"])
    inputs = (np.random.default_rng(0).normal(size=(3, *model.inputs[0].shape)).astype("f4"),)
    proof = prove_layers(model, inputs, np.ones(3, bool), 2**16)
    (layer,) = proof.layers
    assert layer.is_within and layer.unit == "" and 0 < layer.exact_error_lsb < layer.exact_allowed_lsb < 1e-2
