"""The intervals about operators with state, against the same arithmetic done number by number."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.tflite import parse
from microgen.verification.layer_proof import recurrent
from microgen.verification.layer_proof.recurrent import Kernels, lstm, steps_of, svdf
from tests.support import models

FACTOR_ERROR = 2.0**-23


def rounding(factor):
    """One rounding to the nearest, and one of the product where the factor shifts right."""
    shift = -math.frexp(factor)[1]
    return 0.5 + (2.0 ** -(shift + 1) if shift > 0 else 0.0)


def clamp(value, low=-32768, high=32767):
    return min(max(value, low), high)


def svdf_model(rank=2, state_scale=0.001, bias=(900_000, -700_000), state="int16", batch=1, time_zero=0, memory=3):
    rng = np.random.default_rng(9)
    units, width = 2, 4
    b = models.ModelBuilder()
    x = b.tensor("x", [batch, width], scale=0.05, zero_point=1)
    features = b.tensor("f", [units * rank, width], scale=0.01, values=rng.integers(-127, 128, (units * rank, width)))
    taps = b.tensor(
        "t", [units * rank, memory], "int16", 0.0001, time_zero, rng.integers(-9999, 9999, (units * rank, memory))
    )
    inputs = [x, features, taps, -1 if bias is None else b.tensor("b", [units], "int32", 1e-7, values=bias)]
    inputs.append(b.tensor("s", [batch, units * rank * memory], state, state_scale, variable=True))
    y = b.tensor("y", [batch, units], scale=0.02, zero_point=-2)
    options = schema.SVDFOptionsT()
    options.rank = rank
    b.op("SVDF", inputs, [y], options)
    return parse(b.build([x], [y]))


def svdf_by_hand(model, data, rank):
    """Lower edge, centre and upper edge of each answer, in numbers of the output."""
    t = model.main.tensors
    features, taps = (model.constant(t[k]).astype(int).tolist() for k in (1, 2))
    bias = model.constant(t[3]).astype(int).tolist() if t[3].name == "b" else [0, 0]
    x, f, tap_scale, state, y = t[0], t[1].scale, t[2].scale, t[-2].scale, t[-1]
    found = []
    for step in range(len(data)):
        row = []
        for unit in range(2):
            centre, error = float(bias[unit]), 0.0
            for kept in range(unit * rank, unit * rank + rank):
                for tap, weight in enumerate(taps[kept]):
                    when = step - (len(taps[kept]) - 1 - tap)
                    if when < 0:
                        continue
                    factor = x.scale * f / state
                    product = factor * sum((int(v) - 1) * w for v, w in zip(data[when], features[kept], strict=True))
                    width = rounding(factor) + abs(product) * FACTOR_ERROR
                    low, middle, high = (clamp(product + d) for d in (-width, 0, width))
                    centre += middle * weight
                    error += max(high - middle, middle - low) * abs(weight)
            factor = state * tap_scale / y.scale
            width = rounding(factor) + abs(centre * factor) * FACTOR_ERROR + error * factor
            row.append([clamp(centre * factor + d - 2, -128, 127) for d in (-width, 0, width)])
        found.append(row)
    return np.array(found)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("steps", [1, 3, 7])
@pytest.mark.parametrize(
    "options", [{}, {"bias": None}, {"state_scale": 0.0007}, {"state_scale": 0.00001}, {"memory": 6}]
)
def test_the_answers_of_an_svdf_are_enclosed_step_by_step(rank, steps, options):
    model = svdf_model(rank, **options)
    data = np.random.default_rng(4).integers(-128, 128, (steps, 4)).astype(np.int8)
    tube = svdf(model, model.main, model.main.operators[0], {0: data.reshape(steps, 1, 4)})
    expected = svdf_by_hand(model, data, rank)
    for k, part in enumerate((tube.lower, tube.centre, tube.upper)):
        assert part == pytest.approx(expected[:, :, k], abs=1e-9)
    assert np.array_equal(tube.low, np.ceil(tube.lower)) and np.array_equal(tube.high, np.floor(tube.upper))


@pytest.mark.parametrize(
    "options", [{"state": "int8"}, {"batch": 2}, {"time_zero": 3}, {"state_scale": 0.0}, {"state_scale": 1e-13}]
)
def test_an_svdf_of_another_kind_is_not_enclosed(options):
    model = svdf_model(**options)
    data = np.full((5, options.get("batch", 1), 4), 127, np.int8)
    assert svdf(model, model.main, model.main.operators[0], {0: data}) is None


def test_the_bias_of_an_svdf_may_be_the_first_tensor():
    model = svdf_model()
    first = parse(models.with_first(model.data, "b"))
    assert first.main.operators[0].inputs[3] == 0
    data = np.random.default_rng(4).integers(-128, 128, (5, 1, 4)).astype(np.int8)
    one, other = (svdf(m, m.main, m.main.operators[0], {m.main.inputs[0]: data}) for m in (model, first))
    assert np.array_equal(one.centre, other.centre) and np.array_equal(one.lower, other.lower)


def test_accumulators_that_do_not_fit_32_bits_are_not_enclosed():
    # A factor of 4 is 1/2 * 2^3, so 2^28 is the first number that does not fit; 1/4 shifts nothing to the left.
    for factor, too_large in ((4.0, 2**28), (0.25, 2**31)):
        for sums in ([too_large - 1, 0], [1 - too_large]):
            assert recurrent._rescaled(np.array(sums), factor) is not None
            assert recurrent._rescaled(np.array(sums) + np.sign(sums), factor) is None
    model = rescaled(svdf_model(), y=1e-12)
    data = np.full((5, 1, 4), 127, np.int8)
    assert svdf(model, model.main, model.main.operators[0], {0: data}) is None, "what is kept fits, the answer does not"


def test_an_svdf_whose_bias_is_computed_is_not_enclosed():
    model = svdf_model()
    tensors = [dataclasses.replace(t, size=0) if t.name == "b" else t for t in model.main.tensors]
    graph = dataclasses.replace(model.main, tensors=tuple(tensors))
    assert svdf(model, graph, graph.operators[0], {0: np.zeros((5, 1, 4), np.int8)}) is None


def test_an_svdf_without_its_state_is_not_enclosed():
    model = svdf_model()
    op = model.main.operators[0]
    for inputs in (op.inputs[:4], (*op.inputs, 0), (*op.inputs[:4], -1), (-1, *op.inputs[1:])):
        assert (
            svdf(model, model.main, dataclasses.replace(op, inputs=inputs), {0: np.zeros((5, 1, 4), np.int8)}) is None
        )


KERNELS = [Kernels(1.0, 2.0, True), Kernels(6.0, 12.0, False)]


def lstm_by_hand(model, data, answers, cells, kernels):
    """The intervals of answer and cell state of each step, from the answer and the cell state before it."""
    (op,) = model.main.operators
    t = [model.main.tensors[i] if i >= 0 else None for i in op.inputs]
    y, constants = model.outputs[0], {k: model.constant(t[k]).astype(int) for k in (*range(1, 9), *range(12, 16))}
    clip = min(int(op.cell_clip / t[19].scale), 32767) if op.cell_clip > 0 else 32768

    def interval(value, factor):
        width = rounding(factor) + abs(value * factor) * FACTOR_ERROR
        return [value * factor - width, value * factor, value * factor + width]

    def applied(function, x, scale, error):
        values = [function(v * scale) * 2.0**15 for v in x]
        return [clamp(values[0] - error), clamp(values[1]), clamp(values[2] + error)]

    def product(a, b, factor):
        corners = [p * q for p in (a[0], a[2]) for q in (b[0], b[2])]
        width = rounding(factor) + max(abs(c) for c in corners) * factor * FACTOR_ERROR
        return [min(corners) * factor - width, a[1] * b[1] * factor, max(corners) * factor + width]

    found = []
    for step, x in enumerate(data):
        before = answers[step - 1].astype(int) - y.zero_point if step else np.zeros(len(answers[0]), int)
        for unit in range(len(before)):
            gates = []
            for gate in range(4):
                ours = int((x.astype(int) - t[0].zero_point) @ constants[gate + 1][unit]) + int(
                    constants[gate + 12][unit]
                )
                fed = int(before @ constants[gate + 5][unit])
                ours = [clamp(v) for v in interval(ours, t[0].scale * t[gate + 1].scale * 2**12)]
                fed = interval(fed, t[18].scale * t[gate + 5].scale * 2**12)
                if kernels.saturates_parts:
                    fed = [clamp(v) for v in fed]
                total = [clamp(a + b) for a, b in zip(ours, fed, strict=True)]
                if gate == 2:
                    gates.append(applied(math.tanh, total, 2.0**-12, kernels.tanh))
                else:
                    gates.append(applied(lambda v: 1 / (1 + math.exp(-v)), total, 2.0**-12, kernels.logistic))
            write, keep, new, show = gates
            was = [int(cells[step - 1][unit]) if step else 0] * 3
            kept = [clamp(v) for v in product(keep, was, 2.0**-15)]
            state = [clamp(a + b) for a, b in zip(kept, product(write, new, 2.0**-30 / t[19].scale), strict=True)]
            state = [clamp(clamp(v, -clip, clip)) for v in state]
            squashed = applied(math.tanh, [int(cells[step][unit])] * 3, t[19].scale, kernels.tanh)
            answer = [clamp(v + y.zero_point, -128, 127) for v in product(show, squashed, 2.0**-30 / y.scale)]
            found.append((answer, state))
    return (np.array(part).reshape(len(data), -1, 3) for part in zip(*found, strict=True))


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("clip", [10.0, 0.5, 0.0])
@pytest.mark.parametrize("options", [{}, {"cell_scale": 2.0**-15}, {"time_major": True}])
def test_each_step_of_an_lstm_is_enclosed(kernels, clip, options):
    model = rescaled(parse(models.lstm(steps=4, **options)), **dict.fromkeys(("w4", "w5", "w6", "w7"), 0.003))
    op = dataclasses.replace(model.main.operators[0], cell_clip=clip)
    model = dataclasses.replace(model, subgraphs=(dataclasses.replace(model.main, operators=(op,)),))
    rng = np.random.default_rng(8)
    data, answers = (rng.integers(-128, 128, (8, n)).astype(np.int8) for n in (4, 6))
    cells = rng.integers(-32768, 32768, (8, 6)).astype(np.int16)
    given = {0: data.reshape(2, *model.inputs[0].shape)}
    tubes = lstm(model, model.main, op, given, answers.reshape(2, *model.outputs[0].shape), cells, kernels)
    for tube, expected in zip(tubes, lstm_by_hand(model, data, answers, cells, kernels), strict=True):
        for k, part in enumerate((tube.lower, tube.centre, tube.upper)):
            assert part == pytest.approx(expected[:, :, k], abs=1e-6)


def rescaled(model, **scales):
    """A model of one operator, some tensors of which have another scale."""
    tensors = [
        dataclasses.replace(t, quantization=dataclasses.replace(t.quantization, scales=(scales[t.name],)))
        if t.name in scales
        else t
        for t in model.main.tensors
    ]
    return dataclasses.replace(model, subgraphs=(dataclasses.replace(model.main, tensors=tuple(tensors)),))


@pytest.mark.parametrize("kernels", KERNELS)
def test_the_parts_of_a_gate_are_saturated_where_the_kernel_does_so(kernels):
    loud = {k: np.full((12, 4 if k < 5 else 12), 100 if k < 5 else 127) for k in range(1, 9)}
    model = rescaled(
        parse(models.lstm(steps=2, units=12, weights=loud)), **dict.fromkeys(("w4", "w5", "w6", "w7"), 0.02)
    )
    data, answers = np.full((2, 4), -128, np.int8), np.full((2, 12), 127, np.int8)
    cells = np.full((2, 12), 1000, np.int16)
    given, out = {0: data.reshape(1, 2, 1, 4)}, answers.reshape(1, 2, 1, 12)
    tubes = lstm(model, model.main, model.main.operators[0], given, out, cells, kernels)
    for tube, expected in zip(tubes, lstm_by_hand(model, data, answers, cells, kernels), strict=True):
        assert tube.centre == pytest.approx(expected[:, :, 1], abs=1e-6)
    for name in ("x", "hidden"):
        large = rescaled(model, **{name: 1e5})
        found = lstm(large, large.main, large.main.operators[0], given, out, cells, kernels)
        assert found is None, "the accumulators do not fit"


def test_only_the_usual_lstm_is_taken_apart():
    for time_major in (False, True):
        model = parse(models.lstm(steps=7, time_major=time_major))
        (op,) = model.main.operators
        assert steps_of(model.main, op) == recurrent.Steps(0 if time_major else 1, 7, op.inputs[19])

    def taken_apart(op, **tensors):
        changed = [dataclasses.replace(t, **tensors.get(t.name, {})) for t in graph.tensors]
        return steps_of(dataclasses.replace(graph, tensors=tuple(changed)), op) is not None

    graph = model.main
    op = dataclasses.replace(op, time_major=False)
    one = {"shape": (1, 7, 4)}, {"shape": (1, 7, 6)}
    assert taken_apart(op, x=one[0], y=one[1])
    peephole = (*op.inputs[:9], op.inputs[12], *op.inputs[10:])
    normalised = (*op.inputs[:20], op.inputs[12], *op.inputs[21:])
    for other in ({"activation": "RELU"}, {"inputs": peephole}, {"inputs": normalised}, {"name": "SVDF"}):
        assert not taken_apart(dataclasses.replace(op, **other), x=one[0], y=one[1])
    quantization = graph.tensors[0].quantization
    other_scale = {"quantization": dataclasses.replace(quantization, scales=(0.5,))}
    for tensor in (
        {"x": {"shape": (2, 7, 4)}}, {"x": {"shape": (1, 4)}}, {"y": {"shape": (7, 6)}}, {"x": {"dtype": "int16"}},
        {"y": {"dtype": "int16"}}, {"cell": {"dtype": "int32"}}, {"x": {"quantization": None}},
        {"cell": {"quantization": None}}, {"hidden": other_scale}, {"y": other_scale},
    ):  # fmt: skip
        assert not taken_apart(
            op, **{"x": one[0], "y": one[1]} | {k: one[k == "y"] | v if k in "xy" else v for k, v in tensor.items()}
        )
