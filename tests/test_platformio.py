"""PlatformIO Core itself reads what was generated. Offline: nothing is installed, the boards' compilers are not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import microgen
from microgen.boards import board_names, load_board

from . import models


@pytest.mark.parametrize("board", board_names())
def test_platformio_accepts_the_ini(board, tmp_path):
    pytest.importorskip("platformio", reason="PlatformIO is not installed")
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    out = microgen.build(tmp_path / "m.tflite", board, out=tmp_path / "p", samples=4, verify=False).project
    done = subprocess.run(
        [sys.executable, "-m", "platformio", "project", "config", "--json-output"],
        cwd=out,
        capture_output=True,
        text=True,
        env={**os.environ, "PLATFORMIO_CORE_DIR": str(tmp_path / "core"), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"},
    )
    assert done.returncode == 0, done.stderr
    sections = {name: dict(options) for name, options in json.loads(done.stdout)}
    expected, found = load_board(board), sections[f"env:{board}"]
    assert sections["platformio"]["default_envs"] == [board]
    assert found["platform"] == expected.platformio.platform and found["board"] == expected.platformio.board
    assert found.get("lib_deps", []) == list(expected.lib_deps)
    for key, value in expected.platformio.options.items():
        assert str(found[key]) == str(value)
    root = json.dumps(sections)
    assert "${" not in root, "every interpolation must resolve"
    for flag in expected.platformio.build_flags:
        assert flag in json.dumps(found["build_flags"])
