"""The examples, as a user runs them: as scripts, in a clean folder, with few epochs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from microgen.recipes import recipe_names
from tests.support import models
from tests.support.tools import needs, needs_host
from tests.support.torch_tools import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
# What each says in the end, with a training that is enough for it.
TRAINED = {
    "sine": (20, r"sin\(1\.40\) =  0\.98, the firmware says  (0\.[89]|1\.0)"),
    "digits": (1, r"a 0; the firmware reads 0 \([01]\.\d\d\)"),
    "digits_torch": (1, r"a 0; the firmware reads 0 \([01]\.\d\d\)"),
    "keyword_spotting": (2, r"the firmware hears '\w+' \([01]\.\d\d\)"),
    "gesture": (6, r"Running: the firmware says Running, in \d+ us here"),
    "anomaly": (3, r"(?s)normal: error 0\.\d+, fine.*faulty: error \d+\.\d+, ALARM"),
    "wake_word": (10, r"(?s)false accepts an hour: .*\d times in \d\.\d s"),
    "text": (6, r"'turn on the lights': lights_on \([01]\.\d\d\)"),
    "own_keras_model": (8, r"accuracy of the firmware: 0\.[89]\d+"),
}


def run(cwd: Path, name: str, *arguments: str) -> str:
    needs_host()
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", *arguments], cwd=cwd, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_recipe_has_an_example_and_every_example_is_run():
    assert {p.stem for p in EXAMPLES.glob("*.py")} == {*TRAINED, "own_tflite"}
    trained = {re.search(r'microgen.train\("([\w-]+)"', p.read_text()) for p in EXAMPLES.glob("*.py")}
    assert {found[1] for found in trained if found} == set(recipe_names())


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_an_example_trains_builds_and_predicts(name, tmp_path):
    if not importlib.util.find_spec("tensorflow"):
        pytest.skip("TensorFlow is not installed (pip install 'microgen[train]')")
    if name == "digits_torch":
        torch()
    if name in ("keyword_spotting", "wake_word"):
        needs("espeak-ng", "espeak-ng")
    epochs, says = TRAINED[name]
    printed = run(tmp_path, name, "--epochs", str(epochs), *(["--quick"] if name == "wake_word" else []))
    assert re.search(says, printed), printed
    assert re.search(r"(bit-exact|within-bound) on 100 samples", printed), printed


def test_a_tflite_is_fitted_built_and_run(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    printed = run(tmp_path, "own_tflite", "small.tflite")
    assert re.search(r"^esp32 +fits: flash [\d,]+ of", printed, re.MULTILINE)
    assert "small-pico bit-exact on 100 samples" in printed or "small-pico within-bound" in printed
    assert re.search(r": \[", printed.splitlines()[-1])
