"""Other systems than Linux on x86-64, simulated by what they lack: words rather than tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from microgen.errors import SetupError
from microgen.support import system
from tests.support import models

_WINDOWS = "import sys, microgen.cli.main as m; sys.argv = ['microgen', 'boards']; sys.platform = 'win32'; m.main()"
_WINDOWS_PYTHON = "import sys, microgen; sys.platform = 'win32'; microgen.build"


def test_windows_itself_is_told_of_wsl():
    done = subprocess.run([sys.executable, "-c", _WINDOWS], capture_output=True, text=True)
    assert done.returncode == 3 and done.stderr.startswith("error: microgen does not run natively on Windows\n")
    assert "WSL 2" in done.stderr and "Traceback" not in done.stderr
    done = subprocess.run([sys.executable, "-c", _WINDOWS_PYTHON], capture_output=True, text=True)
    assert "SetupError: microgen does not run natively on Windows" in done.stderr


@pytest.mark.parametrize("command", [["build", "m.tflite", "--no-verify"], ["verify", "m.tflite"]])
def test_without_the_wheel_of_tflm_a_command_says_so(command, tmp_path):
    hidden = tmp_path / "hidden/tflite_micro"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError(\"No module named 'tflite_micro'\")\n")
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    path = os.pathsep.join([str(tmp_path / "hidden"), str(Path(__file__).parents[2])])
    done = subprocess.run(
        [sys.executable, "-m", "microgen", *command],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 3 and "the Python package tflite_micro is not installed" in done.stderr
    assert not (tmp_path / "m-esp32").exists()


def test_where_there_is_no_wheel_another_machine_is_named(monkeypatch):
    monkeypatch.setattr(system.sys, "platform", "darwin")
    monkeypatch.setattr(system.platform, "machine", lambda: "arm64")
    error = system.missing_package("tflite_micro")
    assert isinstance(error, SetupError) and "darwin arm64" in error.message and "linux/amd64" in error.hint
