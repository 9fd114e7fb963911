"""What is refused before anything is built, in words: models that a board's TFLM cannot run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.boards import load_board
from microgen.errors import InputError
from microgen.runtimes.tflm.check import check_board
from microgen.runtimes.tflm.resolver import registrations, resolver_methods
from microgen.tflite import parse
from tests.support import models

QUANTIZE = "quantize the float model to int8 (scheme=int8)"


def refusal(check, data, *more, **options):
    """What a check says of a model that it refuses; there is always a hint."""
    with pytest.raises(InputError) as caught:
        check(parse(data, "m"), *more, **options)
    assert caught.value.hint not in ("", "None")
    return caught.value.message


def dense_of_channels(inputs=(1, 0), dtype="int8"):
    """FULLY_CONNECTED whose first tensor is its weights, a scale a channel."""
    b = models.ModelBuilder()
    b.tensor("w", [2, 4], "int8", [0.1, 0.2], values=np.zeros(8))
    x, y = b.tensor("x", [1, 4], dtype), b.tensor("y", [1, 2], dtype)
    b.op("FULLY_CONNECTED", inputs, [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def snapshot(*ops, **more):
    """A board's TFLM that has just these operators."""
    usual = {"title": "TFLM of old", "ops": ops, "custom_ops": (), "int16x8": (), "needs_bias": ()}
    fully_connected = {"per_channel_fully_connected": "supported", "per_channel_fully_connected_int16": "supported"}
    return SimpleNamespace(**usual | fully_connected | more)


def test_operators_that_a_board_lacks_are_named_wherever_they_are():
    two_by_two = ("ADD", "CONCATENATION", "QUANTIZE")
    check_board(parse(models.two_by_two()), snapshot(*two_by_two))
    says = "m: TFLM of old has no operator CONCATENATION, QUANTIZE"
    assert refusal(check_board, models.two_by_two(), snapshot("ADD")) == says
    says = "m: TFLM of old has no operator FULLY_CONNECTED, RELU"
    assert refusal(check_board, models.control_flow(), snapshot("IF")) == says


def test_a_convolution_without_a_bias_is_refused_where_the_library_refuses_it():
    data = ("int8", "float32")
    weights = ([1, 3, 3, 3], "int8", np.zeros((1, 3, 3, 3)))
    fields = {"strideH": 1, "strideW": 1, "depthMultiplier": 1}
    found = {
        dtype: models.layer(
            "DEPTHWISE_CONV_2D", [([1, 4, 4, 3], dtype), weights], [([1, 4, 4, 3], dtype)], "DepthwiseConv2D", **fields
        )
        for dtype in data
    }
    says = "m: operator 0 (DEPTHWISE_CONV_2D) has no bias, without which Chirale_TensorFlowLite 2.0.0 rejects it"
    assert refusal(check_board, found["int8"], load_board("nano33ble").snapshot).startswith(says)
    check_board(parse(found["int8"]), load_board("pico").snapshot)
    check_board(parse(found["float32"]), load_board("nano33ble").snapshot)
    check_board(parse(models.quirky_bias()), load_board("nano33ble").snapshot)


@pytest.mark.parametrize(
    ("operator", "dtype", "board", "says"),
    [("REVERSE_V2", "int8", "pico", ", or choose a board with esp-tflite-micro 1.3.7 (microgen boards)"),
     ("RELU6", "int16", "nano33ble",
      ", or choose a board with esp-tflite-micro 1.3.7 or pico-tflmicro dfea53b (microgen boards)"),
     ("LOG_SOFTMAX", "int16", "pico", ""), ("RELU", "int16", "esp32", None), ("LEAKY_RELU", "int16", "nano33ble", None),
     ("LOG_SOFTMAX", "int8", "nano33ble", None), ("ARG_MAX", "int8", "nano33ble", None)],
)  # fmt: skip
def test_another_board_is_named_only_where_its_tflm_runs_the_model(operator, dtype, board, says):
    model = parse(models.one_operator(operator, dtype=dtype), "m")
    if says is None:
        check_board(model, load_board(board).snapshot)
        return
    with pytest.raises(InputError) as caught:
        check_board(model, load_board(board).snapshot)
    own = "use only layers that it supports" if dtype == "int8" else QUANTIZE
    assert caught.value.hint == own + says


def test_int16_is_looked_for_among_inputs_and_not_in_a_state():
    model = models.layer("ARG_MAX", [([1, 4], "int16")], [([1], "int32")])
    assert "operator 0 (ARG_MAX) computes in int16" in refusal(check_board, model, load_board("esp32").snapshot)
    check_board(parse(models.stateful()), load_board("esp32").snapshot)  # SVDF of int8, whose state is int16
    check_board(parse(models.layer("SHAPE", [([1, 4], "int16")], [([2], "int32")])), load_board("esp32").snapshot)


def test_a_custom_operator_is_no_builtin_one_of_the_same_name():
    data = models.one_operator("CUSTOM", custom="ADD")
    assert refusal(check_board, data, snapshot("ADD")) == "m: TFLM of old has no operator ADD"
    check_board(parse(data), snapshot(custom_ops=("ADD",)))
    assert refusal(resolver_methods, data) == "m: TFLM has no operator ADD"
    assert resolver_methods(parse(models.one_operator("CUSTOM", custom="SignalEnergy"))) == ("AddEnergy",)


def test_int16_needs_a_kernel_of_its_own_unless_values_only_move():
    dense = models.fully_connected(dtype="int16")
    found = refusal(check_board, dense, snapshot("FULLY_CONNECTED"))
    assert found.startswith(
        "m: operator 0 (FULLY_CONNECTED) computes in int16, for which TFLM of old has no known kernel"
    )
    check_board(parse(dense), snapshot("FULLY_CONNECTED", int16x8=("FULLY_CONNECTED",)))
    for mover in ("RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "CAST"):
        check_board(parse(models.one_operator(mover, dtype="int16")), snapshot(mover))
    audio = models.one_operator("CUSTOM", custom="SignalWindow", dtype="int16")  # int16 by nature
    check_board(parse(audio), snapshot(custom_ops=("SignalWindow",)))


@pytest.mark.parametrize(("dtype", "kind"), [("int8", ""), ("int16", "_int16")])
@pytest.mark.parametrize(
    ("support", "effect"), [("refused", "rejects it on the device"), ("wrong", "computes it wrongly without an error")]
)
def test_a_dense_layer_of_channels_is_refused_where_it_does_not_work(dtype, kind, support, effect):
    data = dense_of_channels(dtype=dtype)
    wide = {"int16x8": ("FULLY_CONNECTED",)}
    check_board(parse(data), snapshot("FULLY_CONNECTED", **wide))
    found = refusal(
        check_board, data, snapshot("FULLY_CONNECTED", **wide, **{f"per_channel_fully_connected{kind}": support})
    )
    assert found == f"m: operator 0 (FULLY_CONNECTED) has per-channel weights; TFLM of old {effect}"


def test_a_dense_layer_of_channels_is_found_behind_others():
    b = models.ModelBuilder()
    w = b.tensor("w", [2, 4], "int8", [0.1, 0.2], values=np.zeros(8))
    x, middle, y = b.tensor("x", [1, 4]), b.tensor("middle", [1, 4]), b.tensor("y", [1, 2])
    b.op("RELU", [x], [middle])
    b.op("FULLY_CONNECTED", [middle, w], [y], schema.FullyConnectedOptionsT())
    old = snapshot("FULLY_CONNECTED", "RELU", per_channel_fully_connected="refused")
    assert "operator 1 (FULLY_CONNECTED)" in refusal(check_board, b.build([x], [y]), old)


def test_other_layers_of_channels_and_dense_ones_without_are_no_matter():
    old = snapshot("FULLY_CONNECTED", "CONV_2D", "ADD", per_channel_fully_connected="refused")
    floats = dense_of_channels(dtype="float32")
    for data in (
        models.quirky_bias(), models.fully_connected(), dense_of_channels((1,)), dense_of_channels((1, -1)), floats,
    ):  # fmt: skip
        check_board(parse(data), old)


def test_kernels_for_int8_alone_are_registered_where_the_library_has_them():
    """And all operators of that name in the model are such: one registration stands for all of them."""
    pico, esp32 = (load_board(name).snapshot for name in ("pico", "esp32"))
    dense = parse(models.fully_connected())
    assert registrations([dense], pico) == ("AddFullyConnected(Register_FULLY_CONNECTED_INT8())",)
    assert registrations([dense], esp32) == ("AddFullyConnected()",)
    assert registrations([parse(models.fully_connected(dtype="int16"))], pico) == ("AddFullyConnected()",)
    indices = [((1, 4), "int32"), ((1, 4), "int32")]
    assert registrations([parse(models.layer("ADD", indices, [((1, 4), "int32")], "Add"))], pico) == ("AddAdd()",)


def test_a_table_needs_a_kernel_that_no_board_has():
    """ADD of int32 is in TFLM's reference kernel, which runs on the host, and not in CMSIS-NN's and ESP-NN's."""
    for board in ("pico", "esp32", "nano33ble"):
        with pytest.raises(
            InputError, match=r"operator 1 \(ADD, 'index1'\) computes in int32, as an index into a table does"
        ):
            check_board(parse(models.table(), "m"), load_board(board).snapshot)
