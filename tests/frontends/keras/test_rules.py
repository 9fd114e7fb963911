"""The table of what does not convert: each entry is refused by name, with what to use instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen import quantization
from microgen.errors import EngineError, InputError
from microgen.frontends.converted import LayerNames
from microgen.frontends.keras import rules
from microgen.report.models import quantized_lines
from microgen.runtimes import DEFAULT_RUNTIME, RUNTIMES
from microgen.tflite import parse
from tests.support import models
from tests.support.keras_tools import keras, quantize, sequential
from tests.support.tools import needs_host

pytestmark = pytest.mark.slow
RNG = np.random.default_rng(0)
ANY_BOARD = RUNTIMES.get(DEFAULT_RUNTIME).quantization_limits(None)
IMAGES = RNG.normal(size=(30, 8, 8, 3)).astype(np.float32)
SERIES = RNG.normal(size=(30, 12, 4)).astype(np.float32)


def _gelu(a):
    return lambda: sequential(keras().layers.Conv2D(2, 3), keras().layers.Activation(a, name="odd"))


OPERATORS = {
    "GELU": (_gelu("gelu"), IMAGES, "esp32"),
    "SELECT": (_gelu("selu"), IMAGES, "esp32"),
    "EXP": (_gelu("mish"), IMAGES, "esp32"),
    "ELU": (_gelu("elu"), IMAGES, "esp32"),
    "TILE": (lambda: sequential(keras().layers.RepeatVector(3, name="odd"), shape=(4,)), SERIES[:, 0], "esp32"),
    "CONV_3D": (lambda: sequential(keras().layers.Conv3D(2, 2, name="odd"), shape=(4, 4, 4, 2)),
                RNG.normal(size=(9, 4, 4, 4, 2)), "esp32"),
    "NEG": (lambda: sequential(keras().layers.LayerNormalization(name="odd"), shape=(12, 4)), SERIES, "esp32"),
    "SQUARE": (lambda: sequential(keras().layers.UnitNormalization(name="odd"), shape=(12, 4)), SERIES, "esp32"),
    "CAST": (lambda: sequential(keras().layers.Embedding(9, 2, name="odd"), shape=(12,)),
             RNG.integers(0, 9, (9, 12)), "esp32"),
    "BUCKETIZE": (lambda: sequential(keras().layers.Discretization([0.0, 1.0], name="odd"), shape=(12, 4)),
                  SERIES, "esp32"),
    "RFFT2D": (lambda: sequential(keras().layers.MelSpectrogram(name="odd"), shape=(4000,)),
               RNG.normal(size=(9, 4000)), "esp32"),
    "LOG": (lambda: _function("log"), SERIES, "esp32"),
    "SQRT": (lambda: _function("sqrt"), SERIES, "esp32"),
    "REVERSE_V2": (lambda: _function("flip"), SERIES, "nano33ble"),
    "BATCH_MATMUL": (lambda: sequential_dot(), SERIES, "nano33ble"),
}  # fmt: skip


def _function(name):
    k = keras()
    x = k.Input((12, 4), name="x")
    y = k.layers.ReLU()(x) + 1.0
    return k.Model(x, getattr(k.ops, name)(y, *((1,) if name == "flip" else ())))


def sequential_dot():
    k = keras()
    x = k.Input((12, 4), name="x")
    return k.Model(x, k.layers.Dot(2, name="odd")([x, k.layers.Dense(4)(x)]))


@pytest.mark.parametrize("operator", OPERATORS)
def test_each_operator_of_the_table_is_refused_with_its_advice(operator):
    make, data, board = OPERATORS[operator]
    with pytest.raises(InputError, match=f"its operator {operator} ") as caught:
        quantize(make(), data, board=board)
    origin, advice = rules.advice(operator)
    if operator == "EXP":  # several activations, of which the layer tells which it is
        origin = "the activation mish"
    assert origin in caught.value.message and caught.value.hint.startswith(advice)
    if "odd" in str(make().get_config()):
        assert "layer 'odd'" in caught.value.message


def test_an_operator_that_the_converter_lacks_is_named_with_what_it_comes_from():
    with pytest.raises(EngineError) as caught:
        quantize(_function("argmax"), SERIES)
    origin, advice = rules.advice("tf.BitwiseAnd")
    assert caught.value.message == f"converter: it has no operator tf.BitwiseAnd, which comes from {origin}"
    assert caught.value.hint == advice


def test_what_the_converter_has_in_int8_only_says_so():
    model = sequential(keras().layers.Dense(3), keras().layers.Activation("log_softmax"), shape=(4,))
    assert quantize(model, SERIES[:, 0]).model.ops["LOG_SOFTMAX"] == 1
    with pytest.raises(EngineError, match="16x8-bit not yet supported for op: 'LOG_SOFTMAX'") as caught:
        quantize(model, SERIES[:, 0], scheme="int16x8")
    assert caught.value.hint == "use softmax, which is largest at the same class, or quantize to int8 (scheme=int8)"


def test_a_layer_stays_in_float_only_where_that_is_allowed_and_tflm_has_it(tmp_path):
    needs_host()
    keras().utils.set_random_seed(0)
    keras().Sequential(
        [keras().Input((12, 4)), keras().layers.LayerNormalization(name="odd"), keras().layers.Flatten(),
         keras().layers.Dense(3)]
    ).save(tmp_path / "m.keras")  # fmt: skip
    with pytest.raises(InputError, match=r"layer 'odd': its operator \w+ stays in float32") as caught:
        microgen.quantize(tmp_path / "m.keras", SERIES)
    assert "allow_float=True" in caught.value.hint
    assert caught.value.layer == "odd" and caught.value.operator
    found = microgen.quantize(tmp_path / "m.keras", SERIES, allow_float=True, out=tmp_path / "m.tflite")
    assert found.record["float_layers"] and all("layer 'odd'" in x for x in found.record["float_layers"])
    assert any("layers in float32" in text for text in found.warnings)
    with pytest.raises(InputError, match="computes in float32"):
        microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p")
    built = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=20, allow_float=True)
    assert built.verdict.passed and built.verdict.firmware == "equal"
    assert microgen.verify(tmp_path / "p", samples=8).firmware == "equal"
    gelu = sequential(keras().layers.Conv2D(2, 3), keras().layers.Activation("gelu", name="odd"))
    with pytest.raises(InputError, match="GELU is not supported"):
        microgen.quantize(gelu, IMAGES, allow_float=True)


def test_a_change_of_scale_between_integers_is_taken_and_named():
    k = keras()
    x = k.Input((12,), name="x")
    a, b = k.layers.Softmax(name="narrow")(k.layers.Dense(4)(x)), k.layers.Dense(4, name="wide")(x)
    found = quantize(k.Model(x, k.layers.Concatenate(name="both")([a, b])), RNG.normal(size=(30, 12)))
    assert found.model.ops["QUANTIZE"] and len(found.record["requantized"]) == found.model.ops["QUANTIZE"]
    assert not found.record["float_layers"] and "DEQUANTIZE" not in found.model.ops
    named = dict(quantized_lines(found, "both.tflite"))["requantized"]
    assert named.startswith("from one integer scale to another: ")
    assert all(layer in named for layer in found.record["requantized"])


def test_a_detour_over_float_is_refused():
    b = models.ModelBuilder()
    x, y, z = b.tensor("x", [1, 4]), b.tensor("y", [1, 4], "float32"), b.tensor("z", [1, 4], scale=0.1)
    out = b.tensor("out", [1, 4], scale=0.1)
    b.op("DEQUANTIZE", [x], [y])
    b.op("QUANTIZE", [y], [z])
    b.op("RELU", [z], [out])
    model = parse(b.build([x], [out]))
    with pytest.raises(InputError, match="its operator DEQUANTIZE stays in float32"):
        quantization.check_graph(model, LayerNames(), ANY_BOARD)
    assert quantization.check_graph(model, LayerNames(), ANY_BOARD, allow_float=True) == ()


def test_the_table_is_covered():
    of_tflite = {"ARG_MAX", "LOG_SOFTMAX"}  # tests/frontends/test_float_tflite.py
    assert set(OPERATORS) | of_tflite | {"tf.BitwiseAnd", "WHILE", "UNIDIRECTIONAL_SEQUENCE_LSTM"} == set(
        rules.table()["operators"]
    )
    named = {name for rule in rules.table()["layers"] for name in rule["names"]}
    assert set(LAYERS) == named


LAYERS = {
    "LSTM": "T.LSTM(4, activation='relu', name='odd')",
    "GRU": "T.GRU(4, name='odd')",
    "SimpleRNN": "T.SimpleRNN(4, name='odd')",
    "Bidirectional": "T.Bidirectional(T.LSTM(4), name='odd')",
    "ConvLSTM1D": "T.ConvLSTM1D(4, 3, name='odd')",
    "ConvLSTM2D": "T.ConvLSTM2D(4, 3, name='odd')",
    "RNN": "T.RNN(T.LSTMCell(4), name='odd')",
    "MaxPooling3D": "T.MaxPooling3D(2, name='odd')",
    "AveragePooling3D": "T.AveragePooling3D(2, name='odd')",
    "CategoryEncoding": "T.CategoryEncoding(5, name='odd')",
}
SHAPES = {"ConvLSTM1D": (3, 6, 2), "ConvLSTM2D": (3, 6, 6, 2), "MaxPooling3D": (4, 4, 4, 2),
          "AveragePooling3D": (4, 4, 4, 2), "CategoryEncoding": (1,)}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_of_the_table_is_refused_before_the_converter(name):
    T = keras().layers
    model = sequential(eval(LAYERS[name], {"T": T}), shape=SHAPES.get(name, (12, 4)))
    with pytest.raises(InputError, match=rf"layer 'odd' \({name}\)") as caught:
        quantize(model, SERIES)
    assert caught.value.hint.startswith("use ")


_TRY = """
import json, os, sys
from microgen.workers import unused
unused.hide()
import numpy as np, tensorflow as tf, tf_keras
T = tf_keras.layers
found = {}
for name, (layer, shape) in json.loads(sys.argv[1]).items():
    child = os.fork()
    if child == 0:
        try:
            model = tf_keras.Sequential([tf_keras.Input(shape, name="x"), eval(layer)])
            call = tf.function(lambda x: model(x, training=False))
            concrete = call.get_concrete_function(tf.TensorSpec((1, *shape), tf.float32, name="x"))
            owner = tf.Module()
            owner.kept = list(model.variables)
            converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], owner)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            data = np.random.default_rng(0).normal(size=(4, 1, *shape)).astype("float32")
            converter.representative_dataset = lambda: ([x] for x in data)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.convert()
        except BaseException:
            os._exit(1)
        os._exit(0)
    found[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(found))
"""


def test_the_table_is_still_true():
    """What the table says that the converter crashes on, or refuses, it still does."""
    keras()
    cases = {n: (c, SHAPES.get(n, (12, 4))) for n, c in LAYERS.items() if n != "Bidirectional"}
    done = subprocess.run(
        [sys.executable, "-c", _TRY, json.dumps(cases)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert all(found.values()), found
    assert found["LSTM"] < 0 and found["GRU"] < 0, "these kill the converter"


def test_layers_are_found_by_the_names_of_tensors():
    plain = LayerNames(("dense", "dense_1", "conv"), False, ("dense_1",))
    twice = LayerNames(("dense", "dense_1", "conv"), True, ("dense", "dense_1"))
    assert plain.of("model/relu/Relu;model/dense_1/MatMul") == "dense_1"
    assert plain.of("Identity") == "dense_1" and plain.of("StatefulPartitionedCall:0") == "dense_1"
    assert twice.of("model_1/dense_1/MatMul") == "dense" and twice.of("model_1/dense_1_2/MatMul") == "dense_1"
    assert twice.of("StatefulPartitionedCall:1") == "dense_1" and twice.of("nowhere") == ""
    fused = LayerNames(("lstm", "again"), fused=("lstm", "again"))
    names = [f"tfl.unidirectional_sequence_lstm{number}" for number in ("", "1", "2")]
    assert [fused.of(name) for name in names] == ["lstm", "again", ""]
