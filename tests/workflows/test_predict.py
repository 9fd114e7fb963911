"""`predict`: a user's own inputs through the firmware, in real units."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.tflite import load
from microgen.verification import EngineRun, quantize_samples, real_values
from tests.support import models
from tests.support.serial_board import SerialBoard
from tests.support.tools import needs_host


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("predict")
    (folder / "small.tflite").write_bytes(models.fully_connected())
    names = [f"label {k}" for k in range(load(folder / "small.tflite").outputs[0].elements)]
    return microgen.build(folder / "small.tflite", "pico", out=folder / "p", labels=names, verify=False).project


def expected(model, samples):
    with EngineRun(model, quantize_samples(model, samples)) as running:
        return [real_values(t, a) for t, a in zip(model.outputs, running.result().reference.outputs, strict=True)]


def test_answers_are_tflms_in_real_units_with_their_labels(project):
    model = load(project / "model.tflite")
    x = np.random.default_rng(0).uniform(-2, 2, (12, *model.inputs[0].shape[1:])).astype(np.float32)
    [wanted] = expected(model, [x])
    found = microgen.predict(project, x)
    assert len(found) == 12 and len({p.label for p in found}) > 1
    for row, prediction in zip(wanted, found, strict=True):
        assert np.array_equal(prediction.outputs[0], row)
        assert prediction.label == f"label {row.argmax()}" and prediction.time_us is not None


def test_a_board_is_asked_over_its_port(project):
    pytest.importorskip("serial", reason="pyserial opens the port")
    model = load(project / "model.tflite")
    x = np.linspace(-1, 1, 2 * model.inputs[0].elements, dtype=np.float32).reshape(2, *model.inputs[0].shape[1:])
    with SerialBoard(project) as board:
        there = microgen.predict(project, x, on=board.port)
    here = microgen.predict(project, [x])
    assert [p.outputs[0].tolist() for p in there] == [p.outputs[0].tolist() for p in here]


def test_samples_for_more_inputs_than_there_are_are_refused(project):
    x = np.zeros((2, 8), np.float32)
    with pytest.raises(InputError, match="has 1 inputs, the data has 2 arrays"):
        microgen.predict(project, [x, x])


def test_several_inputs_and_outputs_and_no_labels(tmp_path):
    needs_host()
    (tmp_path / "two.tflite").write_bytes(models.two_by_two())
    built = microgen.build(tmp_path / "two.tflite", "pico", out=tmp_path / "p", verify=False).project
    model = load(tmp_path / "two.tflite")
    samples = [np.random.default_rng(1).uniform(-1, 1, (3, *t.shape[1:])).astype(np.float32) for t in model.inputs]
    wanted = expected(model, samples)
    found = microgen.predict(built, samples)
    for k, values in enumerate(wanted):
        assert np.array_equal(np.stack([p.outputs[k] for p in found]), values)
    assert all(p.label == "" for p in found)


@pytest.mark.parametrize("shape", [(0, 4), (3, 999)])
def test_samples_that_do_not_fit_are_refused(project, shape):
    with pytest.raises(InputError):
        microgen.predict(project, np.zeros(shape, np.float32))
    with pytest.raises(InputError):
        microgen.predict(project, [np.zeros(shape, np.float32).tolist()])
