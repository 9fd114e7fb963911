"""LSTM, LEAKY_RELU and functions of single elements, which ai-edge-quantizer leaves in float32, in integers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.frontends.float_tflite.quantizer import QuantizeRequest, quantize
from microgen.frontends.float_tflite.regions import evaluate, regions
from microgen.frontends.rewriting.graph import Graph
from microgen.tflite import parse
from microgen.workers.litert import Interpreter
from tests.support.models import ModelBuilder, schema
from tests.support.tools import needs_host

pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed (pip install 'microgen[quantize]')")
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(80, 8)).astype(np.float32)


class Model:
    """A dense layer in float32, and more operators behind it."""

    def __init__(self):
        self.b = b = ModelBuilder()
        self.input = b.tensor("x", [1, 8], "float32")
        self.dense = self(
            "FULLY_CONNECTED", self.input, b.tensor("w", [8, 8], "float32", values=RNG.normal(0, 0.6, (8, 8))), -1,
            options=schema.FullyConnectedOptionsT(),
        )  # fmt: skip

    def __call__(self, name, *inputs, options=None, dtype="float32"):
        out = self.b.tensor(f"t{len(self.b.graph.tensors)}", [1, 8], dtype)
        self.b.op(name, inputs, [out], options)
        return out

    def number(self, value, shape=()):
        return self.b.tensor(
            f"c{len(self.b.graph.tensors)}", shape, "float32", values=np.full(shape, value, np.float32)
        )

    def build(self, *outputs):
        return self.b.build([self.input], outputs)


def elu(model, x):
    """What litert-torch writes for ELU."""
    low = model("SUB", model("EXP", x), model.number(1), options=schema.SubOptionsT())
    return model("SELECT", model("GREATER_EQUAL", x, model.number(0, (1, 8)), dtype="bool"), x, low)


def quantized(data, tmp_path, **options):
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    return microgen.quantize(path, DATA, **options)


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_leaky_relu_is_an_integer_operator(tmp_path, scheme):
    model = Model()
    options = schema.LeakyReluOptionsT()
    options.alpha = 0.2
    found = quantized(model.build(model("LEAKY_RELU", model.dense, options=options)), tmp_path, scheme=scheme)
    assert found.model.main.operators[-1].options.alpha == pytest.approx(0.2) and len(found.model.ops) == 2
    assert found.quality.output_sqnr_db > 30


def test_a_function_of_single_elements_is_an_exact_table(tmp_path):
    needs_host()
    model = Model()
    gelu = model("GELU", elu(model, model.dense), options=schema.GeluOptionsT())
    again = model("FULLY_CONNECTED", gelu, model.b.tensor("v", [8, 8], "float32", values=RNG.normal(size=(8, 8))), -1,
                  options=schema.FullyConnectedOptionsT())  # fmt: skip
    found = quantized(model.build(again), tmp_path)
    assert list(found.model.ops) == ["FULLY_CONNECTED", "CAST", "ADD", "GATHER"], "both functions are one table"
    graph = found.model.main
    gather = next(op for op in graph.operators if op.name == "GATHER")
    cast = next(op for op in graph.operators if op.name == "CAST")
    table = found.model.constant(graph.tensors[gather.inputs[0]])
    source, target = graph.tensors[cast.inputs[0]], graph.tensors[gather.outputs[0]]
    for byte, entry in zip(range(-128, 128), table.tolist(), strict=True):
        x = (byte - source.zero_point) * source.scale
        x = x if x >= 0 else math.expm1(x)
        y = 0.5 * x * (1 + math.erf(x / math.sqrt(2))) / target.scale
        wanted = math.floor(abs(y) + 0.5) * (1 if y >= 0 else -1) + target.zero_point
        assert entry == max(-128, min(127, wanted))
    assert found.quality.output_sqnr_db > 30
    result = microgen.build(found, "pico", runtime="compiled", out=tmp_path / "p", samples=8)
    assert result.verdict.passed and result.verdict.firmware == "equal"
    with pytest.raises(InputError, match=r"\(ADD, .*\) computes in int32") as caught:
        microgen.build(found, "pico", runtime="tflm", out=tmp_path / "q")
    assert "runtime=compiled" in caught.value.hint


def test_parts_are_as_large_as_they_may_be_and_no_larger():
    model = Model()
    inner = elu(model, model.dense)
    whole = elu(model, inner)
    for outputs, wanted in (
        ((whole,), [(model.dense, whole)]),
        ((whole, inner), [(model.dense, inner), (inner, whole)]),
    ):
        graph = Graph(model.build(*outputs))
        assert [(r.source, r.target) for r in regions(graph)] == wanted, "what others read is not inside"
    model = Model()
    product = model("MUL", model("EXP", model.dense), model("RELU", model.input), options=schema.MulOptionsT())
    (part,) = regions(Graph(model.build(product)))
    assert (part.source, len(part.operators)) == (model.dense, 1), "a function of two tensors is no table"
    model = Model()
    assert not regions(Graph(model.build(model("LOGISTIC", model.dense)))), "TFLM has it in int8"


@pytest.mark.parametrize(
    ("name", "options"),
    [("ABS", None), ("COS", None), ("EXP", None), ("FLOOR", None), ("HARD_SWISH", None),
     ("LOGISTIC", None), ("NEG", None), ("RELU", None), ("RELU6", None), ("RELU_N1_TO_1", None),
     ("RELU_0_TO_1", None), ("SIGN", None), ("SIN", None), ("SQUARE", None), ("TANH", None),
     ("GELU", {}), ("GELU", {"approximate": True}), ("LEAKY_RELU", {"alpha": 0.3})],
)  # fmt: skip
def test_functions_are_those_of_litert(name, options):
    model = Model()
    made = getattr(schema, {"GELU": "GeluOptionsT", "LEAKY_RELU": "LeakyReluOptionsT"}.get(name, "AddOptionsT"))()
    for field, value in (options or {}).items():
        setattr(made, field, value)
    # With EXP behind it, so that it is a part in any case.
    last = model("EXP", model(name, model.input, options=made if options is not None else None))
    data = model.build(last)
    graph = Graph(data)
    (part,) = regions(graph)
    assert part.source == model.input
    (answer,) = Interpreter(data).infer([DATA[:1]])
    np.testing.assert_allclose(evaluate(graph, part, DATA[:1]), answer, rtol=1e-5)


@pytest.mark.parametrize("fused", [1, 2, 3])
def test_a_fused_activation_is_part_of_the_function(fused):
    model, options = Model(), schema.MulOptionsT()
    options.fusedActivationFunction = fused
    data = model.build(model("EXP", model("MUL", model.input, model.number(9), options=options)))
    graph = Graph(data)
    (part,) = regions(graph)
    (answer,) = Interpreter(data).infer([DATA[:1]])
    np.testing.assert_allclose(evaluate(graph, part, DATA[:1]), answer, rtol=1e-5)


@pytest.mark.parametrize(("name", "operators"), [("ABS", {"ABS": 1}), ("EXP", {"CAST": 1, "ADD": 1, "GATHER": 1})])
def test_abs_alone_is_the_operator_and_no_table(name, operators):
    model = Model()
    source = model.build(model(name, model.dense, options=getattr(schema, f"{name.title()}OptionsT")()))
    found = parse(quantize(QuantizeRequest(source, (DATA,), "int8", per_channel_dense=False)).tflite)
    assert found.ops == {"FULLY_CONNECTED": 1, **operators}


def float_lstm(steps, width, units):
    rng = np.random.default_rng(1)
    b = ModelBuilder()
    inputs = [b.tensor("x", [1, steps, width], "float32")]
    for k in range(8):
        shape = (units, width if k < 4 else units)
        inputs.append(b.tensor(f"w{k}", shape, "float32", values=rng.normal(0, 0.7, shape)))
    inputs += [-1] * 3
    inputs += [b.tensor(f"b{k}", [units], "float32", values=rng.normal(0, 0.3, units)) for k in range(4)]
    inputs += [-1] * 2
    inputs += [b.tensor(name, [1, units], "float32", variable=True) for name in ("hidden", "state")]
    inputs += [-1] * 4
    y = b.tensor("y", [1, steps, units], "float32")
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction = 4
    b.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], options)
    return b.build([inputs[0]], [y])


def test_an_lstm_is_an_integer_operator_on_both_runtimes(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(float_lstm(64, 8, 6))
    data = np.random.default_rng(2).normal(size=(40, 64, 8)).astype(np.float32)
    found = microgen.quantize(tmp_path / "m.tflite", data)
    (op,) = found.model.main.operators
    tensors = found.model.main.tensors
    assert [tensors[op.inputs[k]].dtype for k in (0, 1, 5, 12, 18, 19)] == ["int8"] * 3 + ["int32", "int8", "int16"]
    assert math.log2(tensors[op.inputs[19]].scale).is_integer()
    assert found.quality.output_sqnr_db > 30
    for runtime in ("tflm", "compiled"):
        result = microgen.build(found, "pico", runtime=runtime, out=tmp_path / runtime, samples=8)
        assert result.verdict.passed and result.verdict.firmware == "equal"


def test_an_lstm_starts_anew_with_each_sample(tmp_path):
    """The ranges of 80 samples are those of one, 80 times."""
    (tmp_path / "m.tflite").write_bytes(float_lstm(4, 8, 6))
    sample = np.random.default_rng(2).normal(0, 2, size=(1, 4, 8)).astype(np.float32)
    first, second = (microgen.quantize(tmp_path / "m.tflite", np.repeat(sample, n, 0)) for n in (1, 80))
    scales = [[t.scale for t in found.model.main.tensors] for found in (first, second)]
    assert scales[0] == scales[1]
