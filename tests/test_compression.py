"""Compression: each method on the digits recipe with its price, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

import microgen
from microgen.compression.base import Step, read_steps
from microgen.compression.methods import load_method, method_names
from microgen.compression.task import read_data
from microgen.errors import InputError

from .tools import needs_host


def arrays(count=40, shape=(4,), classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.random((count, *shape)).astype(np.float32), "y": np.arange(count) % classes}


@pytest.mark.parametrize(
    ("methods", "options", "says"),
    [
        ([], {}, "no method is given"),
        (["prun:0.5"], {}, "no method 'prun'"),
        (["prune:1.5"], {}, "must be 0.05 to 0.99"),
        (["prune:nan"], {}, "'nan' is not a number"),
        (["prune:half"], {}, "'half' is not a number"),
        (["prune"], {"temperature": 3}, "none of the methods prune takes temperature"),
    ],
)
def test_a_chain_that_cannot_be_is_refused(methods, options, says):
    with pytest.raises(InputError, match=says):
        read_steps(methods, options)


def test_a_chain_is_read():
    assert read_steps(["prune", "prune:0.5"]) == (Step("prune", 0.8), Step("prune", 0.5))
    with pytest.raises(InputError) as caught:
        load_method("pruen")
    assert "did you mean prune" in caught.value.hint
    for name in method_names():
        assert load_method(name).name == name


def test_a_fifth_is_held_out_and_targets_are_read_as_what_they_are():
    data = read_data(arrays(), 0)
    assert len(data["x"]) == 32 and len(data["x_test"]) == len(data["y_test"]) == 8
    assert data["y"].dtype == np.int64 and data["x"].dtype == np.float32
    one_hot = read_data({"x": arrays()["x"], "y": np.eye(3)[arrays()["y"]]}, 0)
    assert (one_hot["y"] == data["y"]).all() and (one_hot["x"] == data["x"]).all()
    assert read_data({"x": arrays()["x"], "y": arrays()["x"]}, 0)["y"].dtype == np.float32
    assert (read_data(arrays(), 1)["x_test"] != data["x_test"]).any()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": None}, "holds no targets 'y'"),
        ({"x": None}, "holds no array 'x'"),
        ({"y": np.arange(39)}, "40 samples in 'x', 39 in 'y'"),
        ({"x": np.full((40, 4), np.nan)}, "NaN or infinite"),
        ({"x": np.array(["a"] * 40)}, "not numbers"),
        ({"x_test": np.zeros((3, 4))}, "only one of 'x_test' and 'y_test'"),
        ({"x": np.zeros((5, 4)), "y": np.arange(5)}, "at least 10"),
    ],
)
def test_data_that_cannot_be_is_refused(change, says, tmp_path):
    given = {k: v for k, v in {**arrays(), **change}.items() if v is not None}
    np.savez(tmp_path / "d.npz", **given)
    for source in (given, tmp_path / "d.npz"):
        with pytest.raises(InputError) as caught:
            read_data(source, 0)
        assert says in caught.value.message + caught.value.hint


@pytest.mark.slow
def test_prune_80_percent_halves_gzip_within_3_points(digits, tmp_path):
    told = []
    found = microgen.compress(
        digits, "prune:0.8", recipe="digits", epochs=4, out=tmp_path / "p.keras", on_epoch=lambda *x: told.append(x)
    )
    assert found.compression_ratio <= 0.5 and 0.75 < found.pruning_ratio < 0.8
    assert found.after.tflm_score >= found.before.tflm_score - 0.03
    assert told and all(total == 4 for _, total in told)
    assert json.dumps(found.to_json()) and found.after.macs == found.before.macs
    builds_and_verifies(tmp_path / "p.keras", found, calibration="random")


@pytest.mark.slow
def test_cluster_16_is_within_1_point(digits, tmp_path):
    found = microgen.compress(digits, "cluster:16", recipe="digits", epochs=1, out=tmp_path / "c.keras")
    assert found.after.tflm_score >= found.before.tflm_score - 0.01
    assert found.compression_ratio < 0.85
    kernels = [w for w in weights(tmp_path / "c.keras") if w.ndim >= 2]
    assert kernels and all(np.unique(w).size <= 16 for w in kernels)
    builds_and_verifies(tmp_path / "c.keras", found, calibration="random")


@pytest.mark.slow
def test_quantization_aware_training_is_not_worse_than_quantization_after_training(digits, tmp_path):
    found = microgen.compress(digits, "qat", recipe="digits", epochs=2, out=tmp_path / "q.keras")
    assert found.after.tflm_score >= found.before.tflm_score
    assert found.after.parameters == found.before.parameters
    assert found.quantized.model.inputs[0].name == "image"
    # It has learned its ranges, and needs no calibration data.
    builds_and_verifies(tmp_path / "q.keras", found)
    assert microgen.quantize(tmp_path / "q.keras").model.data == (tmp_path / "q.tflite").read_bytes()
    with pytest.raises(InputError, match="trained for int8, not for int16x8"):
        microgen.quantize(tmp_path / "q.keras", scheme="int16x8")
    with pytest.raises(InputError, match="was trained quantization-aware already"):
        microgen.compress(tmp_path / "q.keras", "prune", recipe="digits")


@pytest.mark.slow
def test_quantization_aware_training_keeps_zeros_and_clusters(digits, tmp_path):
    found = microgen.compress(
        digits, ["prune:0.8", "cluster:8", "qat"], recipe="digits", epochs=1, out=tmp_path / "q.keras"
    )
    assert 0.75 < found.pruning_ratio < 0.8 and found.compression_ratio < 0.5
    kernels = [t for t in constants(found.quantized.model) if t.dtype == np.int8 and t.size > 64]
    assert kernels and all((t == 0).mean() > 0.75 for t in kernels)
    dense = max(kernels, key=lambda t: t.size)  # one scale for all: its clusters are values of int8
    assert np.unique(dense).size <= 8
    builds_and_verifies(tmp_path / "q.keras", found)


@pytest.mark.slow
def test_a_student_is_narrower_and_learns(digits, tmp_path):
    found = microgen.compress(digits, "distill:0.5", recipe="digits", epochs=4, out=tmp_path / "s.keras")
    assert found.after.macs < 0.3 * found.before.macs and found.after.arena_bytes < found.before.arena_bytes
    assert found.after.tflm_score > 0.9
    builds_and_verifies(tmp_path / "s.keras", found, calibration="random")


def builds_and_verifies(path, found, **options):
    """Every compressed model goes on to a project whose firmware computes what TFLM does."""
    needs_host()
    for model, data in ((path, options), (found.quantized, {})):
        built = microgen.build(model, "esp32", out=path.with_suffix(""), samples=10, force=True, **data)
        assert built.verdict.passed and built.verdict.firmware == "equal"
    assert (path.with_suffix("") / "model.tflite").read_bytes() == path.with_suffix(".tflite").read_bytes()


def weights(path):
    """The weights of a .keras file."""
    h5py = pytest.importorskip("h5py")
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as stored:
        found = []
        stored.visititems(lambda name, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def constants(model):
    """The constant tensors of a .tflite."""
    return [
        np.frombuffer(model.data[t.offset : t.offset + t.size], t.dtype) for t in model.main.tensors if t.is_constant
    ]
