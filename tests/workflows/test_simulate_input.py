"""Recordings through the firmware of a project: it hears what Python computes, and the words that espeak-ng says."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen.errors import InputError, SetupError
from microgen.preprocessing.scaling import to_input
from microgen.report.simulation import simulation_lines
from tests.applications.test_microphone import scoring
from tests.datasets.test_recording import sine, write
from tests.support import models
from tests.support.audio import signals
from tests.support.speech import conversation
from tests.support.tools import needs, needs_host
from tests.verification.test_streaming import wake_words

VOICES = ("en-us", "en-gb+f2", "en-029+m3")
OTHER = "the weather is nice today and we go out"


def test_the_firmware_hears_what_python_computes(listening, tmp_path):
    project = listening
    samples = signals(16000)["speech"]
    result = microgen.simulate_input(project, write(tmp_path / "a.wav", samples))
    front = microgen.Mfcc(microgen.LogMel(step_ms=20, low_hz=20, high_hz=4000, noise_reduction=False, pcan=False), 10)
    (tensor,) = microgen.load(project / "model.tflite").inputs
    numbers = front.frames(samples).astype(np.int32)
    numbers[:, 0] -= 93 * 64
    expected = to_input(numbers, 64, tensor.scale, tensor.zero_point, tensor.dtype)
    assert (result.frames == expected).all() and len(expected) == 49
    # Five frames first, then every second one: a frame is complete each 20 ms, the first after 30.
    assert result.trace.score_positions.tolist() == [480 + 320 * k for k in range(4, 49, 2)]
    averaged = (result.trace.scores[1:] + result.trace.scores[:-1]) / 2
    assert result.trace.means[1:] == pytest.approx(averaged, abs=1e-4)
    assert result.trace.lost == 0 and result.load is None and result.printed[0] == "listening"
    document = result.to_json()
    assert document["seconds"] == 1 and len(document["scores"]["mean"]) == 23 and json.dumps(document)
    page = tmp_path / "r.html"
    microgen.write_simulation(page, result)
    first = page.read_bytes()
    microgen.write_simulation(page, microgen.simulate_input(project, tmp_path / "a.wav"))
    assert page.read_bytes() == first and first.count(b"<svg") == 1 and b"data:image/png" in first


def test_the_self_test_holds_what_becomes_of_known_samples_against_python(listening, tmp_path):
    project = shutil.copytree(listening, tmp_path / "p")
    assert microgen.selftest(project).passed
    config = project / "lib/application/sensing_config.h"
    config.write_text(config.read_text().replace("kUnit = 64.0", "kUnit = 65.0"))
    failed = microgen.selftest(project)
    assert not failed.passed and failed.fault.startswith("the sensor's values lead to a different input: step 0 byte ")


def test_what_the_queue_has_no_room_for_is_time_that_passed(listening, tmp_path):
    """Of 256 values that come at once, it has room for 160."""
    project = shutil.copytree(listening, tmp_path / "p")
    config = project / "lib/application/sensing_config.h"
    config.write_text(re.sub(r"(kQueuedMoments) = \d+", r"\1 = 160", config.read_text()))
    result = microgen.simulate_input(project, write(tmp_path / "a.wav", signals(16000)["speech"]))
    read = result.trace.frame_positions[-1]
    assert 0.3 < result.trace.lost / 16000 < 0.6 and read + result.trace.lost < 16000
    assert read / 16000 < 0.7 and 0.9 < result.to_json()["scores"]["time_s"][-1] <= result.seconds(read) <= 1
    assert dict(simulation_lines(result))["lost"].endswith("%: the model is slower than the sensor")
    sufficient = replace(result, trace=replace(result.trace, busy_us=900_000))
    assert dict(simulation_lines(sufficient))["lost"].endswith("%: one inference takes longer than the queue lasts")


def test_an_autoencoder_s_error_becomes_a_score(tmp_path):
    """Of two frames of eight levels that a RELU gives back: the error is that of the negative ones."""
    needs_host()
    builder = models.ModelBuilder()
    fed, read = (builder.tensor(name, [1, 16], "int8", scale, 20) for name, scale in (("x", 0.7), ("y", 0.35)))
    builder.op("RELU", [fed], [read])
    (tmp_path / "m.tflite").write_bytes(builder.build([fed], [read]))
    options = {"front_end": "decibels", "channels": "8", "threshold": "400", "stride_ms": "64", "label": "fault"}
    project = microgen.build(
        tmp_path / "m.tflite", "nano33ble", out=tmp_path / "p", verify=False, application="microphone",
        application_options={**options, "average": "1", "refractory_ms": "0"}, runtime="compiled", samples=4,
    ).project  # fmt: skip
    samples = signals(16000)["bursts"]
    result = microgen.simulate_input(project, write(tmp_path / "a.wav", samples))
    front = microgen.LogMel(16000, 64, 32, 8, 0, 8000, noise_reduction=False, pcan=False, mel="slaney")
    expected = to_input(microgen.Spectrogram(front).frames(samples), 7.3683, 0.7, 20, "int8")
    assert (result.frames == expected).all()
    windows = (expected[: 2 * (len(expected) // 2)].reshape(-1, 16).astype(float) - 20) * 0.7
    errors = (np.minimum(windows, 0) ** 2).mean(axis=1)
    assert result.labels == ("fault",) and errors.min() < 400 < errors.max()
    np.testing.assert_allclose(result.trace.scores[:, 0], errors / (errors + 400), atol=2e-3)
    wanted = errors > 400  # the cutoff is a half, where no other is given
    assert len(result.trace.detected) == wanted.sum() and {d.label for d in result.trace.detected} == {"fault"}
    assert microgen.selftest(project).passed


def test_what_cannot_be_simulated_is_refused(listening, tmp_path):
    project = shutil.copytree(listening, tmp_path / "p")
    with pytest.raises(InputError, match="less than a frame of 30 ms"):
        microgen.simulate_input(project, write(tmp_path / "a.wav", np.zeros(100)))
    main = project / "src/main.cpp"
    main.write_text(main.read_text().replace("void loop() {", "void loop() {\n  __builtin_trap();"))
    with pytest.raises(microgen.EngineError, match="before the recording did"):
        microgen.simulate_input(project, write(tmp_path / "a.wav", sine(440, 16000)))


def test_an_application_without_a_sensor_takes_no_recording(tmp_path):
    (tmp_path / "m.tflite").write_bytes(scoring())
    out = microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", verify=False).project
    with pytest.raises(InputError, match="'serial' has no sensor"):
        microgen.simulate_input(out, tmp_path / "a.wav")


def hears(project: Path, voice: str, tmp_path: Path, on: str = "host") -> microgen.Simulation:
    path = tmp_path / "a.wav"
    _, end = conversation(voice, [OTHER, "okay nabu"], path)
    result = microgen.simulate_input(project, path, on=on)
    (found,) = result.trace.detected
    assert found.label == "Okay Nabu" and found.score > 0.85
    assert end - 0.3 < result.seconds(found.position) < end + 0.7
    assert result.trace.lost == 0 and "detected Okay Nabu" in result.printed[-1]
    assert microgen.selftest(project, on).passed
    return result


def listener(tmp_path: Path, runtime: str) -> Path:
    needs_host()
    needs("espeak-ng", "espeak-ng")
    path = next((p for p in wake_words() if p.stem == "okay_nabu"), None)
    if path is None:
        pytest.skip("the models of pymicro-wakeword are not installed")
    return microgen.build(
        path, "nano33ble", out=tmp_path / runtime, verify=False, samples=16, application="microphone", runtime=runtime
    ).project


def test_okay_nabu_is_heard_at_the_right_second(tmp_path):
    hears(listener(tmp_path, "tflm"), VOICES[0], tmp_path)


@pytest.mark.slow
def test_okay_nabu_is_heard_in_three_voices_by_both_runtimes_and_an_emulated_cpu(tmp_path):
    projects = {runtime: listener(tmp_path, runtime) for runtime in ("tflm", "compiled")}
    for voice in VOICES:
        first, second = (hears(projects[runtime], voice, tmp_path) for runtime in projects)
        assert (first.trace.means == second.trace.means).all() and (first.frames == second.frames).all()
        try:
            emulated = hears(projects["compiled"], voice, tmp_path, on="emulator")
        except SetupError as error:
            pytest.skip(error.message)
        assert (emulated.frames == second.frames).all() and (emulated.trace.means == second.trace.means).all()
        assert 0.1 < emulated.load < 0.6
    # What takes longer than the queue lasts is lost there, and told.
    main = projects["compiled"] / "src/main.cpp"
    main.write_text(main.read_text().replace("  Light(true);", "  platform_delay_ms(400);\n  Light(true);"))
    path = tmp_path / "a.wav"
    conversation(VOICES[0], [OTHER, "okay nabu"], path)
    slow = microgen.simulate_input(projects["compiled"], path, on="emulator")
    assert 1600 <= slow.trace.lost <= 3200 and slow.printed[-1].startswith("lost ")
    assert dict(simulation_lines(slow))["lost"].startswith(f"{slow.trace.lost:,} values")
