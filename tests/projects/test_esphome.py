"""The kind "esphome": real streaming models, which ESPHome itself takes, offline."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import microgen
from microgen.errors import InputError
from microgen.projects.esphome.kind import check_streaming, device_name
from microgen.tflite import parse
from tests.applications.test_microphone import scoring
from tests.projects import spdx
from tests.support import models
from tests.support.tools import needs_host, other_program
from tests.verification.test_streaming import wake_words

WORD = 'Hey "Robot" \\ <b>${x}</b> Ü'
HEARING = {"project_kind": "esphome", "application": "microphone"}


@pytest.fixture(scope="module")
def word(tmp_path_factory):
    """A streaming model with a manifest whose word no language likes."""
    path = next((p for p in wake_words() if p.stem == "okay_nabu"), None)
    if path is None:
        pytest.skip("the models of pymicro-wakeword are not installed")
    folder = tmp_path_factory.mktemp("word")
    manifest = json.loads(path.with_suffix(".json").read_text())
    (folder / "okay_nabu.json").write_text(json.dumps({**manifest, "wake_word": WORD}))
    return Path(shutil.copy(path, folder))


@pytest.fixture(scope="module")
def built(word, tmp_path_factory):
    needs_host()
    out = tmp_path_factory.mktemp("esphome") / "p"
    result = microgen.build(word, "xiao-esp32s3", out=out, samples=4, **HEARING)
    assert result.verdict.firmware == "equal"
    return out


def generated(project: Path, tmp_path: Path) -> tuple[int, str]:
    """What ESPHome says where it generates a project's sources; nothing is fetched."""
    esphome = other_program("esphome")
    environment = {**os.environ, "HOME": str(tmp_path / "home")}
    command = [esphome, "compile", "--only-generate", "okay-nabu.yaml"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_esphome_generates_a_firmware_with_the_model(built, word, tmp_path):
    project = Path(shutil.copytree(built, tmp_path / "copied"))
    code, text = generated(project, tmp_path)
    assert code == 0 and "Successfully generated source code" in text, text
    source = (project / ".esphome/build/okay-nabu/src/main.cpp").read_text()
    array = re.search(r"uint8_t \w+\[\] PROGMEM = \{(.+?)\}", source)[1]
    assert bytes(int(number, 16) for number in array.split(", ")) == word.read_bytes()
    # Cutoff of 255, window, word and arena: as the manifest has them.
    micro = json.loads((project / "model.json").read_text())["micro"]
    made, arena = re.search(r', 216, 5, "(.+?)", (\d+), true, false\);', source).groups()
    unescaped = re.sub(r"\\(\d{3})", lambda m: chr(int(m[1], 8)), made)
    assert unescaped.encode("latin-1").decode() == WORD and int(arena) == micro["tensor_arena_size"]
    assert (micro["probability_cutoff"], micro["sliding_window_size"], micro["feature_step_size"]) == (0.85, 5, 10)


def test_esphome_refuses_a_damaged_manifest(built, tmp_path):
    """The check above can fail."""
    project = Path(shutil.copytree(built, tmp_path / "copied"))
    manifest = json.loads((project / "model.json").read_text())
    del manifest["micro"]["tensor_arena_size"]
    (project / "model.json").write_text(json.dumps(manifest))
    code, text = generated(project, tmp_path)
    assert code == 2 and "Invalid manifest file: required key not provided" in text


def test_its_parts_are_esphome_s_own(built):
    document = json.loads((built / "sbom.spdx.json").read_text())
    assert spdx.problems(document) == []
    packages = {p["name"]: p for p in document["packages"]}
    assert packages["ESPHome"]["licenseConcluded"] == "GPL-3.0-only AND MIT"
    assert "versionInfo" not in packages["esp-tflite-micro"] and "files" in document and not document["files"]
    readme = (built / "README.md").read_text()
    assert "verdict | " in readme and "esphome run okay-nabu.yaml" in readme


def test_a_rebuild_keeps_the_configuration_and_finds_an_edited_manifest(built, word, tmp_path):
    project = Path(shutil.copytree(built, tmp_path / "copied"))
    yaml = project / "okay-nabu.yaml"
    yaml.write_text(yaml.read_text() + "wifi:\n")
    assert not microgen.build(word, "xiao-esp32s3", out=project, samples=4, check=True, **HEARING).drift
    (project / "model.json").write_text("{}")
    with pytest.raises(InputError, match=r"model\.json: a generated file that was edited"):
        microgen.build(word, "xiao-esp32s3", out=project, samples=4, **HEARING)


@pytest.mark.parametrize(
    ("board", "options", "message"),
    [
        ("pico", {"application": "microphone"}, "micro_wake_word does not support Raspberry Pi Pico"),
        (
            "esp32",
            {"application": "microphone", "runtime": "compiled"},
            "ESPHome runs models with TensorFlow Lite Micro",
        ),
        ("esp32", {}, "projects of the kind 'esphome' do not support the application 'serial'"),
        ("esp32", {"application": "microphone", "application_options": {"front_end": "keyword"}}, "front_end=keyword"),
        ("esp32", {"application": "microphone", "application_options": {"pcan": "off"}}, "pcan=off: ESPHome has on"),
        ("esp32", {"application": "microphone", "application_options": {"consecutive": "2"}}, "consecutive=2"),
        ("esp32", {"application": "microphone", "application_options": {"step_ms": "40"}}, "step_ms=40"),
    ],
)
def test_what_esphome_does_not_do_is_refused(board, options, message, word, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        microgen.build(word, board, out=tmp_path / "p", project_kind="esphome", **options)
    assert caught.value.hint and not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (models.fully_connected(), r"an input of int8 \[1, frames, 40\], not int8"),
        (scoring(3, 40), r"an output of uint8 \[1, 1\], not int8"),
    ],
)
def test_a_model_that_does_not_stream_is_refused(data, message):
    with pytest.raises(InputError, match=message) as caught:
        check_streaming(parse(data, "m"))
    assert caught.value.data["tensor"]


@pytest.mark.parametrize("path", wake_words(), ids=lambda p: p.stem)
def test_real_streaming_models_are_taken(path):
    check_streaming(microgen.load(path))


@pytest.mark.parametrize(
    ("name", "device"), [("okay_nabu", "okay-nabu"), ("A.b--C", "a-b-c"), ("-", "model"), ("x" * 40, "x" * 31)]
)
def test_a_device_has_a_name_that_esphome_takes(name, device):
    assert device_name(name) == device
