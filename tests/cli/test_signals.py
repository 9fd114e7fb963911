"""Signals that end a command: it cleans up as after Ctrl-C, and says by its exit code what ended it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import models
from tests.support.tools import needs_host

# A build that says when its engines and its firmware are at work, and then takes its time.
_SLOW = """
import sys, time
def slow(project, work):
    print("at work", flush=True)
    for _ in range(600):  # a signal that comes right before a sleep does not end it
        time.sleep(0.1)
from microgen.devices import connection
connection.compile_firmware = slow
from microgen.cli.main import main
sys.argv = ["microgen", "build", "m.tflite", "--board", "pico", "--out", "p"]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_that_is_ended_leaves_nothing_behind(tmp_path, number):
    needs_host()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    process = subprocess.Popen(
        [sys.executable, "-c", _SLOW],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: [signal.signal(n, signal.SIG_DFL) for n in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)],
    )
    assert process.stdout.readline() == "at work\n"
    assert list((tmp_path / "tmp").iterdir())
    process.send_signal(number)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 128 + number
    assert said == "error: interrupted\nhint: nothing was left half-written\n"
    assert not list((tmp_path / "tmp").iterdir()) and sorted(p.name for p in tmp_path.iterdir()) == ["m.tflite", "tmp"]


def test_a_hangup_that_is_ignored_stays_ignored(tmp_path):
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "from microgen.cli.main import _heed_signals; received = _heed_signals();"
        "os.kill(os.getpid(), signal.SIGHUP); print(received)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
