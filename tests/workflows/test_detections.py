"""A detector's outputs are compared as far as they are written: as many rows as it finds objects."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.tflite import parse
from microgen.tflite.check import check_runnable
from microgen.tflite.unwritten import clear_unwritten, mark_unwritten
from tests.support import models


@pytest.fixture
def found():
    """Two samples, with one and with four rows written, and what lies in the others."""
    rng = np.random.default_rng(1)
    shapes = ((2, 1, 4, 4), (2, 1, 4), (2, 1, 4))
    return [*(rng.random(shape, np.float32) for shape in shapes), np.array([[1], [4]], np.float32)]


def test_rows_that_nothing_wrote_are_cleared_and_no_others(found):
    model, given = parse(models.detections()), [a.copy() for a in found]
    cleared = clear_unwritten(model, found)
    for before, after in zip(given[:3], cleared[:3], strict=True):
        assert (after[0, 0, 1:] == 0).all() and (after[0, 0, 0] == before[0, 0, 0]).all()
        assert (after[1] == before[1]).all() and after.shape == before.shape
    assert (cleared[3] == given[3]).all()
    assert all((a == b).all() for a, b in zip(found, given, strict=True)), "what was given stays as it was"
    assert mark_unwritten(model, found)[1][0, 0, 1:].tobytes() == b"\xff" * 12


def test_objects_of_several_classes_are_refused_for_which_the_kernel_writes_outside():
    with pytest.raises(InputError, match="writes outside the outputs"):
        check_runnable(parse(models.detections(classes=2)), allow_float=True)
    unknown = models.detections(classes=2).replace(b"max_classes_per_detection", b"max_classes_for_detection")
    check_runnable(parse(unknown), allow_float=True)


def test_outputs_of_other_models_stay_as_they_are():
    model = parse(models.fully_connected())
    outputs = [np.ones((3, *t.shape), t.numpy_dtype) for t in model.outputs]
    assert clear_unwritten(model, outputs)[0] is outputs[0]


def test_a_detector_is_verified_and_its_golden_vectors_hold(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.detections())
    result = microgen.build(path, "pico", out=tmp_path / "p", samples=12, allow_float=True)
    assert result.verdict.passed, result.verdict.reason
    assert result.verdict.firmware == "equal"
    proven = microgen.verify(path, samples=12, layers=True)
    assert proven.status == "bit-exact" and proven.layers[-1].op == "TFLite_Detection_PostProcess", proven.reason
    golden = (tmp_path / "p/lib/golden/golden_data.cc").read_text("utf-8")
    assert "0xff,0xff,0xff,0xff" in golden, "a sample with fewer objects than rows"
    assert microgen.selftest(tmp_path / "p").passed
