"""Sweeps of quantizations: of models that are not trained here, in the table of compressions."""

from __future__ import annotations

import json

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.report.compression import sweep_lines, sweep_rows
from microgen.sweeping import evaluation, quantizing
from microgen.sweeping.candidates import read_quantizations
from microgen.sweeping.quantizing import source_digest
from microgen.workers import LITERT, litert, run
from tests.frontends.test_float_tflite import float_dense
from tests.support import sweep_tools, torch_tools

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(60, 8)).astype(np.float32)


@pytest.fixture
def dense(tmp_path):
    """A float .tflite."""
    path = tmp_path / "dense.tflite"
    path.write_bytes(float_dense())
    return path


def test_what_is_tried():
    assert [c.name for c in read_quantizations(None)] == ["float32", "int8", "int16x8", "int4"]
    assert [c.name for c in read_quantizations("int4-packed, int8,int8")] == ["float32", "int4-packed", "int8"]
    for wrong, says in (
        ("int7", "no quantization 'int7'"),
        ("prune:0.5", "no quantization"),
        ("float32", "nothing to"),
    ):
        with pytest.raises(InputError, match=says):
            read_quantizations(wrong)


def test_without_labels_the_score_is_the_noise_against_the_float_model(dense, tmp_path):
    found = microgen.sweep(
        dense, calibration=ROWS, candidates="int8,int16x8", out=tmp_path / "out", board="pico", picture=None
    )
    rows = {row.name: row for row in found.rows}
    assert rows["float32"].score == 120 and rows["int16x8"].score > rows["int8"].score + 3 > 28
    quantized = microgen.quantize(dense, ROWS, board="pico")
    assert (found.out / rows["int8"].folder / "model.tflite").read_bytes() == quantized.model.data
    assert abs(rows["int8"].score - quantized.quality.output_sqnr_db) < 1  # of LiteRT, on other samples
    assert rows["int8"].price.tflite_bytes < rows["float32"].price.tflite_bytes and rows["int8"].device.flash_bytes
    assert sweep_lines(found)[0][1].startswith("SQNR at the output in dB on TFLM") and sweep_rows(found)[1][2] == "-"
    assert json.loads((found.out / "sweep.json").read_text()) == found.to_json()
    again = microgen.sweep(
        dense, calibration=ROWS, candidates="int8", out=tmp_path / "out", board="pico", picture=None, jobs=1
    )
    assert again.resumed == 2 and again.rows[1].price == rows["int8"].price


@pytest.mark.parametrize("failing", [{"float32"}, {"float32", "int8"}])
def test_float32_may_fail_as_any_other_but_not_all_of_them(failing, dense, tmp_path, monkeypatch):
    """Its operators are others: what is a table in int8 may have no kernel in float32."""

    def evaluate(work, data):
        if work.name in failing:
            return evaluation.failure(InputError(f"{work.name} has no GELU", "use another"))
        return evaluation.Result(sweep_tools.price(30.0, 2000), "SQNR at the output in dB", tflite=float_dense())

    monkeypatch.setattr(quantizing, "evaluate_quantization", evaluate)
    options = {"calibration": ROWS, "candidates": "int8", "out": tmp_path / "out", "picture": None}
    if len(failing) > 1:
        with pytest.raises(InputError, match="float32 has no GELU"):
            microgen.sweep(dense, **options)
        return
    found = microgen.sweep(dense, **options)
    assert found.rows[0].error == ("float32 has no GELU", "use another") and found.rows[1].score == 30
    assert [cells[1] for cells in sweep_rows(found)] == ["-", "30.0000"]


def test_a_pytorch_program_is_measured_on_labelled_samples_as_its_owner_has_them(tmp_path):
    torch = torch_tools.torch()
    module = torch_tools.small()
    path = torch_tools.export(module, torch.zeros(1, 3, 8, 8), tmp_path / "small.pt2")
    images = RNG.uniform(-1, 1, (60, 3, 8, 8)).astype(np.float32)
    labels = module(torch.from_numpy(images)).argmax(1).numpy()
    assert len(set(labels)) > 1
    data = {"x": images, "y": labels}
    found = microgen.sweep(
        path, data, calibration=images[:40], candidates="int8", out=tmp_path / "out", board="pico", jobs=2, picture=None
    )
    floats, int8 = found.rows
    assert found.metric.name == "accuracy" and floats.score == 1 and 0.9 <= int8.score <= 1
    assert int8.fits and "flash_bytes" in int8.best_for
    for options, says in (
        ({}, "compression trains Keras models, but this is a PyTorch program"),
        ({"calibration": images, "epochs": 3}, "epochs=3: with calibration data"),
        ({"calibration": images, "recipe": "digits"}, "recipe='?digits'?: with calibration data"),
    ):
        with pytest.raises(InputError, match=says):
            microgen.sweep(path, out=tmp_path / "no", picture=None, **options)
    assert not (tmp_path / "no").exists()


def test_targets_that_are_values_are_compared_by_their_error(dense, tmp_path):
    values = run(LITERT, litert.run, litert.RunRequest(dense.read_bytes(), (ROWS.reshape(-1, 1, 8),))).outputs[0][:, 0]
    np.savez(tmp_path / "data.npz", x=ROWS, y=values)
    options = {"calibration": ROWS, "candidates": "int8", "picture": None, "board": "pico"}
    found = microgen.sweep(dense, tmp_path / "data.npz", out=tmp_path / "a", **options)
    assert found.metric.name == "mean absolute error" and 0 == round(found.rows[0].score, 5) < found.rows[1].score < 0.1
    for wrong, says in (
        ({"x": ROWS, "y": np.arange(60)}, "has classes 0 to 59"),
        ({"x": ROWS, "y": values[:, :2]}, r"shape \[5\], the targets 'y' have \[2\]"),
        ({"x": ROWS[:, :3], "y": values}, r"takes samples of shape \[8\]"),
    ):
        with pytest.raises(InputError, match=says):
            microgen.sweep(dense, wrong, out=tmp_path / "b", **options)


def test_a_model_that_is_quantized_has_nothing_to_compare(dense, tmp_path):
    microgen.quantize(dense, ROWS, out=tmp_path / "q.tflite")
    with pytest.raises(InputError, match="is quantized already"):
        microgen.sweep(tmp_path / "q.tflite", calibration=ROWS, picture=None)
    np.savez(tmp_path / "x.npz", x=ROWS)
    with pytest.raises(InputError, match=r"x\.npz: not a \.tflite file"):
        microgen.sweep(tmp_path / "x.npz", calibration=ROWS, picture=None)


def test_weights_beside_an_onnx_file_belong_to_it(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x0a\x08location\x12\x06w.data")
    digests = {source_digest(path)}
    for name, content, is_new in (("w.data", b"1", True), ("w.data", b"2", True), ("other.bin", b"3", False)):
        (tmp_path / name).write_bytes(content)
        assert (source_digest(path) not in digests) is is_new
        digests.add(source_digest(path))
