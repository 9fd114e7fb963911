"""The examples, as a user runs them. Those that train a recipe run with it, in tests/recipes."""

from __future__ import annotations

import importlib.util
import re

import pytest

from microgen.recipes import recipe_names
from tests.support import models
from tests.support.examples import EXAMPLES, PRINTS, check, recipe_of, run


def test_every_recipe_has_an_example_and_every_example_is_run():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == {*PRINTS, "own_tflite"}
    assert {recipe_of(p) for p in EXAMPLES.glob("*.py")} - {None} == set(recipe_names())


@pytest.mark.slow
def test_a_model_of_keras_is_trained_built_and_predicts(tmp_path):
    if not importlib.util.find_spec("tensorflow"):
        pytest.skip("TensorFlow is not installed (pip install 'microgen[train]')")
    check("own_keras_model", run(tmp_path, "own_keras_model", "--epochs", "8"))


def test_a_tflite_is_fitted_built_and_run(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    printed = run(tmp_path, "own_tflite", "small.tflite")
    assert re.search(r"^esp32 +fits: flash [\d,]+ of", printed, re.MULTILINE)
    assert "small-pico bit-exact on 100 samples" in printed or "small-pico within-bound" in printed
    assert re.search(r": \[", printed.splitlines()[-1])
