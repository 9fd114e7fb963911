"""A wake word of your own: what is spoken, how it is measured, and a small one up to the emulated board."""

from __future__ import annotations

import importlib.util
import json
import shutil

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.recipes import Recordings, load_recipe
from microgen.tflite import parse
from microgen.training import listening
from microgen.training.train import _with_parameters
from tests.recipes import on_device
from tests.support import examples

PHRASE = "hey robot"


@pytest.mark.parametrize(
    "phrase", ["", "ok", "hey r0bot", "-v en", "a" * 41, "hey  robot!", "one two three four five six seven"]
)
def test_a_phrase_that_cannot_be_learned_is_refused(phrase):
    with pytest.raises(InputError) as caught:
        load_recipe("wakeword", phrase)
    assert caught.value.option == "phrase"


def test_a_phrase_names_what_is_heard():
    made = load_recipe("wakeword", "Grüß  dich")
    assert made.labels == ("grüß dich", "other") and made.named == {"recipe": "wakeword", "phrase": "grüß dich"}
    assert made.model.__self__.window > 60 and load_recipe("sine").named == {"recipe": "sine"}
    for option in ({"phrase": PHRASE}, {"quick": True}):
        with pytest.raises(InputError, match="has no phrase") as caught:
            load_recipe("keyword", **option)
        assert caught.value.option in option
    with pytest.raises(InputError, match="only a recipe uses it"):
        microgen.build(phrase=PHRASE)
    near = made.model.__self__.near
    assert made.labels[0] not in near and {"dich", "grüß", "dich grüß"} < set(near) and len(near) > 50
    assert len(load_recipe("wakeword", "computer").model.__self__.near) > 30


def test_detections_are_those_of_the_firmware():
    scores = np.array([1, 0, 1, 1, 1, 1, 0, 1, 1, 1], np.float64)
    assert listening.detections(scores, 2, 0.9, 0) == [3, 4, 5, 8, 9]
    assert listening.detections(scores, 2, 0.9, 3) == [3, 8]
    assert listening.detections(scores, 3, 0.6, 0) == [2, 3, 4, 5, 6, 7, 8, 9]
    assert listening.detections(np.ones(4), 5, 0.5, 0) == []


def test_what_is_heard_is_counted():
    frames = np.zeros((6000 * 60, 1), np.float32)
    recordings = Recordings(frames, ((100, 200), (1000, 1100)), ((5000, 5100),), 10)
    found = listening.heard([150, 190, 1250, 5050, 20000, 30000], recordings)
    assert (found["words"], found["missed"], found["near phrases"], found["taken for it"]) == (2, 1, 1, 1)
    # 1250 is more than a second after its word.
    assert found["false accepts"] == 3 and found["false accepts per hour"] == pytest.approx(3, abs=0.01)
    assert found["at most, 95 % sure"] == pytest.approx(7.75, abs=0.02)
    assert listening.heard([], recordings)["at most, 95 % sure"] == pytest.approx(3, abs=0.01)


def test_the_cutoff_is_that_of_the_fewest_errors():
    def heard(missed: int, taken: int, false: int) -> dict[str, float]:
        return {"missed": missed, "taken for it": taken, "false accepts": false}

    found = {0.5: heard(0, 9, 1), 0.8: heard(2, 3, 0), 0.9: heard(4, 1, 0), 0.95: heard(9, 0, 0)}
    assert listening.best_cutoff(found) == 0.9, "the higher one of two that are as good"
    recipe = load_recipe("wakeword")
    options = _with_parameters(recipe, {"cutoff": 0.925, "missed": 7.0})["microphone"]
    assert options == {**recipe.applications["microphone"], "cutoff": "0.925"}


@pytest.mark.slow
def test_a_quick_one_is_trained_by_its_example_and_heard_on_an_emulated_board(tmp_path):
    if importlib.util.find_spec("tensorflow") is None or shutil.which("espeak-ng") is None:
        pytest.skip("TensorFlow or espeak-ng is not installed")
    examples.check("wake_word", examples.run(tmp_path, "wake_word", "--phrase", PHRASE, "--quick"))
    made = tmp_path / "wakeword"
    record = json.loads((made / "training.json").read_text())
    model = parse((made / "wakeword.tflite").read_bytes(), "wakeword", "wakeword")
    assert record["scores"]["tflm"] > 0.85 and model.is_stateful
    assert model.inputs[0].shape == (1, 3, 1, 40)
    cutoff = f"{record['parameters']['cutoff']:.6g}"
    assert record["applications"]["microphone"]["cutoff"] == cutoff
    assert record["phrase"] == PHRASE and record["parameters"]["words"] == 8 and record["parameters"]["missed"] <= 6
    on_device.hears(made, load_recipe("wakeword", PHRASE, quick=True), (PHRASE,), 0.7, missed=1, mistaken=1)
