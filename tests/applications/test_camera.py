"""The application camera: images through the firmware."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image as Picture

import microgen
from microgen.applications import APPLICATIONS, choose_application
from microgen.datasets.shots import read_shots
from microgen.deployment import deploy
from microgen.errors import InputError
from microgen.preprocessing.image import to_rgb565
from microgen.support import resources
from microgen.tflite import parse
from tests.support import models
from tests.support.serial_board import SerialBoard
from tests.support.tools import needs_host
from tests.support.traces import assert_same

OPTIONS = {
    "source_width": "96", "source_height": "96", "width": "12", "height": "10", "channels": "3", "cutoff": "0.55",
    "low": "-1", "refractory_ms": "0",
}  # fmt: skip


def scoring(height: int = 10, width: int = 12, channels: int = 3) -> bytes:
    """A model that takes an image of -1 to 1, and whose scores are what it has of each colour."""
    axes = ([2], "int32", np.array([1, 2]))
    edges = [([1, height, width, channels], "int8"), axes]
    return models.layer("MEAN", edges, [([1, channels], "int8", 1 / 256, -128)], "Reducer")


def colour(folder, name, rgb, size=(96, 96)):
    pixels = np.zeros((size[1], size[0], 3), np.uint8) + np.array(rgb, np.uint8)
    pixels[::3, ::5] //= 2
    Picture.fromarray(pixels).save(folder / name)
    return pixels


def test_the_firmware_sees_what_python_computes(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(scoring())
    labels = ["red", "green", "blue"]
    project = microgen.build(
        tmp_path / "m.tflite", "esp32cam", out=tmp_path / "p", samples=4, verify=False, runtime="compiled",
        application="camera", application_options=OPTIONS, labels=labels,
    ).project  # fmt: skip
    assert b"-DCAMERA_D7=35" in (project / "platformio.ini").read_bytes()
    shots = tmp_path / "shots"
    shots.mkdir()
    seen = [colour(shots, f"{k}.png", rgb) for k, rgb in enumerate(((30, 250, 0), (250, 9, 70), (20, 20, 20)))]
    result = microgen.simulate_input(project, shots)
    image = choose_application("camera", OPTIONS).image
    (tensor,) = microgen.load(project / "model.tflite").inputs
    expected = np.stack([image.pixels(to_rgb565(s)) for s in seen]) / 127.5 - 1
    quantized = np.clip(np.round(expected / tensor.scale) + tensor.zero_point, -128, 127)
    assert result.frames.shape == (30, 36) and len(result.trace.score_positions) == 3
    assert np.abs(result.frames.reshape(expected.shape) - quantized).max() <= 1
    assert [(d.label, (d.position - 1) // 96) for d in result.trace.detected] == [("green", 0), ("red", 1)]
    assert microgen.selftest(project).passed
    with SerialBoard(project) as board:
        assert_same(microgen.simulate_input(project, shots, on=board.port), result)
    page = tmp_path / "r.html"
    microgen.write_simulation(page, result)
    assert b'class="wave"' not in page.read_bytes()


def test_its_options_are_recorded_whole_and_read_back():
    made = choose_application("camera", OPTIONS)
    assert APPLICATIONS.get("camera").with_options(made.options) == made
    for wrong in ({"width": "0"}, {"channels": "2"}, {"low": "1"}, {"images_per_s": "0"}, {"format": "grey"}):
        with pytest.raises(InputError):
            choose_application("camera", wrong)


def test_models_and_boards_that_it_cannot_work_with_are_refused():
    made = choose_application("camera", OPTIONS)
    with pytest.raises(InputError, match="not an image of 12 x 10 pixels and 3 channels") as caught:
        deploy("m", parse(scoring(14, 10)), microgen.load_board("esp32cam"), application=made)
    assert "width=10, height=14, channels=3" in caught.value.hint
    small = choose_application("camera", {**OPTIONS, "source_width": "100"})
    with pytest.raises(InputError, match="source_width=100, source_height=96") as caught:
        deploy("m", parse(scoring()), microgen.load_board("esp32cam"), application=small)
    assert "96x96, 160x120" in caught.value.hint
    with pytest.raises(InputError, match="has no camera sensor"):
        deploy("m", parse(scoring()), microgen.load_board("pico"), application=made)


def test_the_boards_list_the_images_that_their_driver_gives():
    source = (resources.path("firmware") / "platform/arduino/sensors/esp_camera.cc").read_text()
    given = {(int(width), int(height)) for width, height in re.findall(r"\{(\d+), (\d+), FRAMESIZE_", source)}
    cameras = [s for b in microgen.list_boards() for s in b.sensors if s.driver == "esp_camera.cc"]
    assert len(given) == 5 and cameras and all(set(camera.image_sizes) == given for camera in cameras)


def test_images_are_read_as_a_camera_gives_them(tmp_path):
    image = choose_application("camera", OPTIONS).image
    pixels = colour(tmp_path, "a.png", (200, 100, 50))
    read = read_shots(tmp_path / "a.png", image, 5)
    assert read.values.shape == (96, 97) and read.rate_hz == 480 and read.is_polled and read.notes == ()
    assert read.values[:, 0].tolist() == list(range(96))
    assert (read.values[:, 1:].view(np.uint16) == to_rgb565(pixels)).all()
    colour(tmp_path, "b.png", (1, 2, 3), (100, 50))
    read = read_shots(tmp_path, image, 5)
    assert len(read.values) == 192 and read.notes == ("resized: from 100 x 50 to 96 x 96 pixels",)
    (tmp_path / "none").mkdir()
    (tmp_path / "c.png").write_bytes(b"no image")
    for wrong in (tmp_path / "none", tmp_path / "c.png", tmp_path / "missing.png"):
        with pytest.raises(InputError):
            read_shots(wrong, image, 5)
