"""Weights of four bits: which layers get them, and what stays."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen import workers
from microgen.errors import InputError
from microgen.quantization.int4 import with_int4_weights
from microgen.quantization.rounding import fields_of, four_bits
from microgen.runtimes.compiled.compiler import Options, compile_model
from microgen.runtimes.compiled.lower import lower
from microgen.tflite import parse
from microgen.workers import TFLM, tflm
from tests.support import models


def dense(units, noise, output_scale=0.4, outliers=1):
    """Two fully connected layers of int8, their weights near 15 values; those of the second but some divided."""
    rng = np.random.default_rng(3)
    b = models.ModelBuilder()
    x = b.tensor("x", [1, 64], "int8", 0.05)
    last = x
    for k, (n, depth) in enumerate(((units, 64), (8, units))):
        values = rng.integers(-7, 8, (n, depth)) * 17 + rng.integers(-noise, noise + 1, (n, depth))
        values = np.where(rng.random(values.shape) < 0.05, values, values // outliers) if k else values
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


def test_layers_that_cost_too_much_stay(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(dense(64, 3, outliers=16))
    before, after = microgen.quantize(path), microgen.quantize(path, weights="int4")
    assert after.record["int4"]["layers"] == ["FULLY_CONNECTED 0"] and after.record["int4"]["sqnr_db"] >= 20
    assert "FULLY_CONNECTED 1 (" in after.warnings[-1] and "dB alone" in after.warnings[-1]
    assert [np.array_equal(a.filter, b.filter) for a, b in zip(
        lower(before.model).steps, lower(after.model).steps, strict=True)] == [False, True]  # fmt: skip


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
    rows = np.random.default_rng(1).normal(size=(400, 100)).astype(np.float32)
    small, factors, _ = four_bits(w, 1, [rows], has_bias=False)
    assert factors[0] < 2 and np.abs(small * factors[0] - w)[0, 1:].max() < 0.5


@pytest.mark.parametrize("scales", [1, 8])
def test_weights_make_up_for_each_others_rounding_where_inputs_go_together(scales):
    rng = np.random.default_rng(2)
    w = rng.integers(-127, 128, (8, 72)).astype(np.int8)
    rows = [(rng.normal(size=(500, 12)) @ rng.normal(size=(12, 72)) + 3).astype(np.float32) for _ in range(2)]
    small, factors, bias = four_bits(w, scales, rows, has_bias=True)
    assert small.min() >= -7 and small.max() <= 7 and len(factors) == scales
    for part, fields in zip((slice(4), slice(4, 8)), rows, strict=True):
        by = np.broadcast_to(factors, 8)[part, None]
        exact = fields @ w[part].T.astype(float)
        nearest = fields @ (np.rint(w[part] / (127 / 7)) * (127 / 7)).T
        ours = fields @ (small[part] * by).T + bias[part]
        assert ((ours - exact) ** 2).mean() < 0.1 * ((nearest - exact) ** 2).mean()
        assert np.abs((ours - exact).mean(0)).max() < 1e-2 * np.abs(exact).max()


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_fields_of_a_convolution_times_its_weights_are_its_outputs(padding):
    """With strides, dilations and groups."""
    rng = np.random.default_rng(4)
    for strides, dilations in (((2, 1), (1, 1)), ((1, 1), (2, 3))):
        b = models.ModelBuilder()
        x = b.tensor("x", [1, 9, 8, 4], "int8", 0.05, 3)
        kernel = rng.integers(-99, 100, (6, 3, 2, 2))
        w = b.tensor("w", kernel.shape, "int8", 0.01, values=kernel)
        h, width = (
            -(-n // s) if padding == "SAME" else -(-(n - (k - 1) * d) // s)
            for n, s, k, d in zip((9, 8), strides, (3, 2), dilations, strict=True)
        )
        y = b.tensor("y", [1, h, width, 6], "int8", 0.3)
        options = models.schema.Conv2DOptionsT()
        options.padding = 0 if padding == "SAME" else 1
        options.strideH, options.strideW = strides
        options.dilationHFactor, options.dilationWFactor = dilations
        b.op("CONV_2D", [x, w], [y], options)
        model = parse(b.build([x], [y]), "m")
        given = rng.integers(-128, 128, (3, 1, 9, 8, 4)).astype(np.int8)
        fields = fields_of(model.main.operators[0], given, model.main.tensors)
        sums = [f @ part.reshape(3, -1).T for f, part in zip(fields, np.split(kernel, 2), strict=True)]
        found = np.clip(np.rint(np.concatenate(sums, 1) * 0.05 * 0.01 / 0.3), -128, 127)
        answers = workers.run(TFLM, tflm.run, tflm.RunRequest(model.data, (given,), 1 << 20), deadline_s=60)
        assert np.abs(found - answers.outputs[0].reshape(found.shape)).max() <= 1


def test_a_model_without_such_layers_is_refused():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 8], "int8", 0.1), b.tensor("y", [1, 8], "int8", 0.1)
    b.op("RELU", [x], [y])
    quantized = microgen.quantization.Quantized(parse(b.build([x], [y]), "m"))
    with pytest.raises(InputError, match="no CONV_2D or FULLY_CONNECTED layer has"):
        with_int4_weights(quantized)


def test_what_cannot_be_is_refused(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(dense(64, 3))
    for options in ({"weights": "int2"}, {"weights": "int4", "scheme": "int16x8"}):
        with pytest.raises(InputError) as caught:
            microgen.quantize(path, **options)
        assert caught.value.option == "weights"
