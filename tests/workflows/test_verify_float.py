"""`verify --data --float`: the float model's accuracy beside the quantized one's, and the samples that changed."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.report.accuracy import changed_line
from microgen.report.projects import verdict_lines
from tests.support import models
from tests.support.command_line import run


def classifier(dtype: str, weights: np.ndarray) -> bytes:
    """A dense layer of 4 to 3, in float32 or in int8 with coarse weights."""
    b = models.ModelBuilder()
    if dtype == "float32":
        x, y = b.tensor("x", [1, 4], "float32", ()), b.tensor("y", [1, 3], "float32", ())
        w = b.tensor("w", [3, 4], "float32", (), values=weights)
    else:
        x, y = b.tensor("x", [1, 4], scale=1 / 64), b.tensor("y", [1, 3], scale=1 / 16)
        w = b.tensor("w", [3, 4], scale=0.25, values=np.rint(weights / 0.25))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], models.schema.FullyConnectedOptionsT())
    return b.build([x], [y])


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(2)
    weights = rng.normal(0, 0.4, (3, 4))
    samples = rng.uniform(-1.9, 1.9, (80, 4)).astype(np.float32)
    labels = (samples @ weights.T).argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 3
    for name, dtype in (("q", "int8"), ("f", "float32")):
        (tmp_path / f"{name}.tflite").write_bytes(classifier(dtype, weights))
    np.savez(tmp_path / "d.npz", x=samples, labels=labels)
    return tmp_path, weights, samples, labels


def test_both_accuracies_both_matrices_and_what_changed(files):
    folder, weights, samples, labels = files
    verdict = microgen.verify(
        folder / "q.tflite", samples=4, data=folder / "d.npz", float_model=folder / "f.tflite", labels=["a", "b", "c"]
    )
    accuracy, twin = verdict.accuracy, verdict.accuracy["float"]
    exact = (samples @ weights.T.astype(np.float32)).argmax(axis=1)
    assert twin["accuracy"] == (exact == labels).mean() == 75 / 80
    assert np.trace(twin["confusion"]) == 75 and np.trace(accuracy["confusion"]) == round(80 * accuracy["accuracy"])
    assert 0 < twin["changed"] < 40, "weights of a quarter's steps answer some samples otherwise"
    for sample in twin["changed_samples"]:
        assert sample["float"] == exact[sample["sample"]] != sample["quantized"]
        assert sample["label"] == labels[sample["sample"]]
    assert round(80 * (twin["accuracy"] - accuracy["accuracy"])) == twin["lost"] - twin["gained"]
    lines = dict(verdict_lines(verdict))
    assert lines["accuracy"].startswith("0.9375 in float, ") and lines["changed"] == changed_line(twin)


def test_the_command_prints_them(files):
    folder = files[0]
    (folder / "l.txt").write_text("left\nright\nup\n")
    arguments = ["verify", str(folder / "q.tflite"), "--samples", "4", "--data", str(folder / "d.npz")]
    arguments += ["--float", str(folder / "f.tflite"), "--labels", str(folder / "l.txt")]
    shown = run(*arguments, cwd=folder)
    assert shown.returncode == 0, shown.stderr
    for words in (" float ", " int8 ", "rows: the label", "changed sample", "right only in float", "left"):
        assert words in shown.stdout


def test_integers_are_taken_in_the_models_units(files):
    folder, _, samples, labels = files
    np.savez(folder / "i.npz", x=np.rint(samples * 64).clip(-128, 127).astype(np.int8), labels=labels)
    verdict = microgen.verify(folder / "q.tflite", samples=4, data=folder / "i.npz", float_model=folder / "f.tflite")
    assert verdict.accuracy["float"]["accuracy"] > 0.85


@pytest.mark.parametrize(
    ("name", "says"),
    [("q.tflite", "is already quantized"), ("other.tflite", "a different model"), ("no.keras", "no such")],
)
def test_another_model_is_refused(name, says, files):
    folder = files[0]
    (folder / "other.tflite").write_bytes(models.in_float32(models.fully_connected()))
    with pytest.raises(InputError, match=says):
        microgen.verify(folder / "q.tflite", samples=4, data=folder / "d.npz", float_model=folder / name)


def test_without_data_there_is_nothing_to_compare(files):
    with pytest.raises(InputError) as caught:
        microgen.verify(files[0] / "q.tflite", samples=4, float_model=files[0] / "f.tflite")
    assert caught.value.option == "float_model"
