"""Recipes on data of a user's own: how it is read, parted, scaled and refused, and a training from CSV to firmware."""

from __future__ import annotations

import importlib.util
import json
import wave
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.applications import choose_application
from microgen.datasets.recording import read_sound
from microgen.errors import InputError
from microgen.preprocessing.window import Window
from microgen.recipes import OwnData, anomaly, digits, gesture, keyword, text
from microgen.recipes._own import Run, hold_out, hold_out_runs, read_moments
from tests.support.tools import needs_host

_AXES = "ax,ay,az,gx,gy,gz"


def write_moves(path: Path, *, gravity: float = 1.0, steps: int = 60, repeats: int = 6, times: bool = True) -> Path:
    """Shaking, which swings x, and rest, one after the other."""
    rng = np.random.default_rng(5)
    lines = [f"{'t,' if times else ''}{_AXES},label"]
    at = 0
    for repeat in range(repeats):
        for label in ("shake", "rest"):
            for k in range(steps):
                swing = np.sin(k * 0.9 + repeat) if label == "shake" else 0.0
                values = [gravity * (swing + rng.normal(0, 0.02)), 0.01 * k, gravity, 90 * swing, rng.normal(), 3.0]
                cells = [f"{v:.5f}" for v in values]
                lines.append(",".join([*([f"{at / 25:.3f}"] if times else []), *cells, label]))
                at += 1
    path.write_text("\n".join(lines) + "\n")
    return path


def test_no_time_step_is_in_both_parts_and_the_seed_draws_the_runs():
    runs = [Run(np.arange(100 * k, 100 * k + 40)[:, None], "ab"[k % 2]) for k in range(12)]
    train, test = hold_out_runs(runs, 10, 3)
    assert len(test) == 2 and len(train) == 10 and {run.label for run in test} == {"a", "b"}
    assert hold_out_runs(runs, 10, 3)[1][0].values[0] == test[0].values[0]
    assert any(hold_out_runs(runs, 10, seed)[1][0].values[0] != test[0].values[0] for seed in range(4, 9))
    train, test = hold_out_runs(runs[:4], 10, 3)  # two of each: the end of every one
    assert all(len(run.values) == 30 for run in train) and all(len(run.values) == 10 for run in test)
    assert not {int(v) for run in train for v in run.values.ravel()} & {int(v) for r in test for v in r.values.ravel()}


def test_a_fifth_of_each_class_is_held_out():
    labels = np.repeat([0, 1, 2], [50, 10, 5])
    train, test = hold_out(labels, 1)
    assert sorted([*train, *test]) == list(range(65))
    assert np.bincount(labels[test]).tolist() == [10, 2, 1]
    with pytest.raises(InputError, match="a class has 2 samples"):
        hold_out(np.array([0] * 20 + [1] * 2), 1)


def test_gestures_are_windows_as_the_application_makes_them(tmp_path):
    own = gesture.own(OwnData(write_moves(tmp_path / "m.csv"), window=20, stride=10), 0)
    motion = own.applications["motion"]
    said = {name: motion[name] for name in ("rate_hz", "length", "acceleration", "rotation")}
    assert said == {"rate_hz": "25", "length": "20", "acceleration": "g", "rotation": "deg/s"}
    offset, scale = (tuple(float(v) for v in motion[name].split(",")) for name in ("offset", "scale"))
    window = Window(25, 20, 10, "g", "deg/s", offset=offset, scale=scale)
    table = read_moments(OwnData(tmp_path / "m.csv"))
    _, test = hold_out_runs(table.runs, 20, 0)
    expected = np.concatenate([window.windows(window.to_counts(run.values)) for run in test]) / 1024
    assert np.array_equal(own.data.test_x, expected.astype(np.float32))
    assert own.labels == ("rest", "shake") and own.data.test_y.tolist() == [0] * 5 + [1] * 5
    assert own.data.train_x.shape == (800, 20, 6) and np.bincount(own.data.train_y).tolist() == [400, 400]
    assert len(set(scale[:3])) == len(set(scale[3:])) == 1, "one scale a sensor"
    assert 0.5 < own.data.train_x[..., 3].std() < 3


def test_units_follow_gravity_or_are_said(tmp_path):
    path = write_moves(tmp_path / "m.csv", gravity=9.81)
    assert gesture.own(OwnData(path, window=20), 0).applications["motion"]["acceleration"] == "m/s2"
    with pytest.raises(InputError, match=r"gravity is about 1e\+03") as caught:
        gesture.own(OwnData(write_moves(tmp_path / "k.csv", gravity=1000), window=20), 0)
    assert caught.value.option == "units"
    with pytest.raises(InputError, match="above 8 g"):
        gesture.own(OwnData(path, window=20, units="g,deg/s"), 0)
    untimed = write_moves(tmp_path / "u.csv", times=False)
    assert gesture.own(OwnData(untimed, window=20, rate_hz=80), 0).applications["motion"]["rate_hz"] == "80"


def test_other_columns_are_scaled_each_and_say_so(tmp_path):
    for label in ("on", "off"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for k in range(5):
            rng = np.random.default_rng(k)
            rows = [f"{rng.normal(500, 20):.3f},{rng.normal(0, 0.01) + (label == 'on'):.4f}" for _ in range(30)]
            (tmp_path / "d" / label / f"{k}.csv").write_text("light,current\n" + "\n".join(rows))
    own = gesture.own(OwnData(tmp_path / "d", window=10), 0)
    assert own.labels == ("off", "on") and not own.applications
    assert [entry["column"] for entry in own.record["scaling"]] == ["light", "current"]
    assert np.abs(own.data.test_x.std(axis=(0, 1)) - 1).max() < 0.3, "both columns have the same weight"
    with pytest.raises(InputError) as caught:
        gesture.own(OwnData(tmp_path / "d", window=10, units="g"), 0)
    assert caught.value.option == "units"


@pytest.mark.parametrize("labeled", [False, True])
def test_anomalies_are_labeled_or_injected(labeled, tmp_path):
    rng = np.random.default_rng(0)
    lines = ["pressure,flow,label" if labeled else "pressure,flow"]
    for k in range(1500):
        faulty = labeled and k % 500 >= 440
        row = f"{50 * faulty + 100 + 10 * np.sin(k / 5) + rng.normal():.3f},{np.cos(k / 5) + rng.normal(0, 0.1):.3f}"
        lines.append(f"{row},{'leak' if faulty else 'normal'}" if labeled else row)
    (tmp_path / "p.csv").write_text("\n".join(lines))
    own = anomaly.own(OwnData(tmp_path / "p.csv", window=16, stride=4), 0)
    data = own.data
    assert data.train_x.shape[1:] == (32,) and abs(float(data.train_x.mean())) < 0.2
    for x, y in ((data.valid_x, data.valid_y), (data.test_x, data.test_y)):
        assert set(y.tolist()) == {0, 1} and len(x) == len(y)
        assert np.abs(x[y == 1]).max(axis=1).mean() > np.abs(x[y == 0]).max(axis=1).mean() + 0.5
    assert ("injected" in own.held_out) != labeled


def test_anomalies_of_sounds_are_levels_as_the_application_computes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly, "_DRAWN", 30)
    rng = np.random.default_rng(0)
    for name, count, loud in (("Normal", 5, 300), ("worn", 2, 9000)):
        (tmp_path / name).mkdir()
        for k in range(count):
            with wave.open(str(tmp_path / f"{name}/{k}.wav"), "wb") as out:
                out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
                out.writeframes((loud * rng.normal(0, 1, 5120 + 512 * k)).clip(-32768, 32767).astype("<i2").tobytes())
    own = anomaly.own(OwnData(tmp_path), 0)
    data = own.data
    assert data.train_x.shape[1] == 200 and len(data.train_x) >= 30
    for x, y in ((data.valid_x, data.valid_y), (data.test_x, data.test_y)):
        # Of normal files one, of the others one, each of ten frames or of some more.
        assert set(y.tolist()) == {0, 1} and len(x) <= 6
        assert x[y == 1].mean() - x[y == 0].mean() == pytest.approx(20 * np.log10(30), abs=1.5)
    application = choose_application("microphone", own.applications["microphone"])
    (loudest,) = (p for p in (tmp_path / "worn").iterdir() if p.name == "1.wav")
    frames = application.front.frames(read_sound(loudest, 16000).values[:, 0])[:5] / application.features.unit
    assert any(np.allclose(frames.reshape(-1), stack) for x in (data.valid_x, data.test_x) for stack in x)
    (tmp_path / "worn/0.wav").unlink()
    with pytest.raises(InputError, match="5 normal files and 1 with faults"):
        anomaly.own(OwnData(tmp_path), 0)


def test_digits_and_keyword_take_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(keyword, "_DRAWN", 30)
    monkeypatch.setattr(digits, "_DRAWN", 30)
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    for number, label in enumerate(("low", "high")):
        (tmp_path / "i" / label).mkdir(parents=True)
        (tmp_path / "w" / label).mkdir(parents=True)
        for k in range(5):
            image.fromarray(np.full((40, 30), 100 * number + k, np.uint8)).save(tmp_path / f"i/{label}/{k}.png")
            with wave.open(str(tmp_path / f"w/{label}/{k}.wav"), "wb") as out:
                out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
                tone = 12000 * np.sin(np.arange(9000) * (0.1 + 0.3 * number))
                out.writeframes(tone.astype("<i2").tobytes())
    own = digits.own(OwnData(tmp_path / "i"), 0)
    assert own.labels == ("high", "low") and own.data.test_x.shape == (2, 28, 28, 1)
    assert own.data.test_x[0].max() == pytest.approx(1 * 100 / 255, abs=0.03) and own.data.test_x[1].max() < 0.03
    heard = keyword.own(OwnData(tmp_path / "w"), 0)
    assert heard.data.test_x.shape == (2, 49, 40, 1) and len(heard.data.train_x) == 32
    assert heard.applications["microphone"] == {"front_end": "keyword", "average": "4", "ignore": ""}
    with pytest.raises(InputError) as caught:
        keyword.own(OwnData(tmp_path / "w", sample_rate=8000), 0)
    assert caught.value.option == "sample_rate"
    with pytest.raises(InputError, match=r"has no \.wav files"):
        keyword.own(OwnData(tmp_path / "i"), 0)


def test_text_takes_a_csv(tmp_path):
    rows = [f"{verb} the {what},{label}" for verb, label in (("open", "up"), ("shut", "down")) for what in "abcdef"]
    (tmp_path / "t.csv").write_text("text,label\n" + "\n".join(rows))
    own = text.own(OwnData(tmp_path / "t.csv"), 0)
    assert own.labels == ("down", "up") and own.data.test_x.shape == (2, 256)
    (tmp_path / "t.csv").write_text("text,number,label\na,1,b\n")
    with pytest.raises(InputError, match="has the columns text, number, label") as caught:
        text.own(OwnData(tmp_path / "t.csv"), 0)
    assert caught.value.hint == "give two: text,label"


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("1,2,3\n4,5,6\n", {}, "the first line does not name the columns"),
        ("a,label\n", {}, "has no samples"),
        ("a,b\n1,2\n", {}, "has no column of labels (it has a, b)"),
        ("a,label\n1,x\n2\n", {}, "line 3 has 1 values, the heading has 2"),
        ("a,label\n1,x\nnan,x\n", {}, "line 3 has 'nan', which is not a finite number"),
        ("label\nx\n", {}, "has no columns of values"),
        ("a,label\n1,x\n", {"label": "kind"}, "has no such column"),
        ("t,a,label\n0,1,x\n0,1,y\n", {}, "its times do not increase"),
        ("t,a,label\n0,1,x\n20,1,y\n", {}, "its times are 20 s apart"),
        ("a,label\n" + "1,x\n2,x\n" * 9, {}, "has only one label: 'x'"),
        ("a,label\n" + "1,x\n2,x\n" * 9 + "1,y\n", {"window": 4}, "'y' has no run of 8 time steps"),
        ("a,label\n" + "1,x\n" * 9 + "1,y\n" * 9, {"window": 4}, "column 'a' has only one value"),
        ("a,label\n1,x\n", {"window": 1}, "not 2 to 1024 time steps"),
        ("a,label\n1,x\n", {"window": 4, "stride": 5}, "not from 1 to the length of a window"),
    ],
)
def test_what_is_wrong_is_said(content, options, says, tmp_path):
    (tmp_path / "d.csv").write_text(content)
    with pytest.raises(InputError) as caught:
        gesture.own(OwnData(tmp_path / "d.csv", **options), 0)
    assert says in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("recipe", "options", "option", "says"),
    [
        ("sine", {"data": "d.csv"}, "data", "does not support your own data"),
        ("gesture", {"data": "no.csv"}, "data", "no such file or folder"),
        ("gesture", {"window": 50}, "window", "only applies to your own data"),
    ],
)
def test_what_a_training_refuses(recipe, options, option, says):
    with pytest.raises(InputError, match=says) as caught:
        microgen.train(recipe, **options)
    assert caught.value.option == option


@pytest.mark.slow
def test_a_csv_becomes_a_firmware_that_feels_as_it_was_trained(tmp_path, monkeypatch):
    """Own moves to gesture.tflite, its application set by what the training recorded, and a recording streamed in."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed (pip install 'microgen[train]')")
    needs_host()
    monkeypatch.chdir(tmp_path)
    moves = write_moves(tmp_path / "moves.csv", steps=100)
    trained = microgen.train("gesture", moves, out="g", window=25, epochs=6)
    assert trained.tflm_score >= 0.9 and trained.recipe.labels == ("rest", "shake")
    record = json.loads(Path("g/training.json").read_text())
    assert record["data"] == "moves.csv" and record["bound"] is None
    assert Path("g/labels.txt").read_text() == "rest\nshake\n"
    built = microgen.build(
        "g/gesture.tflite", "nano33ble", out="p", labels="g/labels.txt", calibration="g/calibration.npy",
        application="motion", samples=4,
    )  # fmt: skip
    manifest = json.loads(Path("p/microgen.json").read_text())
    assert manifest["application_options"]["length"] == "25" and manifest["application_options"]["rate_hz"] == "25"
    assert built.passed
    heard = microgen.simulate_input("p", moves)
    assert {d.label for d in heard.trace.detected} == {"rest", "shake"}
    with pytest.raises(InputError, match=r"was trained on moves\.csv"):
        microgen.compress("g/gesture.keras", "prune:0.5", recipe="gesture")
