"""The application motion: a CSV file of what a sensor measured, through the firmware."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.applications import APPLICATIONS, choose_application
from microgen.datasets.motion import read_motion
from microgen.deployment import deploy
from microgen.errors import InputError
from microgen.preprocessing.scaling import to_input
from microgen.tflite import parse
from tests.support import models
from tests.support.serial_board import SerialBoard
from tests.support.tools import needs_host
from tests.support.traces import assert_same

OPTIONS = {
    "rate_hz": "20", "length": "8", "stride": "4", "rotation": "deg/s", "detrend": "none", "low_pass_hz": "4",
    "scale": "1,1,1,0.01,0.01,0.01", "cutoff": "0.3", "refractory_ms": "0",
}  # fmt: skip


def scoring(length: int = 8, axes: int = 6) -> bytes:
    """A model that takes a window, and whose scores are the means of its axes."""
    axis = ([1], "int32", np.array([1]))
    edges = [([1, length, axes], "int8"), axis]
    return models.layer("MEAN", edges, [([1, axes], "int8", 1 / 256, -128)], "Reducer")


def measured(moments: int = 60) -> np.ndarray:
    seconds = np.arange(moments) / 20
    axes = [np.sin(2 * np.pi * (k + 1) * seconds / 3) * (90 if k > 2 else 1) for k in range(6)]
    return np.stack(axes, axis=1)


def write(path, values, names="ax,ay,az,gx,gy,gz"):
    lines = [names] if names else []
    path.write_text("\n".join([*lines, *(",".join(f"{x:.6f}" for x in row) for row in values)]) + "\n")
    return path


def test_the_firmware_feels_what_python_computes(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(scoring())
    project = microgen.build(
        tmp_path / "m.tflite", "nano33ble", out=tmp_path / "p", samples=4, verify=False, runtime="compiled",
        application="motion", application_options=OPTIONS,
    ).project  # fmt: skip
    assert b"Arduino_LSM9DS1@" in (project / "platformio.ini").read_bytes()
    result = microgen.simulate_input(project, write(tmp_path / "m.csv", measured()))
    window = choose_application("motion", OPTIONS).window
    (tensor,) = microgen.load(project / "model.tflite").inputs
    windows = window.windows(result.recording.values)
    expected = to_input(windows, 1024, tensor.scale, tensor.zero_point, tensor.dtype)
    assert len(windows) == 14 and (result.frames == expected.reshape(14, -1)).all()
    assert result.trace.score_positions.tolist() == [8 + 4 * k for k in range(14)]
    assert {d.label[:6] for d in result.trace.detected} == {"class "}
    assert microgen.selftest(project).passed
    with SerialBoard(project) as board:
        assert_same(microgen.simulate_input(project, tmp_path / "m.csv", on=board.port), result)
    page = tmp_path / "r.html"
    microgen.write_simulation(page, result)
    assert page.read_text().count('class="wave"') == 6
    with pytest.raises(InputError, match="fewer than a window of 8"):
        microgen.simulate_input(project, write(tmp_path / "m.csv", measured(7)))


def test_its_options_are_recorded_whole_and_read_back():
    made = choose_application("motion", OPTIONS)
    assert APPLICATIONS.get("motion").with_options(made.options) == made
    assert made.window.scale == (1, 1, 1, 0.01, 0.01, 0.01)
    for wrong in ({"length": "none"}, {"scale": "1,two,3"}, {"detrend": "x"}, {"stride_ms": "5"}):
        with pytest.raises(InputError):
            choose_application("motion", wrong)


def test_models_and_boards_that_it_cannot_work_with_are_refused():
    made = choose_application("motion", OPTIONS)
    board = microgen.load_board("nano33ble")
    with pytest.raises(InputError, match="not a window of 8 time steps of 6 axes") as caught:
        deploy("m", parse(scoring(9)), board, application=made)
    assert caught.value.hint.endswith("length=9, acceleration and rotation")
    for axes, fitting in ((5, "length, acceleration, rotation"), (3, "length=7, acceleration or rotation")):
        with pytest.raises(InputError, match="does not consist of frames of 6") as caught:
            deploy("m", parse(scoring(7, axes)), board, application=made)
        assert caught.value.hint.endswith(fitting)
    with pytest.raises(InputError, match="has no motion sensor"):
        deploy("m", parse(scoring()), microgen.load_board("giga-r1"), application=made)


def test_a_csv_file_is_read_by_its_names_and_times(tmp_path):
    window = choose_application("motion", OPTIONS).window
    path = tmp_path / "m.csv"
    values = measured()
    plain = read_motion(write(path, values, ""), window)
    assert plain.notes == () and plain.values.shape == (60, 6)
    turned = read_motion(write(path, values[:, ::-1], "gz,gy,gx,AZ,ay,ax"), window)
    assert (turned.values == plain.values).all()
    times = np.arange(60)[:, None] / 20
    assert (
        read_motion(write(path, np.hstack([times, values]), "t,ax,ay,az,gx,gy,gz"), window).values == plain.values
    ).all()
    slower = read_motion(write(path, np.hstack([2 * times, values]), "t,ax,ay,az,gx,gy,gz"), window)
    assert slower.notes == ("resampled: from about 10 to 20 Hz",) and len(slower.values) == 119
    assert np.abs(slower.values[::2] - plain.values).max() <= 1
    assert read_motion(write(path, 10 * values), window).notes[0].startswith("clipped: ")
    assert read_motion(write(path, np.ones((9, 6))), window).notes == ("still: all time steps are equal",)
    for names, hint in (("ax,ay,az,gx,gy", "record gz, too"), ("", "name the columns in the first line")):
        with pytest.raises(InputError) as caught:
            read_motion(write(path, values[:, :5], names), window)
        assert caught.value.hint == hint


@pytest.mark.parametrize(
    "text",
    ["", "ax,ay\n1,2\n", "1,2,3\n", "1,2,3,4,5,6\n1,2\n", "a\nb\n", "1,2,3,4,5,x\n1,2,3,4,5,6\nq\n",
     "1,2,3,4,5,nan\n", "t,ax,ay,az,gx,gy,gz\n1,1,1,1,1,1,1\n0,1,1,1,1,1,1\n"],
)  # fmt: skip
def test_what_is_no_recording_is_refused(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(InputError):
        read_motion(tmp_path / "m.csv", choose_application("motion", OPTIONS).window)
