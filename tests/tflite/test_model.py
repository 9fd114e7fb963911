from __future__ import annotations

import struct

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.errors import InputError
from microgen.runtimes.tflm.resolver import METHODS, resolver_methods
from microgen.tflite import load, parse
from microgen.tflite.check import check_runnable
from microgen.tflite.cut import Cutter
from microgen.tflite.macs import model_macs, operator_macs
from microgen.tflite.reader import is_benign_dimension
from microgen.tflite.schema import BUILTIN_OPERATORS
from tests.support import models


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
    assert (model.name, model.description, model.data) == ("fc", "test model", models.fully_connected(units=4, width=8))


def test_reads_per_channel_quantization():
    quantization = parse(models.fully_connected(per_channel=True)).main.tensors[1].quantization
    assert quantization is not None and quantization.per_channel
    assert quantization.scales == pytest.approx((0.01, 0.012, 0.014, 0.016))


def test_reads_several_inputs_and_outputs():
    model = parse(models.two_by_two())
    assert [t.name for t in model.inputs] == ["left", "right"]
    assert [t.name for t in model.outputs] == ["total", "both"]
    assert resolver_methods(model) == ("AddAdd", "AddConcatenation", "AddQuantize")


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
    assert set(METHODS) <= set(expected.values())


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
        (GOOD[:8], "damaged or truncated"),
    ],
)
def test_refuses_what_is_no_tflite(data, says):
    with pytest.raises(InputError, match=f"^some.tflite: {says}") as caught:
        parse(data, source="some.tflite")
    assert caught.value.hint not in ("", "None")


def changed(data, change):
    """A model in which something was changed."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    change(model)
    return models.packed(model)


def tensor_with(data=None, number=1, **attributes):
    """A dense layer with something else in a tensor; 1 are the weights, [4, 8]."""

    def change(model):
        for name, value in attributes.items():
            setattr(model.subgraphs[0].tensors[number], name, value)

    return changed(models.fully_connected() if data is None else data, change)


def quantized(number=1, **attributes):
    """A dense layer with something else in the quantization of a tensor; 2 is the bias, four values."""

    def change(model):
        for name, value in attributes.items():
            setattr(model.subgraphs[0].tensors[number].quantization, name, value)

    return changed(models.fully_connected(per_channel=True), change)


def graph_with(**attributes):
    return changed(GOOD, lambda m: vars(m.subgraphs[0]).update(attributes))


def operator_with(**attributes):
    return changed(models.quirky_bias(), lambda m: vars(m.subgraphs[0].operators[0]).update(attributes))


def options_with(**attributes):
    return changed(models.quirky_bias(), lambda m: vars(m.subgraphs[0].operators[0].builtinOptions).update(attributes))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (tensor_with(type=99), "tensor 1 'weights': unknown element type 99"),
        (tensor_with(type=-1), "tensor 1 'weights': unknown element type -1"),
        (tensor_with(shape=[-4, 8]), r"tensor 1 'weights': impossible shape \[-4, 8\]"),
        (tensor_with(shape=[2**16, 2**15]), r"tensor 1 'weights': impossible shape \[65536, 32768\]"),
        (
            tensor_with(shapeSignature=[-1]),
            r"tensor 1 'weights': shape \[4, 8\] and .* signature \[-1\] differ in rank",
        ),
        (tensor_with(buffer=3), "tensor 1 'weights': buffer 3 of 3"),
        (tensor_with(buffer=2**32 - 1), "tensor 1 'weights': buffer 4294967295 of 3"),
        (tensor_with(shape=[4, 9]), r"tensor 1 'weights': int8 \[4, 9\] needs 36 bytes, its buffer has 32"),
        (quantized(scale=[1, 1, 1, float("nan")]), "tensor 1 'weights': a quantization scale is not a finite"),
        (quantized(scale=[1, 1, 1, float("inf")]), "tensor 1 'weights': a quantization scale is not a finite"),
        (quantized(scale=[1, 1, 1, -1.0]), "tensor 1 'weights': a quantization scale is not a finite"),
        (quantized(zeroPoint=[0, 0, 0]), "tensor 1 'weights': 4 quantization scales with 3 zero points"),
        (quantized(zeroPoint=[0, 0, 0, 2**31]), "tensor 1 'weights': 4 quantization scales with 4 zero points"),
        (quantized(zeroPoint=[0, 0, 0, -(2**31) - 1]), "tensor 1 'weights': 4 quantization scales with 4 zero"),
        (quantized(scale=[1, 1, 1]), "tensor 1 'weights': 3 quantization scales with 4 zero points"),
        (
            quantized(scale=[1, 1], zeroPoint=[0]),
            r"tensor 1 'weights': 2 quantization scales do not fit shape \[4, 8\]",
        ),
        (quantized(quantizedDimension=1), r"tensor 1 'weights': 4 quantization scales do not fit shape \[4, 8\]"),
        (quantized(quantizedDimension=2), r"tensor 1 'weights': 4 quantization scales do not fit shape \[4, 8\]"),
        (quantized(quantizedDimension=-2), r"tensor 1 'weights': 4 quantization scales do not fit shape \[4, 8\]"),
        (graph_with(inputs=[4]), "names tensor 4, it has 4"),
        (graph_with(outputs=[-1]), "names tensor -1, it has 4"),
        (operator_with(opcodeIndex=1), "operator 0: operator code 1 of 1"),
        (operator_with(opcodeIndex=2**32 - 1), "operator 0: operator code 4294967295 of 1"),
        (operator_with(inputs=[0, 1, 4]), r"operator 0 \(CONV_2D\) names a tensor that does not exist"),
        (options_with(strideH=0), r"operator 0 \(CONV_2D\) has a stride or a dilation below 1"),
        (options_with(strideW=0), r"operator 0 \(CONV_2D\) has a stride or a dilation below 1"),
        (options_with(strideW=-1), r"operator 0 \(CONV_2D\) has a stride or a dilation below 1"),
        (options_with(dilationHFactor=0), r"operator 0 \(CONV_2D\) has a stride or a dilation below 1"),
    ],
)
def test_says_where_a_model_is_damaged(data, says):
    with pytest.raises(InputError, match=f"damaged or truncated .tflite: subgraph 0 {says}") as caught:
        parse(data)
    assert caught.value.hint not in ("", "None")


@pytest.mark.parametrize("options", [None, schema.AddOptionsT()])
def test_refuses_control_flow_that_does_not_say_what_it_runs(options):
    b = models.ModelBuilder()
    condition, x, y = b.tensor("condition", [1], "bool"), b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("IF", [condition, x], [y], options)
    with pytest.raises(InputError, match=r"subgraph 0 operator 0 \(IF\) does not say which subgraphs it runs"):
        parse(b.build([condition, x], [y]))


def test_what_is_unusual_and_sound_is_read():
    largest = parse(tensor_with(number=0, shape=[1, 2**31 - 1])).inputs[0]
    assert largest.elements == 2**31 - 1 and largest.offline_offset == -1
    sparse = parse(tensor_with(sparsity=schema.SparsityParametersT(), shape=[40, 80])).main.tensors[1]
    assert sparse.is_sparse and sparse.size == 32, "fewer values are stored than it has"
    assert parse(changed(models.one_operator("RELU"), lambda m: setattr(m, "buffers", None))).inputs[0].size == 0
    for zeros, expected in (
        ([], [0] * 4), ([5], [5] * 4), ([1, 2, 3, 4], [1, 2, 3, 4]), ([-(2**31), 2**31 - 1, 0, 0],) * 2,
    ):  # fmt: skip
        found = parse(quantized(zeroPoint=zeros)).main.tensors[1].quantization
        assert found is not None and list(found.zero_points) == expected
    assert parse(quantized(scale=[1, 0, 1, 1])).main.tensors[1].quantization.scales == (1, 0, 1, 1)
    assert parse(quantized(scale=[])).main.tensors[1].quantization is None


def test_refuses_another_schema_version():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    b.op("RELU", [x], [y])
    with pytest.raises(InputError, match="schema version 2"):
        parse(b.build([x], [y], version=2))


@pytest.mark.parametrize(("offset", "size"), [(4096, 8), (4096, 0), (0, 8), (2**63, 0), (0, 2**63), (2, 0), (0, 2)])
def test_refuses_buffers_outside_the_flatbuffer(offset, size):
    with pytest.raises(InputError, match="buffer 1 lies outside the flatbuffer"):
        parse(changed(GOOD, lambda m: vars(m.buffers[1]).update(offset=offset, size=size)))
    assert parse(changed(GOOD, lambda m: vars(m.buffers[1]).update(offset=1, size=1))), "1 stands for none"


def feed_itself(model):
    model.subgraphs[0].operators[0].inputs = [1, 1]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (changed(GOOD, lambda m: setattr(m, "subgraphs", [])), "it has no subgraph"),
        (graph_with(operators=[], outputs=[0]), "it has no operators"),
        (changed(graph_with(inputs=[]), feed_itself), "it has no inputs or no outputs"),
        (graph_with(outputs=[]), "it has no inputs or no outputs"),
        (changed(GOOD, lambda m: setattr(m.operatorCodes[0], "builtinCode", 999)), "unknown operator code 999"),
    ],
)
def test_refuses_what_is_no_whole_model(data, says):
    with pytest.raises(InputError, match=f"damaged or truncated .tflite: {says}"):
        parse(data)


def test_reads_operator_codes_of_old_files_and_custom_ones():
    def age(model):
        model.operatorCodes[0].builtinCode = 0

    assert dict(parse(changed(GOOD, age)).ops) == {"FULLY_CONNECTED": 1}
    # TFLM takes the larger of the two, with their signs.
    for old, new in ((-1, 9), (9, -1)):
        both = changed(
            GOOD, lambda m, o=old, n=new: vars(m.operatorCodes[0]).update(deprecatedBuiltinCode=o, builtinCode=n)
        )
        assert dict(parse(both).ops) == {"FULLY_CONNECTED": 1}
    data = models.one_operator("CUSTOM", custom="Own")
    (own,) = parse(changed(data, lambda m: setattr(m.operatorCodes[0], "version", 7))).main.operators
    assert (own.name, own.is_custom, own.version) == ("Own", True, 7)
    (nameless,) = parse(changed(data, lambda m: setattr(m.operatorCodes[0], "customCode", None))).main.operators
    assert (nameless.name, nameless.is_custom, nameless.version) == ("CUSTOM", True, 1)


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


@pytest.mark.parametrize("missing", [3, -1])
def test_refuses_control_flow_into_a_subgraph_that_does_not_exist(missing):
    def lead_astray(model):
        model.subgraphs[0].operators[0].builtinOptions.elseSubgraphIndex = missing

    with pytest.raises(InputError, match=f"control flow runs subgraph {missing} of 3(?m:$)"):
        parse(changed(models.control_flow(), lead_astray))


def nested(depth, calls=1):
    """Control flow in which each subgraph runs the next one, so many times, `depth` deep."""
    b = models.ModelBuilder()
    for index in range(depth + 1):
        x, y = b.tensor("x", [1], "bool"), b.tensor("y", [1], "bool")
        for _ in range(calls if index < depth else 0):
            options = schema.CallOnceOptionsT()
            options.initSubgraphIndex = index + 1
            b.op("CALL_ONCE", [], [], options)
        b.op("LOGICAL_NOT", [x], [y])
        b.subgraph([x], [y])
    b.graph, *b.done = b.done
    b.done, b.graph = [b.graph, *b.done[:-1]], b.done[-1]
    return b.build(b.graph.inputs, b.graph.outputs)


def test_control_flow_is_followed_64_deep_and_each_subgraph_once():
    assert len(parse(nested(64)).subgraphs) == 65
    with pytest.raises(InputError, match="nested too deeply"):
        parse(nested(65))
    assert len(parse(nested(40, calls=2)).subgraphs) == 41, "2^40 ways lead to the last one"


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.tflite")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_a_file_larger_than_any_flash_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "large.tflite"
    path.write_bytes(GOOD)
    monkeypatch.setattr("microgen.tflite.reader.MAX_FILE_BYTES", len(GOOD))
    assert load(path).data == GOOD and load(path).name == "large" and load(path, "other").name == "other"
    path.write_bytes(GOOD + b"0")
    with pytest.raises(InputError, match=r"large\.tflite: larger than any microcontroller's flash") as caught:
        load(path)
    assert caught.value.hint not in ("", "None")
    path.write_bytes(GOOD[:20])
    with pytest.raises(InputError, match=r"large\.tflite: damaged or truncated"):
        load(path)


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


@settings(max_examples=400)
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
    dense.fusedActivationFunction = 99
    first, _, third = parse(b.build([x], [y])).main.operators
    assert first.adjoint == (True, False) and third.activation == ""
    for time_major in (False, True):
        (found,) = parse(models.lstm(time_major=time_major)).main.operators
        assert (found.activation, found.cell_clip, found.time_major) == ("TANH", 10.0, time_major)


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


def test_which_dimension_of_a_biass_channels_is_a_quirk():
    assert [is_benign_dimension(d, (8,)) for d in range(-1, 6)] == [False, False, True, True, True, False, False]
    assert not is_benign_dimension(1, (8, 8))


def test_the_names_of_signatures_are_read():
    model = schema.ModelT.InitFromPackedBuf(models.two_by_two(), 0)
    assert parse(models.packed(model)).signatures == ()
    model.signatureDefs = []
    for name in ("serving_default", "other"):
        entry = schema.SignatureDefT()
        entry.signatureKey, entry.inputs, entry.outputs = name, [], []
        model.signatureDefs.append(entry)
    assert parse(models.packed(model)).signatures == ("serving_default", "other")
