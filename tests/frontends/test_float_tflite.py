"""A float .tflite to full integer, through ai-edge-quantizer and without TensorFlow."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.tflite import load
from tests.support import models
from tests.support.tools import needs_host

pytest.importorskip("ai_edge_quantizer", reason="ai-edge-quantizer is not installed (pip install 'microgen[quantize]')")


def float_dense(units=5, width=8, layers=2):
    """Dense layers in float32: [1, width] to [1, units]."""
    rng = np.random.default_rng(1)
    b = models.ModelBuilder()
    x = first = b.tensor("x", [1, width], "float32")
    for k in range(layers):
        size = units if k == layers - 1 else 96
        w = b.tensor(f"w{k}", [size, width], "float32", values=rng.normal(0, 0.3, (size, width)))
        bias = b.tensor(f"b{k}", [size], "float32", values=rng.normal(0, 0.1, size))
        y = b.tensor(f"y{k}", [1, size], "float32")
        b.op("FULLY_CONNECTED", [x, w, bias], [y], models.schema.FullyConnectedOptionsT())
        x, width = y, size
    return b.build([first], [x])


@pytest.fixture
def data():
    return np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_a_float_tflite_becomes_a_verified_project(tmp_path, data, scheme):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(float_dense())
    result = microgen.build(tmp_path / "m.tflite", "esp32", calibration=data, scheme=scheme, out=tmp_path / "p")
    model = result.deployment.model
    assert {t.dtype for t in (*model.inputs, *model.outputs)} == {scheme.partition("x")[0]}
    assert dict(model.ops) == {"FULLY_CONNECTED": 2}
    assert result.verdict.passed and result.verdict.firmware == "equal"
    quality = result.source.quality
    assert quality.output_sqnr_db > 25 and len(quality.layers) == 2
    assert all(x.saturated == 0 for x in quality.layers), "ranges cover the calibration data"


def test_more_than_256_kib_of_weights_stay_in_the_flatbuffer(tmp_path):
    """From there on ai-edge-quantizer puts buffers behind the flatbuffer, where TFLM reads garbage."""
    needs_host()
    (tmp_path / "m.tflite").write_bytes(float_dense(units=3000, width=96, layers=1) + b"")
    data = np.random.default_rng(0).normal(size=(30, 96)).astype(np.float32)
    assert (tmp_path / "m.tflite").stat().st_size > 1_000_000
    result = microgen.build(tmp_path / "m.tflite", "esp32", calibration=data, out=tmp_path / "p", samples=20)
    weights = load(tmp_path / "p/model.tflite").main.tensors
    assert max(t.size for t in weights) == 3000 * 96
    assert result.verdict.passed and result.verdict.firmware == "equal" and result.source.quality.output_sqnr_db > 25


@pytest.mark.parametrize(("board", "per_channel"), [("esp32", True), ("nano33ble", False)])
def test_dense_is_per_channel_only_where_the_board_runs_it(tmp_path, data, board, per_channel):
    (tmp_path / "m.tflite").write_bytes(float_dense())
    model = microgen.quantize(tmp_path / "m.tflite", data, board=board).model
    weights = model.main.tensors[model.main.operators[0].inputs[1]]
    assert weights.quantization.per_channel == per_channel


def test_the_float_hello_world_goes_through(shared_models, tmp_path):
    data = np.linspace(0, 6.28, 100, dtype=np.float32).reshape(-1, 1)
    found = microgen.quantize(shared_models / "hello_world_float.tflite", data, out=tmp_path / "h.tflite")
    assert found.quality.output_sqnr_db > 25 and load(tmp_path / "h.tflite").inputs[0].dtype == "int8"


def of_operator(name):
    """A float dense layer, and an operator on its output."""
    b, rng = models.ModelBuilder(), np.random.default_rng(1)
    x, y = b.tensor("x", [1, 8], "float32"), b.tensor("y", [1, 4], "float32")
    w = b.tensor("w", [4, 8], "float32", values=rng.normal(0, 0.3, (4, 8)))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], models.schema.FullyConnectedOptionsT())
    inputs, options = [y], None
    if name == "ARG_MAX":
        inputs.append(b.tensor("axis", [], "int32", (), values=np.array(1)))
        options = models.schema.ArgMaxOptionsT()
        options.outputType = models.TYPES["int32"]
    out = b.tensor("out", [1], "int32", ()) if name == "ARG_MAX" else b.tensor("out", [1, 4], "float32")
    b.op(name, inputs, [out], options)
    return b.build([x], [out])


KERAS = "use the Keras model (.keras, .h5) that it was converted from"


@pytest.mark.parametrize(
    ("operator", "scheme", "hint"),
    [("LOG_SOFTMAX", "int8", KERAS),
     ("LOG_SOFTMAX", "int16x8", f"{KERAS}, and quantize to int8 (scheme=int8)"),
     ("ARG_MAX", "int16x8", "use the scores themselves, of which the firmware takes the largest")],
)  # fmt: skip
def test_what_ai_edge_quantizer_leaves_in_float_has_a_hint_that_helps(tmp_path, data, operator, scheme, hint):
    (tmp_path / "m.tflite").write_bytes(of_operator(operator))
    with pytest.raises(InputError, match=f"its operator {operator} stays in float32") as caught:
        microgen.quantize(tmp_path / "m.tflite", data, scheme=scheme)
    assert caught.value.hint == f"{hint}; or keep it in float32: microgen.build(MODEL, allow_float=True)"


def test_a_quantized_tflite_is_taken_as_it_is(tmp_path, data):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    found = microgen.quantize(tmp_path / "m.tflite", data, out=tmp_path / "o.tflite")
    assert (tmp_path / "o.tflite").read_bytes() == models.fully_connected() and found.quality is None
    with pytest.raises(InputError, match="is already quantized, and not to int16"):
        microgen.quantize(tmp_path / "m.tflite", data, scheme="int16x8")


def test_the_same_data_gives_the_same_bytes(tmp_path, data):
    (tmp_path / "m.tflite").write_bytes(float_dense())
    first, second = (microgen.quantize(tmp_path / "m.tflite", data).model.data for _ in range(2))
    assert first == second


def test_bad_input_is_refused(tmp_path, data):
    (tmp_path / "m.tflite").write_bytes(float_dense())
    for options, says in (
        ({"calibration": None}, "a float model needs calibration data"),
        ({"scheme": "int4"}, "no scheme 'int4'"),
        ({"out": tmp_path}, "is a folder"),
        ({"out": tmp_path / "none/x.tflite"}, "not a writable folder"),
        ({"calibration": data[:, :5]}, "takes samples of shape"),
        ({"calibration": {"x": data, "labels": np.arange(60)}}, "classes 0 to 59, output 'y1' has 5 elements"),
    ):
        with pytest.raises(InputError, match=says):
            microgen.quantize(tmp_path / "m.tflite", **{"calibration": data, **options})


def test_a_dynamic_shape_is_refused_and_an_open_batch_is_not(tmp_path, data):
    for signature, says in (([-1, 8], ""), ([1, -1], r"input 'x' has the dynamic shape \[1, -1\]")):
        b = models.ModelBuilder()
        x, y = b.tensor("x", [1, 8], "float32", signature=signature), b.tensor("y", [1, 8], "float32")
        b.op("RELU", [x], [y])
        (tmp_path / "m.tflite").write_bytes(b.build([x], [y]))
        if not says:
            assert microgen.quantize(tmp_path / "m.tflite", data).model.ops == {"RELU": 1}
            continue
        with pytest.raises(InputError, match=says) as caught:
            microgen.quantize(tmp_path / "m.tflite", data, out=tmp_path / "o.tflite")
        assert "a fixed input shape" in caught.value.hint and not (tmp_path / "o.tflite").exists()


def test_the_command_in_a_folder_of_its_own(tmp_path, data):
    (tmp_path / "m.tflite").write_bytes(float_dense())
    np.save(tmp_path / "d.npy", data)
    command = [sys.executable, "-X", "importtime", "-m", "microgen", "quantize", "m.tflite", "--calibration", "d.npy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "| tensorflow" not in re.sub(" +", " ", done.stderr)
    assert "SQNR, lowest" in done.stdout and (tmp_path / "m_int8.tflite").is_file()
    done = subprocess.run(
        [*command[:1], *command[3:], "--json", "--range", "x"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "not two numbers" in done.stderr and len(done.stderr.splitlines()) == 2
