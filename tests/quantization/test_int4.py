"""Weights of four bits: which layers get them, and what stays."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.quantization.int4 import four_bits, with_int4_weights
from microgen.runtimes.compiled.compiler import Options, compile_model
from microgen.runtimes.compiled.lower import lower
from microgen.tflite import parse
from tests.support import models


def dense(units, noise, output_scale=0.4):
    """Two fully connected layers of int8, their weights near 15 values."""
    rng = np.random.default_rng(3)
    b = models.ModelBuilder()
    x = b.tensor("x", [1, 64], "int8", 0.05)
    last = x
    for k, (n, depth) in enumerate(((units, 64), (8, units))):
        values = rng.integers(-7, 8, (n, depth)) * 17 + rng.integers(-noise, noise + 1, (n, depth))
        w = b.tensor(f"w{k}", [n, depth], "int8", 0.01, values=values)
        bias = b.tensor(f"b{k}", [n], "int32", (0.05, output_scale)[k] * 0.01, values=rng.integers(-500, 500, n))
        y = b.tensor(f"y{k}", [1, n], "int8", (output_scale, output_scale * 3)[k])
        b.op("FULLY_CONNECTED", [last, w, bias], [y], models.schema.FullyConnectedOptionsT())
        last = y
    return b.build([x], [last])


def test_weights_become_fifteen_values_and_half_the_flash(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(dense(64, 3))
    before = microgen.quantize(path)
    after = microgen.quantize(path, weights="int4", out=tmp_path / "small.tflite")
    assert after.record["int4"]["layers"] == ["FULLY_CONNECTED 0", "FULLY_CONNECTED 1"]
    assert after.record["int4"]["sqnr_db"] >= 20
    for step in lower(after.model).steps:
        assert step.filter.min() >= -7 and step.filter.max() <= 7
    sizes = [compile_model(q.model, options=Options("size")).weights_bytes for q in (before, after)]
    assert sizes[1] <= 0.58 * sizes[0]
    assert parse((tmp_path / "small.tflite").read_bytes(), "m").sha256 == after.model.sha256


def test_packed_weights_are_half_the_file_and_equal_on_both_runtimes(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(dense(64, 3))
    plain, packed = (microgen.quantize(path, weights=w) for w in ("int4", "int4-packed"))
    assert len(packed.model.data) <= 0.62 * len(plain.model.data)
    assert packed.record["int4"] == {**plain.record["int4"], "packed": True}
    assert [op.name for op in packed.model.main.operators if packed.model.main.tensors[op.inputs[1]].dtype == "int4"]
    for a, b in zip(lower(plain.model).steps, lower(packed.model).steps, strict=True):
        assert np.array_equal(a.filter, b.filter) and np.array_equal(a.bias, b.bias)


def test_the_best_scale_cuts_an_outlier_off():
    w = np.full((1, 100), 7, np.int8)
    w[0, 0] = 14
    small, factors = four_bits(w, 1)
    assert factors[0] < 2 and np.abs(small * factors[0] - w)[0, 1:].max() < 0.5


def test_a_model_without_such_layers_is_refused():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 8], "int8", 0.1), b.tensor("y", [1, 8], "int8", 0.1)
    b.op("RELU", [x], [y])
    quantized = microgen.quantization.Quantized(parse(b.build([x], [y]), "m"))
    with pytest.raises(InputError, match="no layer"):
        with_int4_weights(quantized)


def test_what_cannot_be_is_refused(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(dense(64, 3))
    for options in ({"weights": "int2"}, {"weights": "int4", "scheme": "int16x8"}):
        with pytest.raises(InputError) as caught:
            microgen.quantize(path, **options)
        assert caught.value.option == "weights"
