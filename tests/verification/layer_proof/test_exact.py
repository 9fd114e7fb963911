"""The exact results that both interpreters are held against, by hand: no engine runs here."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.tflite import parse
from microgen.verification.layer_proof import recurrent
from microgen.verification.layer_proof.exact import Case, Exact, compare
from microgen.verification.layer_proof.prove import bounds
from tests.support import models
from tests.verification.layer_proof.test_recurrent import svdf_model

RELU, RELU_N1_TO_1, RELU6 = 1, 2, 3


def case(data, inputs, tflm, litert=None):
    """The only operator of a model, with what was fed to it and what was answered; samples first."""
    model = parse(data)
    (op,) = model.main.operators
    fed = {i: np.asarray(a) for i, a in zip(model.main.inputs, inputs, strict=True)}
    answers = [np.asarray(tflm)[..., None, :] if np.ndim(tflm) == 2 else np.asarray(tflm)]
    answers.append(answers[0] if litert is None else np.asarray(litert).reshape(answers[0].shape))
    return Case(model, model.main, op, bounds()[op.name], fed, *answers)


@pytest.mark.parametrize("answer, is_within", [([0, 1], True), ([1, 1], True), ([2, 1], False), ([0, 2], False)])
def test_logistic_near_the_middle_of_two_steps(answer, is_within):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 2], "int8", 1 / 128, 0), b.tensor("y", [1, 2], "int8", 1 / 256, -128)
    b.op("LOGISTIC", [x], [y])
    # 0.4999975 and 0.999980: the first may become 0 or 1.
    found = compare(case(b.build([x], [y]), [np.array([[[1, 2]]], np.int8)], answer))
    assert found is not None and found.is_within is is_within


def dense(
    kind="int8",
    scales=(0.013,),
    weight_zero=0,
    activation=0,
    out_scale=0.11,
    zero=7,
    bias=True,
    weights=None,
    in_scale=0.05,
):
    """FULLY_CONNECTED with two units over three inputs, its weights the first tensor."""
    b = models.ModelBuilder()
    values = [[100, -20, 3], [-90, 45, 127]] if weights is None else weights
    w = b.tensor("w", [2, 3], "int8", list(scales), weight_zero, values=values)
    x = b.tensor("x", [1, 3], kind, in_scale, 0 if kind == "int16" else -5)
    y = b.tensor("y", [1, 2], kind, out_scale, 0 if kind == "int16" else zero)
    options = schema.FullyConnectedOptionsT()
    options.fusedActivationFunction = activation
    inputs = [x, w]
    if bias:
        inputs.append(
            b.tensor(
                "bias",
                [2],
                "int64" if kind == "int16" else "int32",
                [in_scale * s for s in scales],
                values=[300, -1000],
            )
        )
    b.op("FULLY_CONNECTED", inputs, [y], options)
    return b.build([x], [y])


X = np.array([[[10, -128, 127]], [[-60, 33, 0]], [[-128, 127, 127]], [[127, -128, -128]]], np.int8)


def exact_dense(data, x=X, low=-128, high=127):
    """What FULLY_CONNECTED is, in rational numbers: before and after rounding and saturation."""
    model = parse(data)
    source, weights, output = (model.main.tensors[i] for i in (1, 0, model.main.outputs[0]))
    matrix = model.constant(weights).astype(int) - weights.zero_point
    bias = model.constant(model.main.tensors[3]).astype(int) if len(model.main.tensors) > 3 else np.zeros(2, int)
    rows = []
    for row in (x.reshape(-1, 3).astype(int) - source.zero_point) @ matrix.T + bias:
        scales = weights.quantization.scales * (2 // len(weights.quantization.scales))
        rows.append(
            [
                Fraction(int(v)) * Fraction(source.scale) * Fraction(s) / Fraction(output.scale)
                for v, s in zip(row, scales, strict=True)
            ]
        )
    answers = [[min(max(round(v + output.zero_point), low), high) for v in row] for row in rows]
    return rows, np.array(answers)


def epsilon(factors, values, relative):
    """The largest epsilon of the docstrings: the second rounding of TFLM, and the errors of its factor."""
    shifts = [max(0, -math.frexp(float(f))[1]) for f in factors]
    seconds = [2.0 ** -(n + 1) if n else 0.0 for n in shifts]
    return max(s + abs(float(v)) * relative for row in values for s, v in zip(seconds, row, strict=True))


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"weight_zero": 3}, {"scales": (0.013, 0.021)}, {"out_scale": 0.0011}, {"kind": "int16"}],
)
def test_a_dense_layer_is_held_against_its_rational_result(options):
    data = dense(**options)
    wide = options.get("kind") == "int16"
    low, high = (-32768, 32767) if wide else (-128, 127)
    values, right = exact_dense(data, low=low, high=high)
    x = X.astype(np.int16) if wide else X
    found = compare(case(data, [x], right))
    assert found.is_within and found.tflm == found.litert <= 0.5
    zero = 0 if wide else 7
    model = parse(data)
    weights = model.main.tensors[0].quantization.scales * (1 if len(options.get("scales", "")) else 2)
    factors = [model.main.tensors[1].scale * s / model.outputs[0].scale for s in weights]
    clipped = [[min(max(v, low - zero), high - zero) for v in row] for row in values]
    relative = 2.0 ** -(15 if wide else 31) + 2.0**-24
    assert found.allowed == pytest.approx(0.5 + epsilon(factors, clipped, relative), rel=1e-12)
    for place in np.ndindex(*right.shape):
        for step in (-1, 1):
            wrong = right.copy()
            wrong[place] += step
            assert not compare(case(data, [x], wrong, right)).is_within
            found = compare(case(data, [x], right, wrong))
            assert not found.is_within and found.litert > found.tflm


@pytest.mark.parametrize(
    ("activation", "scale", "low", "high"),
    [
        (0, 0.05, -128, 127), (RELU, 0.05, 7, 127), (RELU6, 0.05, 7, 127), (RELU6, 0.1, 7, 67),
        (RELU_N1_TO_1, 0.05, -13, 27), (RELU_N1_TO_1, 0.0005, -128, 127),
        # Halves are rounded away from zero, after a division in float32.
        (RELU6, 12.0, 7, 8), (RELU_N1_TO_1, 2.0, 6, 8), (RELU6, 2.4, 7, 10),
    ],
)  # fmt: skip
def test_an_activation_bounds_what_a_dense_layer_may_answer(activation, scale, low, high):
    data = dense(activation=activation, out_scale=scale, in_scale=50 * scale)
    _, right = exact_dense(data, low=low, high=high)
    assert right.min() == low and right.max() == high
    assert compare(case(data, [X], right)).is_within
    for edge, step in ((low, -1), (low, 1), (high, -1), (high, 1)):
        wrong = np.where(right == edge, right + step, right)
        assert not compare(case(data, [X], wrong)).is_within


@pytest.mark.parametrize("changed", [{"in_scale": 0.0}, {"scales": (0.0,)}, {"out_scale": 0.0}])
def test_without_a_scale_there_is_no_exact_result_of_a_dense_layer(changed):
    assert compare(case(dense(**changed), [X], np.zeros((4, 2)))) is None


def test_an_answer_without_elements_is_exact():
    found = compare(case(dense(), [X[:, :0]], np.zeros((4, 0, 2), np.int8)))
    assert found == Exact(0.0, 0.0, 0.5, True)


def test_a_bias_may_be_the_first_tensor():
    data = dense()
    _, right = exact_dense(data)
    first = models.with_first(data, "bias")
    assert parse(first).main.operators[0].inputs[2] == 0
    found = compare(case(first, [X], right))
    assert found.is_within and found == compare(case(data, [X], right))


def test_weights_of_a_sample_and_a_bias_of_a_sample_are_its_own():
    b = models.ModelBuilder()
    x, w = b.tensor("x", [1, 3], "int8", 0.05, -5), b.tensor("w", [2, 3], "int8", 0.013)
    bias, y = b.tensor("bias", [2], "int32", 0.00065), b.tensor("y", [1, 2], "int8", 0.11, 7)
    b.op("FULLY_CONNECTED", [x, w, bias], [y], schema.FullyConnectedOptionsT())
    data = b.build([x, w, bias], [y])
    rng = np.random.default_rng(3)
    weights, biases = rng.integers(-127, 128, (4, 2, 3)), rng.integers(-999, 999, (4, 2))
    sums = np.einsum("sk,suk->su", X[:, 0].astype(int) + 5, weights) + biases
    model = parse(data)
    factor = Fraction(model.inputs[0].scale) * Fraction(model.inputs[1].scale) / Fraction(model.outputs[0].scale)
    right = np.clip([[round(int(v) * factor + 7) for v in row] for row in sums], -128, 127)
    fed = [X, weights.astype(np.int8), biases.astype(np.int32)]
    assert compare(case(data, fed, right)).is_within
    assert not compare(case(data, fed, right[::-1])).is_within


def summed(axes, shape=(2, 3, 4), scale=0.11):
    b = models.ModelBuilder()
    x = b.tensor("x", shape, zero_point=-7)
    axis = b.tensor(
        "axis", [len(axes)] if len(axes) != 1 else [], "int32", (), values=axes if len(axes) != 1 else axes[0]
    )
    rest = [d for k, d in enumerate(shape) if k not in {a % 3 for a in axes}]
    y = b.tensor("y", rest, scale=scale, zero_point=4)
    b.op("SUM", [x, axis], [y], schema.ReducerOptionsT())
    return b.build([x], [y])


@pytest.mark.parametrize("axes", [(1,), (-1,), (0, 2), (2, -1), (0, 1, 2)])
def test_a_sum_is_held_against_its_rational_result(axes):
    data = summed(axes)
    model = parse(data)
    x = np.random.default_rng(1).integers(-128, 128, (5, 2, 3, 4))
    sums = (x + 7).sum(axis=tuple({a % 3 + 1 for a in axes}))
    factor = Fraction(model.inputs[0].scale) / Fraction(model.outputs[0].scale)
    values = [[min(max(int(v) * factor, -132), 123)] for v in sums.reshape(-1)]
    right = np.array([round(v + 4) for (v,) in values]).reshape(sums.shape)
    fed = [x.astype(np.int8)]
    found = compare(Case(**vars(case(data, fed, right)) | {"tflm": right, "litert": right}))
    assert found.is_within and found.allowed == pytest.approx(0.5 + epsilon([factor], values, 2.0**-31), rel=1e-12)
    wrong = right + 2 * (np.arange(right.size).reshape(right.shape) == 1)
    assert not compare(Case(**vars(case(data, fed, right)) | {"tflm": wrong, "litert": right})).is_within


def without(case, position, **changed):
    """The same operator, in which an input, or the output at -1, has something else."""
    index = case.op.inputs[position] if position >= 0 else case.op.outputs[0]
    tensors = [dataclasses.replace(t, **changed) if t.index == index else t for t in case.graph.tensors]
    return dataclasses.replace(case, graph=dataclasses.replace(case.graph, tensors=tuple(tensors)))


def test_without_a_scale_or_an_axis_there_is_no_exact_result():
    x = np.zeros((5, 2, 3, 4), np.int8)
    total = case(summed((1,)), [x], x.sum(axis=2))
    assert compare(total) is not None
    assert compare(without(total, 1, size=0)) is None
    for position in (0, -1):
        assert compare(without(total, position, quantization=None)) is None


@pytest.mark.parametrize("second", [(5, 3), (3,), (1, 3), (5, 1), (2, 5, 3)])
def test_a_product_is_held_against_its_rational_result_however_it_is_broadcast(second):
    b = models.ModelBuilder()
    first = (5, 3)
    x, y = b.tensor("x", first, "int16", 0.011, 2), b.tensor("y", second, "int16", 0.021, -3)
    shape = np.broadcast_shapes(first, second)
    z = b.tensor("z", shape, "int16", 0.9, 11)
    b.op("MUL", [x, y], [z], schema.MulOptionsT())
    data = b.build([x, y], [z])
    model = parse(data)
    rng = np.random.default_rng(2)
    left, other = rng.integers(-30000, 30000, (4, *first)), rng.integers(-30000, 30000, (4, *second))
    products = np.stack([(a - 2) * (c + 3) for a, c in zip(left, other, strict=True)])
    factor = Fraction(model.inputs[0].scale) * Fraction(model.inputs[1].scale) / Fraction(model.outputs[0].scale)
    values = [[min(max(int(v) * factor, -32779), 32756)] for v in products.reshape(-1)]
    right = np.array([round(v + 11) for (v,) in values]).reshape(products.shape)
    fed = [left.astype(np.int16), other.astype(np.int16)]
    both = vars(case(data, fed, right)) | {"tflm": right, "litert": right}
    found = compare(Case(**both))
    assert found.is_within and found.allowed == pytest.approx(0.5 + epsilon([factor], values, 2.0**-31), rel=1e-12)
    assert not compare(Case(**both | {"litert": right + 1})).is_within
    for position in (0, 1, -1):
        assert compare(without(Case(**both), position, quantization=None)) is None


# ---- operators with state: inside an interval


def svdf_case():
    """An SVDF with the answers in the middle of what they may be, and their interval."""
    model = svdf_model(bias=(90_000, -70_000))
    (op,) = model.main.operators
    fed = {0: np.random.default_rng(4).integers(-128, 128, (7, 1, 4)).astype(np.int8)}
    tube = recurrent.svdf(model, model.main, op, fed)
    answers = np.rint(tube.centre).astype(np.int8).reshape(7, 1, 2)
    return Case(model, model.main, op, bounds()["SVDF"], fed, answers, answers), tube


def test_answers_of_an_svdf_must_be_inside_their_interval():
    case, tube = svdf_case()
    found = compare(case)
    widths = np.maximum(tube.upper - tube.centre, tube.centre - tube.lower)
    assert found.is_within and found.bound_lsb == (tube.high - tube.low).max() and found.allowed == widths.max()
    assert found.tflm == found.litert == np.abs(case.tflm.reshape(7, 2) - tube.centre).max()
    for side in ("tflm", "litert"):
        for edge, step in ((tube.low, -1), (tube.high, 1)):
            place = (3, 1)
            for by, within in ((0, True), (step, False)):
                answers = case.tflm.copy()
                answers[3, 0, 1] = edge[place] + by
                found = compare(dataclasses.replace(case, **{side: answers}))
                assert found.is_within == within
                assert found.is_within or getattr(found, side) > 0.5


def test_an_interval_that_is_too_wide_proves_nothing():
    case, tube = svdf_case()
    widest = float((tube.upper - tube.lower).max())
    assert compare(dataclasses.replace(case, rule={**case.rule, "widest": widest})) is not None
    assert compare(dataclasses.replace(case, rule={**case.rule, "widest": 0.99 * widest})) is None
    state = dataclasses.replace(case.model.main.tensors[4], dtype="int8")
    other = dataclasses.replace(case.graph, tensors=(*case.graph.tensors[:4], state, *case.graph.tensors[5:]))
    assert compare(dataclasses.replace(case, graph=other)) is None


def lstm_case():
    """An LSTM whose answers and cell states lie in the middle of what each interpreter may give, step by step."""
    model = parse(models.lstm(steps=4))
    (op,) = model.main.operators
    rule = bounds()[op.name]
    fed = {0: np.random.default_rng(8).integers(-128, 128, (2, 1, 4, 4)).astype(np.int8)}
    sides = []
    for engine in ("tflm", "litert"):
        answers, cells = np.zeros((8, 6), np.int8), np.zeros((8, 6), np.int16)
        for step in range(8):
            for _ in range(2):  # the answer follows from the cell state of its own step
                tubes = recurrent.lstm(model, model.main, op, fed, answers, cells, recurrent.Kernels(**rule[engine]))
                cells[step] = np.rint(tubes[1].centre[step])
                answers[step] = np.rint(tubes[0].centre[step])
        sides.append((answers.reshape(2, 1, 4, 6), cells, tubes))
    (ours, our_cells, _), (theirs, their_cells, _) = sides
    case = Case(model, model.main, op, rule, fed, ours, theirs, (our_cells, their_cells))
    return case, [tubes for *_, tubes in sides]


def test_answers_and_cell_states_of_an_lstm_must_be_inside_their_intervals():
    case, ((ours, _), (theirs, _)) = lstm_case()
    found = compare(case)
    assert found.is_within
    assert found.tflm == np.abs(case.tflm.reshape(8, 6) - ours.centre).max()
    assert found.litert == np.abs(case.litert.reshape(8, 6) - theirs.centre).max()
    assert found.bound_lsb == max((ours.high - theirs.low).max(), (theirs.high - ours.low).max())
    widths = [np.maximum(t.upper - t.centre, t.centre - t.lower).max() for t in (ours, theirs)]
    assert found.allowed == max(widths)
    for side in ("tflm", "litert"):
        answers = getattr(case, side).copy()
        answers[1, 0, 3, 2] += 3
        assert not compare(dataclasses.replace(case, **{side: answers})).is_within
    for side in (0, 1):
        states = [s.copy() for s in case.states]
        states[side][7, 1] += 999
        assert not compare(dataclasses.replace(case, states=tuple(states))).is_within
    assert compare(dataclasses.replace(case, states=None)) is None
    for position in (3, 6, 13):  # a matrix for the input, one for the state, a bias
        for changed in ({"quantization": None}, {"size": 0}):
            assert compare(without(case, position, **changed)) is None
