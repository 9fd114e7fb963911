"""`verify --data`: accuracy and confusion matrix of samples whose classes are known."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.report.projects import verdict_lines
from microgen.tflite import load
from microgen.verification import EngineRun, quantize_samples
from tests.support import models
from tests.support.tools import needs_host


def test_labeled_data_gives_accuracy_and_confusion_matrix(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.fully_connected())
    data = np.random.default_rng(0).integers(-128, 128, (30, 8)).astype(np.int8)
    with EngineRun(load(path), (data.reshape(30, 1, 8),)) as running:
        answers = running.result().reference.outputs[0].reshape(30, -1).argmax(axis=1)
    labels = answers.copy()
    labels[:3] = (labels[:3] + 1) % 4
    np.savez(tmp_path / "d.npz", x=data, labels=labels)
    verdict = microgen.verify(path, samples=4, data=tmp_path / "d.npz")
    microgen.write_report(tmp_path / "r.html", microgen.inspect(path), verdict)
    assert ("accuracy", "0.9000 in TFLM, on 30 labeled samples") in verdict_lines(verdict)
    page = (tmp_path / "r.html").read_text()
    assert "<b>90.00 %</b> of 30 labeled samples" in page and "Confusion matrix" in page
    # A CSV has real values, as they were in training: x has the scale 0.05 and the zero point -5.
    real, head = np.column_stack([(data + 5.0) * 0.05, labels]), ",".join("abcdefgh")
    np.savetxt(tmp_path / "d.csv", real, "%g", ",", header=f"{head},label", comments="")
    assert microgen.verify(path, samples=4, data=tmp_path / "d.csv").accuracy == verdict.accuracy
    np.savetxt(tmp_path / "d.csv", real[:, :8], "%g", ",", header=head, comments="")
    with pytest.raises(InputError, match="has no class for each sample"):
        microgen.verify(path, samples=4, data=tmp_path / "d.csv")
    np.savez(tmp_path / "d.npz", x=data, labels=labels + 9)
    with pytest.raises(InputError, match=r"has classes 9 to 12, output .* for the classes 0 to 3"):
        microgen.verify(path, samples=4, data=tmp_path / "d.npz")


@pytest.mark.parametrize("labels", [None, ["alarm"]])
def test_a_single_output_tells_two_classes_apart(labels, tmp_path):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 1], scale=0.05), b.tensor("y", [1, 1], scale=1 / 256, zero_point=-128)
    b.op("LOGISTIC", [x], [y])
    (tmp_path / "m.tflite").write_bytes(b.build([x], [y]))
    data = np.linspace(-5, 5, 40, dtype=np.float32)[:, None]
    classes = (data[:, 0] > 0).astype(int)
    classes[:4] = 1  # four of 40 are wrong
    np.savez(tmp_path / "d.npz", x=data, labels=classes)
    path = tmp_path / "m.tflite"
    if labels:
        needs_host()
        path = microgen.build(path, out=tmp_path / "p", labels=labels, samples=4, verify=False).project
    verdict = microgen.verify(path, samples=4, data=tmp_path / "d.npz")
    microgen.write_report(tmp_path / "r.html", microgen.inspect(path), verdict)
    assert verdict.accuracy["accuracy"] == verdict.accuracy["litert_accuracy"] == 0.9
    assert (
        verdict.accuracy["confusion"] == [[16, 0], [4, 20]] and "Confusion matrix" in (tmp_path / "r.html").read_text()
    )
    np.savez(tmp_path / "d.npz", x=data, labels=classes + 1)
    with pytest.raises(InputError, match=r"has classes 1 to 2, output .* 1 element, for the classes 0 to 1"):
        microgen.verify(path, samples=4, data=tmp_path / "d.npz")


def test_names_of_classes_are_matched_with_the_labels(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    model = load(tmp_path / "m.tflite")
    labels = ["stop", "go", "left", "right"]  # not in the order of the alphabet
    (tmp_path / "labels.txt").write_text("\n".join(labels))
    real = np.random.default_rng(0).uniform(-6, 6, (30, 8)).astype(np.float32)
    with EngineRun(model, quantize_samples(model, [real])) as running:
        answers = running.result().reference.outputs[0].reshape(30, -1).argmax(axis=1)
    assert len(set(answers)) == 4

    def written(names):
        rows = [",".join([*map(repr, map(float, row)), names[k]]) for row, k in zip(real, answers, strict=True)]
        (tmp_path / "d.csv").write_text("\n".join([",".join("abcdefgh") + ",label", *rows]))
        return tmp_path / "d.csv"

    data = written(labels)
    project = microgen.build(tmp_path / "m.tflite", out=tmp_path / "p", labels=labels, verify=False).project
    for path, options in ((project, {}), (tmp_path / "m.tflite", {"labels": tmp_path / "labels.txt"})):
        verdict = microgen.verify(path, samples=4, data=data, **options)
        assert verdict.accuracy["accuracy"] == 1 and not verdict.warnings
        assert np.array_equal(np.diag(np.diag(verdict.accuracy["confusion"])), verdict.accuracy["confusion"])
    # Without labels the order is a guess, and a warning says so.
    verdict = microgen.verify(tmp_path / "m.tflite", samples=4, data=data)
    assert verdict.accuracy["accuracy"] < 1 and "alphabetical order (0 = go, 1 = left" in verdict.warnings[0]
    with pytest.raises(InputError, match="3 labels for the 4 elements"):
        microgen.verify(tmp_path / "m.tflite", samples=4, data=data, labels=labels[:3])
    # Other names give no accuracy.
    verdict = microgen.verify(project, samples=4, data=written(["halt", *labels[1:]]))
    assert verdict.accuracy is None and "the labels are stop, go, left, right" in verdict.warnings[0]
    assert ("warning", verdict.warnings[0]) in verdict_lines(verdict) and verdict.passed


def test_one_hot_labels_are_classes(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    data = np.random.default_rng(0).integers(-128, 128, (12, 8)).astype(np.int8)
    found = []
    for labels in (np.arange(12) % 4, np.eye(4)[np.arange(12) % 4]):
        np.savez(tmp_path / "d.npz", x=data, labels=labels)
        found.append(microgen.verify(tmp_path / "m.tflite", samples=4, data=tmp_path / "d.npz").accuracy)
    assert found[0] == found[1] and np.sum(found[0]["confusion"], axis=1).tolist() == [3] * 4
