"""Models whose samples are large: made in the model's own type, and no more of them than memory is given for."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.tflite import parse
from microgen.tflite.check import check_runnable
from microgen.verification import make_samples, quantize_samples, sample_count, samples
from microgen.workers import difference
from tests.support import models


def wide(elements, dtype="int8"):
    return parse(models.layer("RELU", [([1, elements], dtype)], [([1, elements], dtype)]))


def traced(action):
    """Return what an action gives, and the most bytes that it took meanwhile."""
    tracemalloc.start()
    try:
        return action(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_samples_take_their_own_bytes_and_no_more(monkeypatch):
    monkeypatch.setattr(samples, "_CHUNK", 2**12)
    model = wide(100_000)
    make_samples(wide(1), 1, 0)  # NumPy imports its generators when they are first asked for
    (made,), peak = traced(lambda: make_samples(model, 20, 0))
    assert made.nbytes == 2_000_000 and peak < 2_200_000
    data = np.linspace(-9, 9, 1_000_000).reshape(10, 100_000)
    (quantized,), peak = traced(lambda: quantize_samples(model, [data]))
    assert quantized.nbytes == 1_000_000 and peak < 1_300_000
    _, peak = traced(lambda: make_samples(model, 4, 0, [data]))
    assert peak < 2_500_000, "of the calibration data, only what is taken is converted"


def test_a_sample_does_not_depend_on_how_many_values_are_made_at_once(monkeypatch):
    for dtype in ("int8", "float32", "int16", "bool"):
        model = wide(1000, dtype)
        whole = make_samples(model, 6, 3)[0]
        with monkeypatch.context() as patched:
            patched.setattr(samples, "_CHUNK", 7)
            assert np.array_equal(make_samples(model, 6, 3)[0], whole)


def test_a_difference_is_found_wherever_it_lies(monkeypatch):
    monkeypatch.setattr(difference, "_CHUNK", 64)
    ours = np.zeros((3, 100), np.int8)
    theirs = ours.copy()
    assert difference.largest(ours, theirs) == 0
    theirs[2, 99] = 5
    assert difference.largest(ours, theirs) == 5
    floats = ours.astype(np.float32)
    floats[0, 3] = np.nan
    assert difference.largest(floats, theirs.astype(np.float32)) == np.inf


def test_fewer_samples_are_run_where_all_would_take_too_much(monkeypatch, tmp_path):
    model = wide(1000)
    assert sample_count(model, 100) == 100 and sample_count(wide(10_000_000), 100) == 3
    (tmp_path / "m.tflite").write_bytes(model.data)
    monkeypatch.setattr(samples, "MOST_BYTES", 10_000)
    steps = []
    verdict = microgen.verify(tmp_path / "m.tflite", samples=8, on_step=steps.append)
    assert verdict.samples == 5 and "running LiteRT and TFLM on 5 samples" in steps
    assert verdict.warnings == ("5 of 8 samples were run: inputs and outputs of one take 2,000 bytes",)
    for verify, warnings in ((True, verdict.warnings), (False, ())):
        built = microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", samples=8, verify=verify)
        assert built.verdict.warnings == warnings


def test_a_model_with_one_sample_that_is_too_large_is_refused():
    with pytest.raises(InputError, match="its inputs and outputs take 150,000,000 bytes together"):
        check_runnable(parse(models.two_by_two(width=30_000_000)))
