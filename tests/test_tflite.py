from __future__ import annotations

import struct

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from microgen.errors import InputError
from microgen.tflite import load, parse
from microgen.tflite.check import check_runnable, resolver_methods
from microgen.tflite.cut import Cutter
from microgen.tflite.macs import model_macs, operator_macs
from microgen.tflite.model import is_benign_dimension
from microgen.tflite.schema import BUILTIN_OPERATORS, RESOLVER_METHODS

from . import models


def test_reads_graph_tensors_and_quantization():
    model = parse(models.fully_connected(units=4, width=8), "fc")
    assert [(t.name, t.shape, t.dtype, t.zero_point) for t in model.inputs] == [("x", (1, 8), "int8", -5)]
    assert model.outputs[0].scale == pytest.approx(0.11)
    assert dict(model.ops) == {"FULLY_CONNECTED": 1}
    weights = model.main.tensors[1]
    assert weights.is_constant and weights.bytes == 32
    expected = np.random.default_rng(3).integers(-127, 128, (4, 8)).astype(np.int8)
    assert np.array_equal(model.constant(weights), expected)
    assert not model.is_stateful


def test_reads_per_channel_quantization():
    quantization = parse(models.fully_connected(per_channel=True)).main.tensors[1].quantization
    assert quantization is not None and quantization.per_channel
    assert quantization.scales == pytest.approx((0.01, 0.012, 0.014, 0.016))


def test_reads_several_inputs_and_outputs():
    model = parse(models.two_by_two())
    assert [t.name for t in model.inputs] == ["left", "right"]
    assert [t.name for t in model.outputs] == ["total", "both"]
    assert resolver_methods(model) == ["AddAdd", "AddConcatenation", "AddQuantize"]


def test_reads_the_real_models_as_litert_does(shared_models):
    from ai_edge_litert.interpreter import Interpreter

    for path in sorted(shared_models.glob("*.tflite")):
        model, reference = load(path), Interpreter(model_path=str(path))
        details = {d["index"]: d for d in reference.get_tensor_details()}
        for tensor in model.main.tensors:
            assert tuple(details[tensor.index]["shape"]) == tensor.shape, path.name
            assert details[tensor.index]["name"] == tensor.name
            scales = details[tensor.index]["quantization_parameters"]["scales"]
            assert (tensor.quantization.scales if tensor.quantization else ()) == pytest.approx(tuple(scales))


def test_strides_of_the_real_models(shared_models):
    from ai_edge_litert import schema_py_generated as schema

    for path in sorted(shared_models.glob("*.tflite")):
        data = path.read_bytes()
        graph = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)).subgraphs[0]
        for op, reference in zip(load(path).main.operators, graph.operators, strict=True):
            options = reference.builtinOptions
            if op.strides is not None:
                assert op.strides == (options.strideH, options.strideW)
                assert op.dilations == (getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1))


def test_macs_of_the_real_models(shared_models):
    # MLPerf Tiny's published counts: keyword spotting 2.66 M, image classification 12.5 M.
    assert model_macs(load(shared_models / "kws_ref_model.tflite")) == 2_656_768
    assert model_macs(load(shared_models / "pretrainedResnet_quant.tflite")) == 12_501_632


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CONV_2D", 1 * 4 * 4 * 3 * (3 * 3 * 2)),
        ("DEPTHWISE_CONV_2D", 1 * 4 * 4 * 3 * (3 * 3)),
        ("TRANSPOSE_CONV", 4 * 4 * (3 * 3 * 3 * 2)),
        ("MAX_POOL_2D", 0),
    ],
)
def test_macs_by_hand(name, expected):
    b = models.ModelBuilder()
    out, channels = (3, 2) if name != "DEPTHWISE_CONV_2D" else (1, 3)
    x = b.tensor("x", [1, 4, 4, channels])
    w = b.tensor("w", [out, 3, 3, channels], values=np.zeros((out, 3, 3, channels)))
    y = b.tensor("y", [1, 4, 4, 3])
    shape = b.tensor("shape", [4], "int32", scale=[], values=[1, 4, 4, 3])
    inputs = [shape, w, x] if name == "TRANSPOSE_CONV" else [x] if name == "MAX_POOL_2D" else [x, w]
    b.op(name, inputs, [y])
    model = parse(b.build([x], [y]))
    assert operator_macs(model.main, model.main.operators[0]) == expected


def test_operator_table_is_the_schema():
    expected = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
    assert expected == BUILTIN_OPERATORS
    assert set(RESOLVER_METHODS) <= set(expected.values())


GOOD = models.fully_connected()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "the file is empty"),
        (b"hello, this is a text file\n" * 9, "not a .tflite file"),
        (b"TFL3", "not a .tflite file"),
        (GOOD[:4] + b"TFL2" + GOOD[8:], "not a .tflite file"),
        (GOOD[: len(GOOD) // 2], "damaged or truncated"),
        (GOOD[:-4], "damaged or truncated"),
        (struct.pack("<I", 2**31) + GOOD[4:], "damaged or truncated"),
    ],
)
def test_refuses_what_is_no_tflite(data, says):
    with pytest.raises(InputError, match=says):
        parse(data)


def test_refuses_another_schema_version():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("RELU", [x], [y])
    with pytest.raises(InputError, match="schema version 2"):
        parse(b.build([x], [y], version=2))


def test_refuses_weights_of_the_wrong_size():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 8]), b.tensor("y", [1, 4])
    w = b.tensor("weights", [4, 8], values=np.zeros(31))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    with pytest.raises(InputError, match="'weights': int8 \\[4, 8\\] needs 32 bytes, its buffer has 31"):
        parse(b.build([x], [y]))


def test_refuses_buffers_outside_the_flatbuffer():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 8]), b.tensor("y", [1, 8])
    w = b.tensor("w", [1, 8], values=np.zeros(8))
    b.buffers[-1].data, b.buffers[-1].offset, b.buffers[-1].size = None, 4096, 8
    b.op("ADD", [x, w], [y], schema.AddOptionsT())
    with pytest.raises(InputError, match="outside the flatbuffer"):
        parse(b.build([x], [y]))


def test_refuses_operators_out_of_order_and_cycles():
    b = models.ModelBuilder()
    x, y, z = (b.tensor(n, [1, 4]) for n in "xyz")
    b.op("ADD", [x, z], [y], schema.AddOptionsT())
    b.op("RELU", [y], [z])
    with pytest.raises(InputError, match="before it is written"):
        parse(b.build([x], [z]))


@pytest.mark.parametrize("first", ["early", "x"])
def test_refuses_a_tensor_that_is_read_before_it_is_written_whatever_its_number(first):
    b = models.ModelBuilder()
    early, x, y = (b.tensor(n, [1, 4]) for n in dict.fromkeys([first, "early", "x", "y"]))
    if first == "x":
        early, x = x, early
    b.op("ADD", [x, early], [y], schema.AddOptionsT())
    with pytest.raises(InputError, match=rf"operator 0 \(ADD\) reads tensor {early} before it is written"):
        parse(b.build([x], [y]))


def test_refuses_an_operator_that_writes_a_constant_and_an_output_that_nothing_writes():
    b = models.ModelBuilder()
    x, w, y = b.tensor("x", [1, 4]), b.tensor("w", [1, 4], values=np.zeros(4)), b.tensor("y", [1, 4])
    b.op("RELU", [x], [w])
    with pytest.raises(InputError, match=r"operator 0 \(RELU\) writes constant tensor 1"):
        parse(b.build([x], [w]))
    b.graph.operators.clear()
    with pytest.raises(InputError, match="returns tensor 2, which nothing writes"):
        parse(b.build([x], [y]))


def test_refuses_control_flow_into_a_subgraph_that_does_not_exist():
    data = models.control_flow()
    graphs = len(parse(data).subgraphs)
    missing = schema.ModelT.InitFromPackedBuf(data)
    branching = next(op for op in missing.subgraphs[0].operators if hasattr(op.builtinOptions, "elseSubgraphIndex"))
    branching.builtinOptions.elseSubgraphIndex = graphs
    builder = flatbuffers.Builder(1024)
    builder.Finish(missing.Pack(builder), b"TFL3")
    with pytest.raises(InputError, match=f"control flow runs subgraph {graphs} of {graphs}$"):
        parse(bytes(builder.Output()))


def test_refuses_tensor_numbers_that_do_not_exist():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("RELU", [x], [7])
    with pytest.raises(InputError, match="names a tensor that does not exist"):
        parse(b.build([x], [y]))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (models.fully_connected(signature=[-1, -1]), "dynamic shape"),
        (models.one_operator("RELU", dtype="float32"), "computes in float32"),
        (models.one_operator("RELU", dtype="float16"), "is float16"),
        (models.fully_connected(dtype="float32"), "hybrid"),
    ],
)
def test_refuses_models_that_no_tflm_runs(data, says):
    with pytest.raises(InputError, match=says) as caught:
        check_runnable(parse(data))
    assert caught.value.hint


def test_accepts_an_open_batch_and_float_edges():
    check_runnable(parse(models.fully_connected(signature=[-1, 8])))
    check_runnable(parse(models.float_edges()))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.tflite")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_a_byte_is_named_by_tensor_and_operator():
    model = parse(models.fully_connected())
    weights = model.main.tensors[1]
    assert model.describe_byte(weights.offset + 3) == "tensor 'weights' of operator 0 (FULLY_CONNECTED), byte 3"
    assert "outside" in model.describe_byte(0)
    for tensor in model.main.tensors[1:3]:
        for byte in (0, tensor.size - 1):
            told = f"tensor '{tensor.name}' of operator 0 (FULLY_CONNECTED), byte {byte}"
            assert model.describe_byte(tensor.offset + byte) == told
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.tensor("spare", [1, 4], values=np.zeros(4))
    b.op("RELU", [x], [y])
    model = parse(b.build([x], [y]))
    assert model.describe_byte(model.main.tensors[2].offset) == "tensor 'spare', byte 0"


def test_a_cut_operator_is_a_model_of_its_own():
    whole = parse(models.two_by_two())
    cutter = Cutter(whole)
    assert [cutter.activations(i) for i in range(3)] == [(0, 1), (1,), (0, 4)]
    for operator in whole.main.operators:
        alone = parse(cutter.cut(operator.index))
        assert [o.name for o in alone.main.operators] == [operator.name]
        assert [t.name for t in alone.outputs] == [whole.main.tensors[i].name for i in operator.outputs]
    dense = parse(models.fully_connected())
    cut = parse(Cutter(dense).cut(0))
    assert np.array_equal(cut.constant(cut.main.tensors[1]), dense.constant(dense.main.tensors[1]))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from([models.fully_connected(per_channel=True), models.two_by_two(), models.float_edges()]),
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 10**6),
)
def test_a_damaged_file_is_read_or_refused_but_never_crashes(data, changes, cut):
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    if cut % 3 == 0:
        damaged = damaged[: cut % len(damaged)]
    try:
        model = parse(bytes(damaged))
        check_runnable(model)
        model_macs(model)
    except InputError as error:
        assert error.message and error.hint


def test_reads_what_operators_are_told():
    b = models.ModelBuilder()
    y, x, w = b.tensor("y", [1, 4]), b.tensor("x", [1, 4]), b.tensor("w", [4, 4], values=np.zeros(16))
    product, scaled, spare = (b.tensor(n, [1, 4]) for n in ("product", "scaled", "spare"))
    matmul = schema.BatchMatMulOptionsT()
    matmul.adjX, matmul.adjY = False, True
    b.op("BATCH_MATMUL", [x, w], [product], matmul)
    mul = schema.MulOptionsT()
    mul.fusedActivationFunction = 3
    b.op("MUL", [product, product], [scaled], mul)
    dense = schema.FullyConnectedOptionsT()
    dense.fusedActivationFunction = 1
    last = b.op("FULLY_CONNECTED", [scaled, w, -1], [y], dense)
    b.graph.operators[last].intermediates = [spare]
    b.codes[last].version = 300
    first, second, third = parse(b.build([x], [y])).main.operators
    assert first.adjoint == (False, True) and second.activation == "RELU6" and third.activation == "RELU"
    assert (first.activation, third.adjoint) == ("", (False, False))
    assert third.intermediates == (spare,) and third.inputs == (scaled, w, -1) and third.outputs == (0,)
    assert (first.version, third.version) == (1, 300) and first.is_custom is False
    matmul.adjX, matmul.adjY = True, False
    assert parse(b.build([x], [y])).main.operators[0].adjoint == (True, False)


@pytest.mark.parametrize(
    ("inputs", "output", "sound"),
    [([1], 0, True), ([1, -1], 0, True), ([1, -2], 0, False), ([2], 0, False), ([1], 2, False), ([1], -1, False)],
)
def test_the_edges_of_tensor_numbers(inputs, output, sound):
    b = models.ModelBuilder()
    b.tensor("y", [1, 4])
    b.tensor("x", [1, 4])
    b.op("RELU", inputs, [output])
    if sound:
        assert parse(b.build([1], [0])).main.operators[0].inputs == tuple(inputs)
    else:
        with pytest.raises(InputError, match="names a tensor that does not exist"):
            parse(b.build([1], [0]))


def test_an_operator_of_a_code_that_does_not_exist_is_refused():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("RELU", [x], [y])
    b.graph.operators[0].opcodeIndex = 1
    with pytest.raises(InputError, match="operator code"):
        parse(b.build([x], [y]))


def test_which_dimension_of_a_biass_channels_is_a_quirk():
    assert [is_benign_dimension(d, (8,)) for d in range(-1, 6)] == [False, False, True, True, True, False, False]
    assert not is_benign_dimension(1, (8, 8))
