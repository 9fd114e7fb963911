"""ONNX files: each operator against onnxruntime, what is refused, and a file to a verified project."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import EngineError, InputError
from microgen.projects import open_project
from microgen.tflite import parse
from tests.support.onnx_tools import Graph, network, onnx
from tests.support.tools import needs_host

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(60, 3, 8, 8)).astype(np.float32)
f32 = np.float32


def w(*shape):
    return RNG.normal(size=shape).astype(f32)


def i64(*values):
    return np.array(values, np.int64)


def check(path, *data):
    """Hold the interpretation of a file against onnxruntime; return its operators."""
    from microgen.frontends.onnx.module import check_reading, traced
    from microgen.frontends.onnx.reading import prepare

    prepared = prepare(path)
    graph = traced(path.name, prepared)
    check_reading(path.name, prepared, graph, data)
    return [step.operator for step in graph.steps]


# Operators of one tensor, by the shape of their input (without the batch) and their attributes.
UNARY = """
Abs Ceil Cos Elu Erf Exp Floor HardSwish Identity LeakyRelu Neg Relu Round Sigmoid Sign Sin Softplus Softsign Tan Tanh
Celu Selu ThresholdedRelu HardSigmoid Mish LpNormalization Reciprocal
"""


@pytest.mark.parametrize("operator", UNARY.split())
def test_an_operator_of_one_tensor(tmp_path, operator):
    g = Graph(18)
    y = g(operator, "x")
    x = np.abs(w(4, 3, 8)) + 0.5 if operator == "Reciprocal" else w(4, 3, 8) * 2
    assert check(g.save(tmp_path / "m.onnx", {"x": [1, 3, 8]}, [y]), x)


@pytest.mark.parametrize(
    ("operator", "opset"), [("Gelu", 20), ("Sqrt", 11), ("Log", 13), ("Not", 13), ("RMSNormalization", 23)]
)
def test_more_operators_of_one_tensor(tmp_path, operator, opset):
    g = Graph(opset)
    more = [w(8)] if operator == "RMSNormalization" else []
    y = g("Cast", g("Not", g("Greater", "x", f32(0))), to=1) if operator == "Not" else g(operator, "x", *more)
    check(g.save(tmp_path / "m.onnx", {"x": [1, 3, 8]}, [y]), np.abs(w(4, 3, 8)) + 0.1)


REDUCTIONS = "ReduceMean ReduceSum ReduceMax ReduceMin ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp ReduceProd"


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize("operator", REDUCTIONS.split())
def test_reductions_in_all_their_versions(tmp_path, operator, opset):
    g = Graph(opset)
    as_input = opset >= 18 or (operator == "ReduceSum" and opset >= 13)
    y = g(operator, "x", i64(1, -1), keepdims=0) if as_input else g(operator, "x", axes=[1, -1], keepdims=0)
    check(g.save(tmp_path / "m.onnx", {"x": [1, 3, 4, 5]}, [y]), w(3, 3, 4, 5))


def cases():
    """Yield a name, a function that adds nodes to a graph, and the shape of x."""
    square = [1, 8, 8, 8]  # equal dimensions on purpose: what is mixed up there shows here
    yield "conv", lambda g: g("Conv", "x", w(8, 8, 3, 3), w(8), pads=[1, 0, 2, 1], strides=[2, 1]), square
    yield "same", lambda g: g("Conv", "x", w(8, 8, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]), square
    yield "lower", lambda g: g("Conv", "x", w(8, 8, 3, 3), auto_pad="SAME_LOWER", strides=[2, 2]), square
    yield "same, unpadded", lambda g: g("Conv", "x", w(8, 8, 2, 2), auto_pad="SAME_LOWER", strides=[2, 2]), square
    yield "groups", lambda g: g("Conv", "x", w(8, 2, 3, 3), group=4, dilations=[2, 2]), square
    yield "conv1d", lambda g: g("Conv", "x", w(8, 8, 3), pads=[2, 0]), [1, 8, 8]
    yield "deconv", lambda g: g("ConvTranspose", "x", w(8, 4, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1]), square
    yield "deconv odd", lambda g: g("ConvTranspose", "x", w(8, 4, 3, 3), strides=[2, 2], pads=[1, 0, 0, 2]), square
    yield "maxpool", lambda g: g("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), square
    yield "max odd", lambda g: g("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1]), square
    yield "max same", lambda g: g("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_LOWER"), square
    yield "max ceil", lambda g: g("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1), square
    yield "average", lambda g: g("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), square
    yield "avg odd", lambda g: g("AveragePool", "x", kernel_shape=[3, 3], pads=[0, 0, 1, 1], strides=[2, 2]), square
    yield (
        "avg all",
        lambda g: g("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1),
        square,
    )
    yield "global", lambda g: g("Add", g("GlobalAveragePool", "x"), g("GlobalMaxPool", "x")), square
    yield "batchnorm", lambda g: g("BatchNormalization", "x", w(8), w(8), w(8), np.abs(w(8))), square
    yield "instance", lambda g: g("InstanceNormalization", "x", w(8), w(8)), square
    yield "layernorm", lambda g: g("LayerNormalization", "x", w(8), w(8)), square
    yield "group 18", lambda g: g("GroupNormalization", "x", w(4), w(4), num_groups=4), square
    yield "gemm", lambda g: g("Gemm", "x", w(8, 8), w(1, 8), alpha=0.5, beta=2.0), [1, 8]
    yield "gemm row", lambda g: g("Gemm", "x", w(8, 8), w(1, 8)), [1, 8]
    yield "matmul", lambda g: g("MatMul", "x", w(8, 8)), square
    yield "tokens", lambda g: g("MatMul", w(1, 8, 8), "x"), [1, 8, 8]
    yield (
        "attention",
        lambda g: g("MatMul", g("Softmax", g("MatMul", "x", g("Transpose", "x", perm=[0, 2, 1]))), "x"),
        [1, 8, 8],
    )
    yield "einsum", lambda g: g("Einsum", "x", w(8, 8), equation="bij,kj->bik"), [1, 8, 8]
    yield "flatten", lambda g: g("Flatten", "x", axis=2), square
    yield "reshape", lambda g: g("Reshape", "x", i64(0, 4, -1, 8)), square
    yield "squeeze", lambda g: g("Unsqueeze", g("Squeeze", g("ReduceMean", "x", i64(2)), i64(2)), i64(-1)), square
    yield "concat", lambda g: g("Concat", "x", g("Relu", "x"), axis=-2), square
    yield "slice", lambda g: g("Slice", "x", i64(1, -3), i64(7, 2**62), i64(2, 3), i64(2, 1)), square
    yield "backwards", lambda g: g("Slice", "x", i64(-1), i64(-(2**62)), i64(2), i64(-2)), square
    yield "backwards in part", lambda g: g("Slice", "x", i64(-1), i64(2), i64(2), i64(-1)), square
    yield "gather", lambda g: g("Gather", "x", i64(3, -1, 0), axis=2), square
    yield "one", lambda g: g("Gather", "x", np.int64(-2), axis=1), square
    yield "pad", lambda g: g("Pad", "x", i64(0, 0, 1, 2, 0, 0, 3, 0), f32(1.5)), square
    yield "reflect", lambda g: g("Pad", "x", i64(0, 0, 1, 2, 0, 0, 3, 0), mode="reflect"), square
    yield "edge", lambda g: g("Pad", "x", i64(0, 0, 1, 2, 0, 0, 3, 0), mode="edge"), square
    yield "expand", lambda g: g("Expand", "x", i64(1, 8, 3)), [1, 8, 1]
    yield "tile", lambda g: g("Tile", "x", i64(1, 2, 3)), [1, 8, 2]
    yield "nearest", lambda g: g("Resize", "x", "", f32([1, 1, 2, 3]), mode="nearest", nearest_mode="floor",
                                 coordinate_transformation_mode="asymmetric"), square  # fmt: skip
    yield "nearest centre", lambda g: g("Resize", "x", "", f32([1, 1, 2, 3])), square
    yield "linear", lambda g: g("Resize", "x", "", f32([1, 1, 2, 1.5]), mode="linear"), square
    yield "corners", lambda g: g("Resize", "x", "", "", i64(1, 8, 5, 12), mode="linear",
                                 coordinate_transformation_mode="align_corners"), square  # fmt: skip
    yield "depth DCR", lambda g: g("DepthToSpace", "x", blocksize=3), [1, 18, 2, 3]
    yield "depth CRD", lambda g: g("DepthToSpace", "x", blocksize=2, mode="CRD"), square
    yield "space", lambda g: g("SpaceToDepth", "x", blocksize=4), square
    yield "prelu", lambda g: g("PRelu", "x", w(8, 1, 1)), square
    yield "clip", lambda g: g("Clip", "x", f32(-0.5), f32(0.25)), square
    yield "where", lambda g: g("Where", g("Less", "x", f32(0)), g("Mul", "x", f32(0.1)), "x"), square
    yield (
        "logic",
        lambda g: g("Cast", g("And", g("LessOrEqual", "x", f32(1)), g("GreaterOrEqual", "x", f32(-1))), to=1),
        square,
    )
    yield "sums", lambda g: g("Max", g("Sum", "x", "x"), g("Mean", "x", f32(1)), g("Min", "x", f32(0))), square
    yield "powers", lambda g: g("Sub", g("Pow", "x", f32(2)), g("Div", "x", f32(3))), square
    yield "argmax", lambda g: g("Cast", g("ArgMax", "x", axis=1), to=1), square
    yield "cumsum", lambda g: g("CumSum", "x", np.int64(2)), square
    yield "trilu", lambda g: g("Trilu", "x", np.int64(1), upper=0), square
    yield "trilu of the middle", lambda g: g("Trilu", "x"), square
    yield "mod", lambda g: g("Mod", "x", f32(0.7), fmod=1), square
    yield "shape", lambda g: g("Mul", "x", g("Cast", g("Gather", g("Shape", "x"), np.int64(2)), to=1)), square
    yield "constant", lambda g: g("Add", "x", g("ConstantOfShape", i64(8))), square
    yield "lp 1", lambda g: g("LpNormalization", "x", p=1, axis=2), square
    yield "lrn", lambda g: g("LRN", "x", size=3, alpha=0.1), square
    yield "dropout", lambda g: g("Dropout", "x"), square
    yield "logsoftmax", lambda g: g("LogSoftmax", "x", axis=1), square
    steps = (f32([0.1, 0.2, 0.3, 0.4] * 2), np.arange(8, dtype=np.int8))
    yield "rounded", lambda g: g("DequantizeLinear", g("QuantizeLinear", "x", *steps), *steps), square
    yield "lstm", lambda g: g("LSTM", "x", w(1, 32, 8), w(1, 32, 8), w(1, 64), hidden_size=8, outputs=3)[0], [1, 1, 8]
    yield "gru", lambda g: g("GRU", "x", w(1, 24, 8), w(1, 24, 8), w(1, 48), hidden_size=8, linear_before_reset=1,
                             outputs=2)[0], [1, 1, 8]  # fmt: skip
    yield "rnn both", lambda g: g("RNN", "x", w(2, 8, 8), w(2, 8, 8), w(2, 16), hidden_size=8,
                                  direction="bidirectional", outputs=2)[0], [1, 1, 8]  # fmt: skip


@pytest.mark.parametrize(("add", "shape"), [pytest.param(a, s, id=name) for name, a, s in cases()])
def test_an_operator_equals_onnxruntime(tmp_path, add, shape):
    g = Graph(18)
    y = add(g)
    data = w(4, *shape[1:])
    assert check(g.save(tmp_path / "m.onnx", {"x": shape}, [y]), data)


@pytest.mark.parametrize("opset", range(11, 24))
def test_a_network_of_each_opset(tmp_path, opset):
    from microgen.frontends.onnx.reading import prepare

    path = network(tmp_path / "m.onnx", opset)
    assert prepare(path).shapes == ((1, 3, 8, 8),), "a free batch is one"
    assert check(path, IMAGES) == ["Conv", "Relu", "MaxPool", "Flatten", "Gemm", "Softmax"]


def test_softmax_before_opset_13_is_over_all_that_follows(tmp_path):
    g = Graph(11)
    check(g.save(tmp_path / "m.onnx", {"x": [1, 3, 4]}, [g("Softmax", "x", axis=1)]), w(4, 3, 4))


def _normalized(g, exponent):
    d = g("Sub", "x", g("ReduceMean", "x", axes=[-1]))
    spread = g("Sqrt", g("Add", g("ReduceMean", g("Pow", d, f32(exponent)), axes=[-1]), f32(0.1)))
    return g("Add", g("Mul", g("Div", d, spread), w(8)), w(8))


@pytest.mark.parametrize("exponent", [2, 4])
def test_folding_keeps_the_exponent_of_a_normalization(tmp_path, exponent):
    g = Graph(17)
    import onnxruntime

    from microgen.frontends.onnx.reading import prepare

    path, x = g.save(tmp_path / "m.onnx", {"x": [1, 4, 8]}, [_normalized(g, exponent)]), w(1, 4, 8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    (expected,) = onnxruntime.InferenceSession(str(path), options).run(None, {"x": x})
    prepared = prepare(path)
    assert prepared.run([x])[0] == pytest.approx(expected, abs=1e-5)
    assert ("LayerNormalization" in check(path, x)) == (exponent == 2)


@pytest.mark.parametrize(
    ("wanted", "found", "off"),
    [([0, -200], [2, -200], 0.01), ([np.nan, np.inf, 4], [np.nan, np.inf, 5], 0.25), ([1, 4], [np.nan, 4], np.inf),
     ([[1]], [1], np.inf), ([0, 0], [0, 0], 0)],
)  # fmt: skip
def test_a_difference_is_a_part_of_the_largest_value(wanted, found, off):
    from microgen.frontends.onnx.module import _off

    assert _off([np.array(wanted, f32)], [np.array(found, f32)]) == pytest.approx(off)


def test_what_folding_changes_is_refused(tmp_path):
    g = Graph(17)
    from microgen.frontends.onnx.module import check_reading, traced
    from microgen.frontends.onnx.reading import prepare

    d = g("Sub", "x", g("ReduceMean", "x", axes=[-1]))
    spread = g("Sqrt", g("Add", g("ReduceMean", g("Pow", d, f32(2)), axes=[-1]), f32(0.1)))
    y = g("Add", g("Mul", g("Div", spread, d), w(8)), w(8))  # onnxruntime takes it for a LayerNormalization
    prepared = prepare(g.save(tmp_path / "m.onnx", {"x": [1, 4, 8]}, [y]))
    with pytest.raises(InputError, match="optimizer changes the model's outputs"):
        check_reading("m.onnx", prepared, traced("m.onnx", prepared), [w(2, 4, 8)])


def test_split_in_all_its_versions(tmp_path):
    for opset, inputs, attributes in ((11, [], {"split": [2, 6]}), (13, [i64(2, 6)], {}), (18, [], {"num_outputs": 2})):
        g = Graph(opset)
        a, b = g("Split", "x", *inputs, outputs=2, axis=1, **attributes)
        check(g.save(tmp_path / f"{opset}.onnx", {"x": [1, 8, 4]}, [a, b]), w(4, 8, 4))


def test_a_file_becomes_a_verified_project(tmp_path):
    onnx()
    needs_host()
    import onnxruntime

    path = network(tmp_path / "net.onnx")
    result = microgen.build(path, "pico", calibration=IMAGES, out=tmp_path / "p", samples=8)
    assert result.verdict.passed and result.deployment.model.inputs[0].shape == (1, 8, 8, 3)
    manifest = open_project(tmp_path / "p").manifest
    assert manifest["frontend"] == manifest["source"]["kind"] == "onnx"
    session = onnxruntime.InferenceSession(str(path))
    wanted = np.concatenate([session.run(None, {"image": x[None]})[0] for x in IMAGES[:12]])
    got = np.stack([p.outputs[0] for p in microgen.predict(tmp_path / "p", IMAGES[:12])])
    assert np.abs(got - wanted).max() < 0.05 and (got.argmax(1) == wanted.argmax(1)).mean() > 0.9


def test_labels_and_names_of_classes_are_left_out(tmp_path):
    from microgen.frontends.onnx.reading import prepare

    g = Graph(15)
    probabilities = g("Softmax", g("MatMul", "x", w(4, 3)), axis=1)
    label = g("ArgMax", probabilities, axis=1, keepdims=0)
    names = g("ZipMap", probabilities, domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2])
    path = g.save(tmp_path / "m.onnx", {"x": ["n", 4]}, [(label, 7), names])
    prepared = prepare(path)
    assert [o.name for o in prepared.model.graph.output] == [probabilities]
    assert any("label, is omitted" in x for x in prepared.warnings) and any("ZipMap" in x for x in prepared.warnings)
    assert "ArgMax" not in check(path, w(5, 4))


def test_weights_beside_the_model_are_read_and_others_are_not(tmp_path):
    package = onnx()
    whole = network(tmp_path / "whole.onnx")
    model = package.load(str(whole))
    package.save_model(model, str(tmp_path / "m.onnx"), save_as_external_data=True, location="m.onnx.data",
                       size_threshold=0)  # fmt: skip
    assert check(tmp_path / "m.onnx", IMAGES[:4])
    (tmp_path / "m.onnx.data").rename(tmp_path / "elsewhere.data")
    with pytest.raises(InputError, match=r"its weights are in m\.onnx\.data, which is missing"):
        check(tmp_path / "m.onnx", IMAGES[:4])
    (tmp_path / "m.onnx.data").symlink_to(tmp_path / "elsewhere.data")
    with pytest.raises(InputError, match="its weights lie outside its folder"):
        check(tmp_path / "m.onnx", IMAGES[:4])
    for place in ("../secret", "/etc/passwd"):
        damaged = package.load(str(tmp_path / "m.onnx"), load_external_data=False)
        for tensor in damaged.graph.initializer:
            for entry in tensor.external_data:
                entry.value = place if entry.key == "location" else entry.value
        (tmp_path / "bad.onnx").write_bytes(damaged.SerializeToString())
        with pytest.raises(InputError, match="its weights lie outside its folder"):
            check(tmp_path / "bad.onnx", IMAGES[:4])


def quantized_already(folder):
    """Two dense layers as quantizers write them: uint8 and int8, the ReLU left out, weights that do not reach 127.

    Its input is quantized twice: to multiples of 0.04, then of 0.02.
    """
    g = Graph(13)

    def stored(x, scale, zero):
        return g("DequantizeLinear", g("QuantizeLinear", x, f32(scale), zero), f32(scale), zero)

    def weights(*shape, scales):
        values = RNG.integers(-100, 101, shape).astype(np.int8)
        scales = f32(scales)
        return g("DequantizeLinear", values, scales, np.zeros(scales.shape, np.int8), axis=0)

    bias = g("DequantizeLinear", RNG.integers(-500, 500, 5).astype(np.int32), f32(0.02 * 0.01), np.int32(0))
    x = stored(stored("x", 0.04, np.int8(3)), 0.02, np.uint8(131))
    x = stored(g("Gemm", x, weights(5, 8, scales=[0.01, 0.02, 0.015, 0.01, 0.03]), bias, transB=1), 0.05, np.uint8(0))
    y = stored(g("Gemm", x, weights(4, 5, scales=0.01), transB=1), 0.07, np.int8(3))
    return g.save(folder / "m.onnx", {"x": [1, 8]}, [y, stored(g("Sigmoid", y), 0.0035, np.int8(-128))])


def test_scales_of_a_quantized_file_are_kept(tmp_path):
    from microgen.frontends.onnx.reading import prepare
    from microgen.workers.litert import Interpreter

    path, data = quantized_already(tmp_path), RNG.uniform(-2, 2, (60, 8)).astype(f32)
    check(path, data)  # it rounds as onnxruntime does
    prepared = prepare(path)
    for row in data:
        for ours, exported in zip(prepared.run([row[None]]), prepared.run_exported([row[None]]), strict=True):
            assert (ours == exported).all(), "folding gives no value another scale"
    found = microgen.quantize(path, data, board="esp32")
    tensors, quantization = found.model.main.tensors, {}
    for op in found.model.main.operators:
        for i in (*op.inputs, *op.outputs):
            quantization[tensors[i].name] = (
                [float(f32(s)) for s in tensors[i].quantization.scales],
                tensors[i].zero_point,
            )
    first, second = (op for op in found.model.main.operators if op.name == "FULLY_CONNECTED")
    at = [tensors[i] for i in (*first.inputs[:2], first.outputs[0], second.inputs[1], second.outputs[0])]
    scales = [[0.02], [0.01, 0.02, 0.015, 0.01, 0.03], [0.05], [0.01] * 4, [0.07]]
    assert [t.quantization.scales for t in at] == [pytest.approx(s, rel=1e-7) for s in scales]
    assert [at[k].zero_point for k in (0, 2, 4)] == [131 - 128, -128, 3]
    assert all(np.abs(found.model.constant(at[k])).max() <= 100 for k in (1, 3)), "the weights are the file's own"
    (lost,) = [w for w in found.warnings if "the file's scales are kept, but for" in w]
    assert lost.count("'") == 3 and "Sigmoid" not in lost, "LOGISTIC has a scale of its own"
    x = found.model.inputs[0]
    data = np.rint(data / 0.04).astype(f32) * f32(0.04)
    numbers = np.clip(np.rint(data / f32(x.scale)) + x.zero_point, -128, 127).astype(np.int8)
    interpreter = Interpreter(found.model.data)
    ours = np.array([interpreter.infer([row[None]])[0][0] for row in numbers]).astype(int)
    theirs = np.array([prepared.run([row[None]])[0][0] for row in data]) / 0.07 + 3
    assert np.abs(ours - theirs).max() <= 1.01 and (np.abs(ours - theirs) > 0.01).mean() < 0.05


def test_values_that_only_the_data_has_are_cut_off_as_the_file_does(tmp_path):
    from microgen.datasets import request
    from microgen.frontends.onnx.module import traced
    from microgen.frontends.onnx.reading import prepare
    from microgen.frontends.tracing.convert import convert_graph

    g = Graph(13)
    positive = g("DequantizeLinear", g("QuantizeLinear", "x", f32(0.02), np.int8(-128)), f32(0.02), np.int8(-128))
    path = g.save(tmp_path / "m.onnx", {"x": [1, 8]}, [g("Gemm", positive, w(4, 8), transB=1)])
    data = RNG.uniform(-2, 2, (20, 8)).astype(f32)
    made = convert_graph("m", traced("m", prepare(path)), request(data), 0, must_vary=True)
    assert made.difference < 1e-5 and parse(made.tflite).ops["RELU"] == 1


@pytest.mark.parametrize(
    ("add", "words", "remedy"),
    [
        (lambda g: g("TreeEnsembleRegressor", "x", domain="ai.onnx.ml"), "TreeEnsembleRegressor", "emlearn"),
        (lambda g: g("Mine", "x", domain="my.ops"), r"custom operator my\.ops\.Mine", "operators of ONNX"),
        (lambda g: g("Resize", "x", "", f32([1, 1, 2, 2]), mode="cubic"), "bicubically", "linear"),
        (lambda g: g("Resize", "x", "", "", i64(1, 4, 9, 9), nearest_mode="floor"), "no integer", "whole multiple"),
        (lambda g: g("Resize", "x", "", f32([1, 1, 2, 2]), coordinate_transformation_mode="align_corners"),
         "nearest by corners", "half_pixel"),
        (lambda g: g("Resize", "x", "", f32([1, 1, 2, 2]), coordinate_transformation_mode="asymmetric"),
         "rounds positions", "floor"),
        (lambda g: g("Resize", "x", "", f32([1, 1, 2, 2]), mode="linear", coordinate_transformation_mode="asymmetric"),
         "interpolates with 'asymmetric'", "half_pixel"),
        (lambda g: g("ConvTranspose", "x", w(4, 4, 3, 3), strides=[2, 2], output_padding=[1, 1]), "has out", "Resize"),
        (lambda g: g("NonZero", "x"), "NonZero", "after the model"),
        (lambda g: g("RandomUniformLike", "x"), "RandomUniformLike", "as an input"),
        (lambda g: g("Hardmax", "x"), "Hardmax", "different layers"),
        (lambda g: g("BatchNormalization", "x", w(4), w(4), w(4), np.abs(w(4)), training_mode=1, outputs=3)[0],
         "train mode", "eval mode"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_refused(tmp_path, add, words, remedy):
    g = Graph(18)
    path = g.save(tmp_path / "m.onnx", {"x": [1, 4, 6, 6]}, [add(g)])
    with pytest.raises(InputError, match=words) as caught:
        check(path, w(2, 4, 6, 6))
    assert remedy in caught.value.hint


def test_sizes_opsets_and_damage_are_refused(tmp_path):
    from microgen.frontends.onnx.reading import prepare

    def save(name, shape, opset=18):
        g = Graph(opset)
        return g.save(tmp_path / name, {"x": shape}, [g("Relu", "x")])

    shapeless = onnx().load(str(save("shapeless.onnx", [1, 3])))
    shapeless.graph.input[0].type.tensor_type.ClearField("shape")
    (tmp_path / "shapeless.onnx").write_bytes(shapeless.SerializeToString())
    with pytest.raises(InputError, match="input 'x' has no shape"):
        prepare(tmp_path / "shapeless.onnx")
    with pytest.raises(InputError, match="has a batch of 4"):
        prepare(save("batch.onnx", [4, 3]))
    with pytest.raises(InputError, match="has a dynamic size in dimension 2"):
        prepare(save("open.onnx", ["n", 3, "width"]))
    for opset in (10, 24):
        with pytest.raises(InputError, match=f"has the operators of opset {opset}; microgen reads 11 to 23"):
            prepare(save(f"{opset}.onnx", [1, 3], opset))
    old = Graph(10)
    resize = old.save(tmp_path / "resize.onnx", {"x": [1, 1, 3, 3]}, [old("Resize", "x", f32([1, 1, 2, 2]))])
    for path, is_named in ((resize, False), (save("relu.onnx", [1, 3], 10), True)):
        with pytest.raises(InputError) as caught:
            prepare(path)
        assert ("version_converter" in caught.value.hint) == is_named
    for name, data in (
        ("text.onnx", b"nothing"),
        ("empty.onnx", b""),
        ("cut.onnx", save("a.onnx", [1, 3]).read_bytes()[:40]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError) as caught:
            prepare(tmp_path / name)
        assert "torch.onnx.export" in caught.value.hint


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "float32"), (2, "uint8"), (3, "int8"), (5, "int16"), (6, "int32"), (7, "int64"), (9, "bool"), (10, "float32")],
)
def test_inputs_have_the_types_of_the_file(tmp_path, number, name):
    from microgen.frontends.onnx.module import traced
    from microgen.frontends.onnx.reading import prepare

    g = Graph(18)
    path = g.save(tmp_path / "m.onnx", {"x": ([1, 4], number)}, [g("Relu", g("Cast", "x", to=1))])
    assert traced("m", prepare(path)).dtypes == (name,)


def test_a_file_that_onnxruntime_rejects_is_refused_with_its_reason(tmp_path):
    from microgen.frontends.onnx.reading import prepare

    g = Graph(18)
    with pytest.raises(EngineError, match=r"onnxruntime: .*MatMul"):
        prepare(g.save(tmp_path / "m.onnx", {"x": [1, 3]}, [g("MatMul", "x", w(4, 2))]))


def test_the_first_operator_that_differs_from_onnxruntime_is_named(tmp_path, monkeypatch):
    from microgen.frontends.onnx.operators import OPERATORS

    g = Graph(18)
    path = g.save(tmp_path / "m.onnx", {"x": [1, 8]}, [g("Sigmoid", g("Relu", g("Neg", "x")))])
    monkeypatch.setitem(OPERATORS, "Relu", lambda call, x: x)
    with pytest.raises(InputError, match="differs from onnxruntime") as caught:
        check(path, w(2, 8))
    assert caught.value.operator == "Relu"


def test_double_becomes_float32_with_a_word(tmp_path):
    from microgen.frontends.onnx.reading import prepare

    g = Graph(18)
    path = g.save(tmp_path / "m.onnx", {"x": ([1, 4], 11)}, [(g("MatMul", "x", RNG.normal(size=(4, 3))), 11)])
    assert any("computes in float64 in ONNX" in warning for warning in prepare(path).warnings)
    check(path, w(5, 4))
