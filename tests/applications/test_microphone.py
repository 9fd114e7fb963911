"""The application microphone: how a model is to be heard with, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.applications import APPLICATIONS, choose_application
from microgen.boards import list_boards
from microgen.deployment import deploy
from microgen.deployment.fit import memory_fit
from microgen.errors import InputError
from microgen.preprocessing.scaling import to_input
from microgen.recipes import load_recipe
from microgen.support import resources
from microgen.tflite import parse
from tests.support import models
from tests.support.projects import project_files

MANIFEST = {
    "type": "micro",
    "wake_word": 'Hey "Robot"??/',
    "version": 2,
    "micro": {"probability_cutoff": 0.9, "feature_step_size": 10, "sliding_window_size": 7},
}


def scoring(frames: int = 5, elements: int = 10, scale: float = 1 / 256, zero_point: int = -128) -> bytes:
    """A model that takes frames of numbers, and whose scores are their means."""
    axis = ([1], "int32", np.array([1]))
    outputs = [([1, elements], "int8", scale, zero_point)]
    return models.layer("MEAN", [([1, frames, elements], "int8"), axis], outputs, "Reducer")


def chosen(**options: str):
    return choose_application("microphone", options)


def test_its_options_are_recorded_whole_and_read_back():
    made = chosen(front_end="mfcc", cutoff="0.75", average="4", ignore="unknown, silence", noise_reduction="on")
    assert made.options["sample_rate"] == "16000" and made.options["high_hz"] == "4000"
    assert made.detection.ignored == ("unknown", "silence") and made.features.front.noise_reduction
    assert APPLICATIONS.get("microphone").with_options(made.options) == made


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutof": "0.5"}, "has no option 'cutof'"),
        ({"cutoff": "1"}, "cutoff=1.0: invalid value"),
        ({"cutoff": "much"}, "cutoff=much: invalid value"),
        ({"average": "0"}, "average=0: invalid value"),
        ({"average": "2.5"}, "average=2.5: invalid value"),
        ({"pcan": "yes"}, "pcan=yes: invalid value"),
        ({"front_end": "ears"}, "front_end=ears: no such"),
        ({"front_end": "keyword", "high_hz": "9000"}, "high_hz=9000.0"),
        ({"front_end": "keyword", "coefficients": "41"}, "coefficients=41"),
        ({"unit": "0"}, "unit: not above 0"),
        ({"front_end": "keyword", "first_offset": "-9"}, "first_offset=-9.0: invalid value"),
        ({"front_end": "decibels", "coefficients": "9"}, "spectrogram=on, coefficients=9: exclude"),
        ({"front_end": "decibels", "mel": "bark"}, "mel=bark: not supported"),
        ({"front_end": "decibels", "threshold": "-1"}, "threshold=-1.0: invalid value"),
        ({"front_end": "decibels", "threshold": "high"}, "threshold=high: invalid value"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        chosen(**options)


def test_a_manifest_beside_the_model_says_how_to_listen(tmp_path):
    model = tmp_path / "hey.tflite"
    beside = tmp_path / "hey.json"
    assert choose_application("microphone", model=model).front_end == ""
    beside.write_text(json.dumps(MANIFEST))
    made = choose_application("microphone", {"cutoff": "0.5"}, model=model)
    assert (made.front_end, made.detection.average, made.detection.cutoff) == ("microwakeword", 7, 0.5)
    assert made.detection.label == 'Hey "Robot"??/'
    assert b'kLabel[] = "Hey \\042Robot\\042\\077\\077/";' in made.sources()["sensing_config.h"]
    first = {**MANIFEST, "version": 1, "micro": {"probability_cutoff": 0.5, "sliding_window_average_size": 10}}
    beside.write_text(json.dumps(first))
    made = choose_application("microphone", model=model)
    assert (made.features.front.step_ms, made.detection.average) == (20, 10)
    assert choose_application("serial", model=model).options == {}
    beside.write_text('{"type": "other"}')
    assert choose_application("microphone", model=model).front_end == ""
    for damaged in ("{", json.dumps({**MANIFEST, "micro": {}}), json.dumps({**MANIFEST, "wake_word": 7})):
        beside.write_text(damaged)
        with pytest.raises(InputError) as caught:
            choose_application("microphone", model=model)
        assert Path(caught.value.path) == beside


def test_the_recipe_keyword_says_how_it_is_heard():
    usual = load_recipe("keyword").applications
    made = choose_application("microphone", {"average": "5"}, usual=usual)
    assert made.front == microgen.LogMel(step_ms=20, noise_reduction=False, pcan=False)
    assert made.detection.ignored == ("unknown", "silence") and made.detection.average == 5
    assert choose_application("serial", usual=usual).options == {}


def test_models_and_boards_that_it_cannot_work_with_are_refused():
    board = microgen.load_board("nano33ble")
    mfcc = chosen(front_end="mfcc")
    assert deploy("m", parse(scoring()), board, application=mfcc).sensor.kind == "microphone"
    for data, application, message in (
        (scoring(), chosen(), "its audio features are unknown"),
        (scoring(elements=40), mfcc, "does not consist of frames of 10"),
        (scoring(scale=0.1, zero_point=0), mfcc, "but scores range from 0 to 1"),
        (scoring(), chosen(front_end="mfcc", threshold="9"), "with which no input of .* can be compared"),
        (models.two_by_two(width=10), mfcc, "needs one input"),
        (models.float_edges(), mfcc, "needs one input"),
    ):
        with pytest.raises(InputError, match=message):
            deploy("m", parse(data), board, application=application)
    with pytest.raises(InputError, match="has no microphone sensor") as caught:
        deploy("m", parse(scoring()), microgen.load_board("nucleo-f446re"), application=mfcc)
    assert "nano33ble" in caught.value.hint


def test_its_memory_counts_and_its_driver_is_in_the_project():
    board = microgen.load_board("nano33ble")
    model = parse(scoring())
    usual, more, most = (
        memory_fit(deploy("m", model, board, application=a)).ram.bytes
        for a in (None, chosen(front_end="mfcc"), chosen(front_end="mfcc", queue_ms="1250"))
    )
    assert usual + 8000 < more < usual + 20000 and most == more + 32000
    parts = memory_fit(deploy("m", model, board, application=chosen(front_end="mfcc"))).flash.parts
    assert 10_000 < sum(part.bytes for part in parts if part.name == "application") < 14_000
    files = project_files(deploy("m", model, board, application=chosen(front_end="mfcc")))
    assert b"PDM.begin" in files["lib/platform/pdm.cc"] and "lib/application/mfcc.c" in files
    assert not any("pdm.cc" in name for name in project_files(deploy("m", model, board)))


def test_labels_to_be_ignored_are_the_models():
    board = microgen.load_board("nano33ble")
    application = chosen(front_end="mfcc", ignore="class3,silence")
    labels = [f"class{k}" for k in range(10)]
    with pytest.raises(InputError, match="has no label 'class3'") as caught:
        deploy("m", parse(scoring()), board, application=application)
    assert caught.value.option == "application_options"
    with pytest.raises(InputError, match="has no label 'silence'"):
        deploy("m", parse(scoring()), board, application=application, labels=labels)
    labels[4] = "silence"
    assert deploy("m", parse(scoring()), board, application=application, labels=labels).labels[4] == "silence"


def test_every_sensor_of_a_board_has_its_driver():
    drivers = {p.name for p in (resources.path("firmware") / "platform/arduino/sensors").iterdir()}
    named = {(b.name, s.driver) for b in list_boards() for s in b.sensors}
    assert named and {driver for _, driver in named} <= drivers


def test_numbers_are_scaled_as_their_quotient_rounded():
    numbers = np.arange(-3000, 3000)
    for dtype, zero_point, unit, scale in (
        ("int8", -128, 25.6, 0.10196079),
        ("uint8", 7, 1, 3.7),
        ("int16", 0, 64, 1e-3),
    ):
        found = to_input(numbers, unit, scale, zero_point, dtype)
        limits = np.iinfo(dtype)
        wanted = np.clip(numbers / unit / np.float64(np.float32(scale)) + zero_point, limits.min, limits.max)
        assert found.dtype == dtype and (np.abs(found - wanted) <= 0.501).all()
