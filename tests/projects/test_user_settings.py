"""What users add to a PlatformIO project: platformio.user.ini, libraries of their own, files beside main.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import microgen
from microgen.errors import InputError
from microgen.projects.platformio.user_settings import check_user_settings
from tests.support import models, pio
from tests.support.tools import needs_host

_ADDED = """\
[env]
lib_deps =
    adafruit/Adafruit NeoPixel@^1.12.0
build_flags = -DPIXELS=8
build_unflags = -Os
lib_ignore = SD
extra_scripts = post:mine.py

[env:nano33ble]
upload_port = /dev/ttyACM7
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("user")
    (folder / "m.tflite").write_bytes(models.fully_connected())
    return microgen.build(folder / "m.tflite", "nano33ble", out=folder / "p", samples=4).project


def config(core: Path, project: Path) -> dict[str, dict[str, list[str]]]:
    done = pio.Pio(core, {})(project, "project", "config", "--json-output")
    assert done.returncode == 0, done.stderr
    return {name: dict(options) for name, options in json.loads(done.stdout)}


def test_what_it_adds_joins_what_the_firmware_needs(core, project, tmp_path):
    settings = project / "platformio.user.ini"
    before = config(core, project)
    kept = settings.read_text()
    settings.write_text(_ADDED)
    try:
        after = config(core, project)
        check_user_settings(project, "nano33ble")
    finally:
        settings.write_text(kept)
    added = {
        "lib_deps": ["adafruit/Adafruit NeoPixel@^1.12.0"],
        "build_flags": ["-DPIXELS=8"],
        "build_unflags": ["-Os"],
        "lib_ignore": ["SD"],
        "extra_scripts": ["post:mine.py"],
    }
    for name, lines in added.items():
        assert after["env:nano33ble"][name] == [*before["env:nano33ble"][name], *lines]
        for elsewhere in ("env:native", "env:emulator"):
            assert after[elsewhere][name] == before[elsewhere][name] if name in before[elsewhere] else True, name
    assert before["env:nano33ble"]["lib_deps"], "the firmware needs a library there"
    assert after["env:nano33ble"]["upload_port"] == after["env:release"]["upload_port"] == "/dev/ttyACM7"
    release = after["env:release"]
    assert release["lib_deps"] == after["env:nano33ble"]["lib_deps"]
    assert release["build_flags"][:3] == after["env:nano33ble"]["build_flags"]
    assert "-DMICROGEN_RELEASE=1" in release["build_flags"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[env:nano33ble]\nlib_deps = me/Mine\n",
            "lib_deps in [env:nano33ble] replaces a setting that the firmware needs: spaz",
        ),
        (
            "[env:nano33ble]\nbuild_flags =\n",
            "build_flags in [env:nano33ble] replaces a setting that the firmware needs: -std",
        ),
        ("lib_deps = me/Mine\n", "PlatformIO cannot read it: File contains no section headers."),
        ("[env]\na = 1\na = 2\n", "PlatformIO cannot read it: While reading"),
    ],
)
def test_what_takes_away_is_refused_before_platformio_runs(text, message, project, tmp_path):
    (tmp_path / "platformio.ini").write_bytes((project / "platformio.ini").read_bytes())
    (tmp_path / "platformio.user.ini").write_text(text)
    with pytest.raises(InputError) as caught:
        check_user_settings(tmp_path, "nano33ble")
    assert message in str(caught.value) and caught.value.path == str(tmp_path / "platformio.user.ini")


def test_a_list_that_repeats_what_is_needed_may_replace_it(project, tmp_path):
    (tmp_path / "platformio.ini").write_bytes((project / "platformio.ini").read_bytes())
    needed = "spaziochirale/Chirale_TensorFLowLite@2.0.0"
    (tmp_path / "platformio.user.ini").write_text(f"[env:nano33ble]\nlib_deps =\n    me/Mine  ; mine\n    {needed}\n")
    check_user_settings(tmp_path, "nano33ble")
    check_user_settings(tmp_path.parent, "nano33ble")  # without the file


def test_a_rebuild_keeps_them_and_compiles_what_lies_beside_main(project):
    own = {
        "platformio.user.ini": _ADDED.encode(),
        "lib/blinker/blinker.h": b"#include <no_such_header_on_a_pc.h>\n",
        "lib/blinker/blinker.cpp": b'#include "blinker.h"\n',
        "src/twice.h": b"#pragma once\nint Twice(int x);\n",
        "src/twice.cpp": b'#include "twice.h"\nint Twice(int x) { return 2 * x; }\n',
    }
    for name, data in own.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_bytes(data)
    main = project / "src/main.cpp"
    text = main.read_text().replace("void setup() {", "void setup() {\n  if (Twice(2) != 4) return;", 1)
    main.write_text(text.replace('#include "session.h"', '#include "session.h"\n#include "twice.h"', 1))
    edited = main.read_bytes()
    result = microgen.build(project / "model.tflite", "nano33ble", out=project, name="m", samples=4)
    assert result.passed
    assert {name: (project / name).read_bytes() for name in own} == own and main.read_bytes() == edited
    (project / "src/twice.cpp").write_text('#include "twice.h"\nint Twice(int) { return nothing; }\n')
    with pytest.raises(InputError, match=r"twice.cpp does not compile on this machine: src/twice.cpp:2:"):
        microgen.build(project / "model.tflite", "nano33ble", out=project, name="m", samples=4)
