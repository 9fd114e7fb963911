"""What an application with a sensor takes while it listens: counted on an emulated CPU, or estimated."""

from __future__ import annotations

import dataclasses
import re

import microgen
from microgen.applications import choose_application
from microgen.deployment import deploy
from microgen.report.models import inspect_lines
from microgen.support import resources
from microgen.tflite import parse
from microgen.workflows.count import count_application, count_inference
from tests.applications.test_camera import OPTIONS as CAMERA
from tests.applications.test_camera import scoring as camera_model
from tests.support.tools import needs_cpu


def test_a_project_is_inspected_with_its_application(listening):
    needs_cpu("cortex-m4f")
    found = microgen.inspect(listening)
    counts = found.application
    assert counts is not None and counts.application == "microphone" and not counts.uncounted
    # Every 40 ms, and a front end of 50 frames a second without noise reduction: half of what 100 with it take.
    assert counts.inferences == 25 and 1_200_000 < counts.instructions < 3_000_000
    assert 0.02 < counts.load < 0.15 and counts.estimate_error_percent
    names = [part.name for part in counts.parts]
    assert names == ["preprocessing", "queue", "frames", "detection"]
    assert counts.parts[1].ram_bytes == 2 * 4001 and counts.parts[0].flash_bytes > 5000
    ram = {part.name: part.bytes for part in found.fit.ram.parts}
    assert ram["application"] == sum(part.ram_bytes for part in counts.parts)
    lines = dict(inspect_lines(found))
    assert lines["application"].startswith("microphone: preprocessing ") and "bytes of RAM" in lines["application"]
    assert (
        "25 inferences per second: busy " in lines["listening"]
        and found.to_json()["application"]["load"] == counts.load
    )
    assert counts.lost == 0 and "lost" not in lines
    short = dataclasses.replace(counts, lost=0.125)
    shown = dict(inspect_lines(dataclasses.replace(found, application=short)))["lost"]
    assert shown == "12 % of the sensor's values: one inference takes longer than the queue lasts"
    # Within the factor that the estimate promises.
    estimated = count_application(found.deployment, None)
    assert counts.instructions / 3 < estimated.instructions < 3 * counts.instructions


def test_a_camera_s_images_are_counted_on_a_cpu_that_can_be_emulated(tmp_path):
    """No board with a camera can be: this is another board, which is said to have one."""
    needs_cpu("cortex-m4f")
    text = (resources.path("boards") / "nano33ble.toml").read_text().replace('name = "nano33ble"', 'name = "mine"')
    sensor = {"kind": "camera", "title": "a camera", "driver": "esp_camera.cc", "source": "https://x.org"}
    written = "\n".join(["", "[[sensors]]", *(f'{key} = "{value}"' for key, value in sensor.items())])
    (tmp_path / "mine.toml").write_text(re.sub(r"(?m)^aliases = .*\n", "", text) + written)
    application = choose_application("camera", {**CAMERA, "source_width": "40", "source_height": "30"})
    board = microgen.load_board(str(tmp_path / "mine.toml"))
    deployment = deploy("m", parse(camera_model()), board, application=application, runtime="compiled")
    counts = count_application(deployment, count_inference(deployment))
    estimated = count_application(deployment, None)
    assert counts.inferences == application.shots.images_per_s and 0 < counts.load < 0.1
    assert counts.instructions / 2 < estimated.instructions < 2 * counts.instructions


def test_where_a_cpu_cannot_be_emulated_it_is_an_estimate_and_says_so():
    application = choose_application("camera", CAMERA)
    deployment = deploy("m", parse(camera_model()), microgen.load_board("esp32cam"), application=application)
    counts = count_application(deployment, None)
    assert (
        counts.load is None
        and counts.uncounted
        and counts.instructions == sum(part.instructions for part in counts.parts)
    )
    recording = application.trial(deployment.model)
    assert recording.is_polled and recording.values.shape == (288, 97) and recording.values[97, 0] == 1
    serial = deploy("m", parse(camera_model()), microgen.load_board("pico"))
    assert count_application(serial, None) is None
