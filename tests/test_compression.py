"""Compression: each method on the digits recipe with its price, and what is refused."""

from __future__ import annotations

import json

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
    needs_host()
    told = []
    found = microgen.compress(
        digits, "prune:0.8", recipe="digits", epochs=4, out=tmp_path / "p.keras", on_epoch=lambda *x: told.append(x)
    )
    assert found.compression_ratio <= 0.5 and 0.75 < found.pruning_ratio < 0.8
    assert found.after.tflm_score >= found.before.tflm_score - 0.03
    assert told and all(total == 4 for _, total in told)
    assert json.dumps(found.to_json()) and found.after.macs == found.before.macs
    built = microgen.build(tmp_path / "p.keras", "esp32", calibration="random", out=tmp_path / "e", samples=10)
    assert built.verdict.passed and built.verdict.firmware == "equal"
