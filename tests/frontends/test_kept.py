"""Scales of a quantized file, given to the int8 model that a quantizer made of it again."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.frontends.converted import Scale, Scales
from microgen.frontends.float_tflite.kept import ranges, with_scales
from microgen.frontends.rewriting.graph import Graph
from tests.support.models import ModelBuilder, schema

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(-100, 101, (3, 4))
BIAS = RNG.integers(-500, 500, 3)
INPUT = 0.5


def dense(dtype, weights, bias, scales=(), name="FULLY_CONNECTED", matrix="w"):
    """A layer in float32, or in int8 with these scales of its weights; it has channels first, or last if depthwise.

    Without a bias: "none" for an input that is not there, "left out" for one of -1.
    """
    b = ModelBuilder()
    is_float = dtype == "float32"
    last = name == "DEPTHWISE_CONV_2D"
    weights = np.asarray(weights).T.reshape(1, 1, 4, 3) if last else weights
    x = b.tensor("x", [1, 1, 4, 3] if last else [1, 4], dtype, INPUT, 3)
    w = b.tensor(matrix, np.shape(weights), dtype, scales, values=weights, dimension=3 if last else 0)
    more = {"none": [], "left out": [-1]}.get(bias) if isinstance(bias, str) else None
    if more is None:
        more = [b.tensor("b", [3], "float32" if is_float else "int32", [INPUT * s for s in scales], 5, values=bias)]
    y = b.tensor("y", [1, 1, 1, 3] if last else [1, 3], dtype, 0.25, -7)
    b.op(name, [x, w, *more], [y], getattr(schema, f"{name.title().replace('_', '').replace('2d', '2D')}OptionsT")())
    return b.build([x], [y])


def kept(steps, made, candidates, name="FULLY_CONNECTED", **tensors):
    """Keep scales: the file's are `steps` per channel, the quantizer chose `made`; return the weights and warnings."""
    steps, made = np.broadcast_to(steps, 3)[:, None], np.asarray(made)
    floats = dense("float32", COUNTS * steps, BIAS * INPUT * steps[:, 0], name=name)
    numbers = np.rint(COUNTS * steps / made[:, None])
    other = dense("int8", np.clip(numbers, -127, 127), np.rint(BIAS * steps[:, 0] / made), list(map(float, made)), name)
    data, warnings = with_scales(other, floats, Scales(tensors, tuple(candidates)))
    graph = Graph(data)
    _, weights, bias = graph.inputs(graph.operators[0])
    counts = graph.constant(weights)
    counts = counts.reshape(4, 3).T if name == "DEPTHWISE_CONV_2D" else counts
    scales, units = (graph.main.tensors[i].quantization.scale for i in (weights, bias))
    return counts, scales, graph.constant(bias), units, warnings


@pytest.mark.parametrize("name", ["FULLY_CONNECTED", "DEPTHWISE_CONV_2D"])
@pytest.mark.parametrize(
    ("steps", "made", "candidates"),
    [
        ([0.01, 0.02, 0.03], [0.008, 0.017, 0.025], [(0.5,), (0.01, 0.02), (0.01, 0.02, 0.03)]),
        (0.01, [0.008, 0.009, 0.007], [(0.03, 0.02, 0.01), (0.01,)]),
        (0.01, [0.008], [(0.01, 0.02, 0.01), (0.01,)]),
        (0.01, [0.008], [(0.01,) * 3]),
    ],
)
def test_weights_and_bias_are_those_of_the_file(name, steps, made, candidates):
    counts, scales, bias, units, warnings = kept(steps, made, candidates, name)
    np.testing.assert_array_equal(counts, COUNTS)
    np.testing.assert_array_equal(bias, BIAS)
    wanted = np.broadcast_to(steps, len(made))
    assert scales == pytest.approx(wanted, rel=1e-6) and units == pytest.approx(wanted * INPUT, rel=1e-6)
    assert not warnings


@pytest.mark.parametrize(
    ("steps", "made", "candidates"),
    [
        ([0.01, 0.02, 0.03], [0.05], [(0.01, 0.02, 0.03)]),
        (0.01, [0.008] * 3, [(0.011,), (0.007,)]),
        (0.02, [0.03], [(0.01,)]),
    ],
)
def test_weights_that_are_no_multiples_of_a_scale_are_named(steps, made, candidates):
    """The last ones are multiples, of more than int8 holds."""
    _, scales, _, _, (warning,) = kept(steps, made, candidates)
    assert scales == pytest.approx(made) and "but for those of weights of 'y': int8" in warning


def test_the_quantizers_own_scales_are_left_if_the_weights_are_multiples_of_them():
    counts, scales, _, _, warnings = kept(0.01, [0.01], [(0.011,)])
    assert scales == pytest.approx([0.01]) and (counts == COUNTS).all() and not warnings


@pytest.mark.parametrize("bias", ["none", "left out"])
def test_a_layer_without_a_bias_has_the_weights_of_the_file(bias):
    floats, other = dense("float32", COUNTS * 0.01, bias), dense("int8", np.rint(COUNTS * 0.01 / 0.008), bias, [0.008])
    data, warnings = with_scales(other, floats, Scales({}, ((0.01,),)))
    graph = Graph(data)
    np.testing.assert_array_equal(graph.constant(graph.inputs(graph.operators[0])[1]), COUNTS)
    assert not warnings


def test_a_bias_is_what_int32_holds():
    floats = dense("float32", COUNTS * 0.01, [-3e9, 0.01, 3e9])
    data, _ = with_scales(dense("int8", COUNTS, [0, 0, 0], [0.008]), floats, Scales({}, ((0.01,),)))
    graph = Graph(data)
    bias = graph.inputs(graph.operators[0])[2]
    assert graph.constant(bias).tolist() == [-(2**31) + 1, 2, 2**31 - 1]
    assert list(graph.main.tensors[bias].quantization.zeroPoint) == [0]


def test_weights_of_another_name_are_named():
    floats, other = dense("float32", COUNTS * 0.01, BIAS), dense("int8", COUNTS, BIAS, [0.01], matrix="v")
    assert "weights of 'y'" in with_scales(other, floats, Scales({}, ((0.01,),)))[1][0]


@pytest.mark.parametrize(("scale", "zero", "is_lost"), [(0.25, -7, False), (0.25, -6, True), (0.2501, -7, True)])
def test_a_tensor_with_another_scale_or_zero_point_is_named(scale, zero, is_lost):
    *_, warnings = kept(0.01, [0.01], [(0.01,)], x=Scale(INPUT, 3), y=Scale(scale, zero))
    assert [("but for those of 'y': int8" in w) for w in warnings] == [True] * is_lost


def test_ranges_are_those_of_int8():
    ((name, found),) = ranges(Graph(dense("float32", COUNTS, BIAS)), Scales({"y": Scale(0.25, -7)})).items()
    assert name == "y" and found["min"].tolist() == [[-121 * 0.25]] and found["max"].tolist() == [[134 * 0.25]]
