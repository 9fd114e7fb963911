"""Structure that leaves, on the digits recipe: what it costs in accuracy in TFLM, and what it brings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.report.compression import compressed_lines
from tests.support.keras_tools import keras
from tests.support.tools import needs_host

pytestmark = pytest.mark.slow


def built(path, out):
    needs_host()
    found = microgen.build(path, "esp32", calibration="random", out=out, samples=10)
    return found.verdict.passed and found.verdict.firmware == "equal"


def test_channel_prune_halves_work_and_arena_within_1_5_points(digits, some_digits, tmp_path):
    found = microgen.compress(digits, "channel-prune:0.85", some_digits, epochs=8, out=tmp_path / "c.keras")
    assert found.after.macs <= 0.5 * found.before.macs
    assert found.after.arena_bytes <= 0.5 * found.before.arena_bytes
    assert found.after.tflm_score >= found.before.tflm_score - 0.015
    assert found.compression_ratio < 0.5
    # Of n answers, k changed from right to wrong or back: the variance of the change follows from k, a whole number.
    n, change = found.tested, found.after.tflm_score - found.before.tflm_score
    k = found.change_error**2 * n * (n - 1) + n * change**2
    shown = dict(compressed_lines(found, "c.keras"))
    assert shown["change in TFLM"].startswith(f"{change:+.4f} +-{found.change_error:.4f}, ")
    assert "change in TFLM" not in dict(compressed_lines(dataclasses.replace(found, change_error=None), "c.keras"))
    assert "warning" not in shown
    worse = dataclasses.replace(found, after=dataclasses.replace(found.after, tflm_score=0.5))
    assert "the accuracy in TFLM falls from" in dict(compressed_lines(worse, "c.keras"))["warning"]
    swapped = dataclasses.replace(found, before=dataclasses.replace(found.before, float_score=0.1))
    [warning] = swapped.warnings
    assert warning.startswith("the accuracy of the float model is 0.1000, no better than guessing")
    assert k == pytest.approx(round(k), abs=1e-6) and abs(n * change) - 1e-6 <= k < 0.2 * n
    assert built(tmp_path / "c.keras", tmp_path / "p")


def test_low_rank_cuts_parameters_by_40_percent_within_3_points(digits, tmp_path):
    found = microgen.compress(digits, "low-rank:0.4", recipe="digits", epochs=1, out=tmp_path / "l.keras")
    assert found.after.parameters <= 0.6 * found.before.parameters
    assert found.after.tflite_bytes < found.before.tflite_bytes
    assert found.after.tflm_score >= found.before.tflm_score - 0.03
    assert built(tmp_path / "l.keras", tmp_path / "p")


def test_two_trained_networks_side_by_side_and_averaged(digits, some_digits, tmp_path):
    network = keras().models.load_model(digits, compile=False)
    noise = np.random.default_rng(0)
    network.set_weights([w * noise.normal(1, 0.05, w.shape).astype(w.dtype) for w in network.get_weights()])
    other = tmp_path / "other.keras"
    network.save(other)
    microgen.quantize(other, digits.with_name("calibration.npy"), out=other.with_suffix(".tflite"))
    paths = [digits.with_suffix(".tflite"), other.with_suffix(".tflite")]
    both = microgen.merge(paths, tmp_path / "both.tflite")  # compares every byte of every output
    assert both.samples and both.whole.arena_bytes < sum(p.arena_bytes for p in both.parts)
    assert built(tmp_path / "both.tflite", tmp_path / "p")
    found = microgen.compress(digits, "merge", some_digits, other=str(other), out=tmp_path / "m.keras")
    assert found.after.tflm_score >= found.before.tflm_score - 0.05
    assert found.after.macs == pytest.approx(2 * found.before.macs, rel=0.01)
    assert built(tmp_path / "m.keras", tmp_path / "q")


def test_what_a_method_cannot_take_is_refused_with_its_layer_named(tmp_path):
    L = keras().layers
    rng = np.random.default_rng(0)
    data = {"x": rng.random((60, 6)).astype(np.float32), "y": np.arange(60) % 3}
    trained = []
    held = keras().Sequential([keras().Input((6,)), L.Dense(3, activation="softmax", name="kind")])
    late = keras().Sequential([keras().Input((6,)), L.Dense(3, activation="relu"), L.BatchNormalization(name="norm")])
    for method, says in (
        ("channel-prune", "no channel can be removed .*'kind' is the model's output"),
        ("low-rank", r"too small .*'kind' \(Dense\)|large enough .*'kind' \(Dense\)"),
        (["prune", "qat"], "layer 'norm' .BatchNormalization"),
    ):
        with pytest.raises(InputError, match=says):
            model = late if "qat" in method else held
            microgen.compress(
                model, method, data, out=tmp_path / "x.keras", on_epoch=lambda *done: trained.append(done)
            )
    assert not list(tmp_path.iterdir()) and not trained
