"""Flashing and the monitor: PlatformIO as our tool, ports, and what goes wrong there."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

import microgen
from microgen.cli.main import main
from microgen.errors import InputError, MicrogenError, SetupError
from microgen.projects.platformio import tool as platformio
from microgen.workflows import doctor, flash
from tests.support import models, pio

# ---- PlatformIO as a program of its own


def test_platformio_needs_no_python_of_ours(small, stand_in, capsys):
    """PlatformIO as a program of its own, and a platform that says sizes."""
    assert run_main(["build", str(small), "--board", "pico", "--out", "p", "--samples", "4", "--compile"]) == 0
    shown = re.sub(r" +", " ", capsys.readouterr().out)
    assert "compiled flash 31,568 of 2,093,056 bytes, RAM 10,296 of 262,144" in shown
    assert run_main(["build", str(small), "--board", "pico", "--out", "p", "--no-verify", "--compile", "--json"]) == 0
    sizes = {"flash_bytes": 31568, "flash_limit": 2093056, "ram_bytes": 10296, "ram_limit": 262144}
    assert json.loads(capsys.readouterr().out)["compiled"] == sizes
    assert run_main(["flash", "p", "--port", "rfc2217://127.0.0.1:4000"]) == 0
    assert "flashed; `microgen monitor p` shows the board's serial output" in capsys.readouterr().out
    assert stand_in.read_text().splitlines()[1:] == [
        "run -d p -e pico",
        "run -d p -e pico -t upload --upload-port rfc2217://127.0.0.1:4000",
    ]
    found = next(f for f in doctor.examine() if f.name == "PlatformIO")
    assert found.is_present and found.detail.endswith("/pio")


def test_an_interrupted_compilation_ends_platformio(small, stand_in, monkeypatch):
    out = microgen.build(small, "pico", out="p", samples=4, verify=False).project
    monkeypatch.setenv("PIO_DOES", "echo $$; exec sleep 60")

    def interrupt(line):
        interrupt.process = int(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flash.compile_project(out, on_line=interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(interrupt.process, 0)


def test_the_monitor_ends_when_it_is_interrupted(small, stand_in, monkeypatch):
    out = microgen.build(small, "pico", out="p", samples=4, verify=False).project

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", interrupted)
    assert flash.monitor(out, port="rfc2217://127.0.0.1:4000") == 0


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    return tmp_path / "m.tflite"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A program `pio` that notes how it is called, does what $PIO_DOES says, and prints sizes as PlatformIO does."""
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *r: None if name == "platformio" else find(name, *r))
    program, calls = tmp_path / "bin/pio", tmp_path / "calls"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {calls}\n'
        'eval "$PIO_DOES"\n'
        "echo 'RAM:   [          ]   3.9% (used 10296 bytes from 262144 bytes)'\n"
        "echo 'Flash: [          ]   1.5% (used 31568 bytes from 2093056 bytes)'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return calls


def run_main(arguments):
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(sys, "argv", ["microgen", *arguments])
        main()
    return left.value.code


# ---- flash and monitor


@pytest.fixture
def unbuilt(tmp_path, core, monkeypatch):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    for key, value in pio.environment(core).items():
        monkeypatch.setenv(key, value)
    return microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=4, verify=False).project


def test_a_package_that_cannot_be_downloaded(unbuilt):
    with pytest.raises(SetupError, match="could not download a package") as caught:
        flash.flash(unbuilt)
    assert caught.value.exit_code == 3 and "internet" in caught.value.hint


def test_a_port_that_is_not_there(unbuilt):
    with pytest.raises(SetupError, match="port /dev/ttyNOSUCH0 does not exist"):
        flash.flash(unbuilt, port="/dev/ttyNOSUCH0")
    with pytest.raises(SetupError, match="port /dev/ttyNOSUCH0 does not exist"):
        flash.monitor(unbuilt, port="/dev/ttyNOSUCH0")


def test_a_port_that_this_user_may_not_open(unbuilt):
    error = platformio.translate("could not open port /dev/ttyUSB0: [Errno 13] Permission denied: '/dev/ttyUSB0'", "")
    assert error.message == "no permission to open the port /dev/ttyUSB0" and "udev" in error.hint
    assert isinstance(error, SetupError)


def test_a_port_that_is_in_use(unbuilt):
    import fcntl

    board, port = pty.openpty()
    try:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(SetupError, match=f"the port {os.ttyname(port)} is in use"):
            flash.flash(unbuilt, port=os.ttyname(port))
    finally:
        os.close(board)
        os.close(port)


def test_a_pseudo_terminal_passes_for_a_port_and_platformio_goes_on(unbuilt):
    board, port = pty.openpty()
    try:
        with pytest.raises(SetupError, match="could not download a package"):
            flash.flash(unbuilt, port=os.ttyname(port))
    finally:
        os.close(board)
        os.close(port)


def test_the_command_line_says_so_with_exit_code_3(unbuilt):
    for command in (["flash", unbuilt], ["flash", unbuilt, "--port", "/dev/ttyNOSUCH0"]):
        done = subprocess.run([sys.executable, "-m", "microgen", *command], capture_output=True, text=True)
        assert done.returncode == 3
        assert "Traceback" not in done.stderr and "\nhint: " in done.stderr


@pytest.mark.parametrize(
    ("ports", "says"),
    [
        ([], "no board found: no USB serial port exists"),
        (["/dev/ttyACM1", "/dev/ttyACM0"], "several serial ports: /dev/ttyACM0, /dev/ttyACM1"),
        (["/dev/ttyNOSUCH0"], "port /dev/ttyNOSUCH0 does not exist"),
    ],
)
def test_the_monitor_takes_the_only_board_that_is_plugged_in(unbuilt, monkeypatch, ports, says):
    from serial.tools import list_ports, list_ports_common

    found = [list_ports_common.ListPortInfo(name) for name in ["/dev/ttyS0", *ports]]
    for port in found[1:]:
        port.vid = 0x2E8A  # a serial port of the machine's own has none
    monkeypatch.setattr(list_ports, "comports", lambda: found)
    with pytest.raises(SetupError, match=says):
        flash.monitor(unbuilt)


@pytest.mark.parametrize("command", [["flash", "--port", "/dev/ttyUSB0"], ["monitor", "--port", "COM3"], ["monitor"]])
def test_a_platformio_elsewhere_brings_no_pyserial_here(unbuilt, monkeypatch, capsys, command):
    """PlatformIO is on PATH, as pipx installs it; neither it nor pyserial is in this Python."""
    find = importlib.util.find_spec
    missing = ("platformio", "serial")
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name in missing else find(name, *rest))
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setitem(sys.modules, "serial", None)
    monkeypatch.setattr("sys.argv", ["microgen", command[0], str(unbuilt), *command[1:]])
    with pytest.raises(SystemExit) as left:
        main()
    message, hint = capsys.readouterr().err.splitlines()
    assert left.value.code == 3 and "pyserial is not installed" in message and "microgen[flash]" in hint


def test_a_manifest_without_a_board_is_refused(unbuilt):
    manifest = unbuilt / "microgen.json"
    manifest.write_text(manifest.read_text().replace('"board": "esp32"', '"bored": 1'))
    with pytest.raises(InputError, match="has no 'board'"):
        flash.flash(unbuilt)


def test_monitor_shows_what_a_board_says(unbuilt):
    """The monitor on a terminal of its own, the board a pseudo terminal."""
    board, port = pty.openpty()
    keyboard, screen = pty.openpty()
    command = [sys.executable, "-m", "microgen", "monitor", str(unbuilt), "--port", os.ttyname(port)]
    process = subprocess.Popen(command, stdin=screen, stdout=screen, stderr=screen, start_new_session=True)
    try:
        read_until(keyboard, b"Quit")
        os.write(board, b"hello from the board\r\n")
        read_until(keyboard, b"hello from the board")
        # Ctrl+C ends it once the board has said something more.
        for _ in range(100):
            os.write(keyboard, b"\x03")
            os.write(board, b".")
            time.sleep(0.1)
            if process.poll() is not None:
                break
        assert process.poll() == 0
    finally:
        process.kill()
        for fd in (board, port, keyboard, screen):
            os.close(fd)


def read_until(terminal, wanted):
    seen = b""
    while wanted not in seen:
        assert select.select([terminal], [], [], 30)[0], f"{wanted!r} did not come, but {seen!r}"
        seen += os.read(terminal, 1024)


# ---- what PlatformIO and the uploaders say


@pytest.mark.parametrize(
    ("log", "kind", "message"),
    [
        (
            "Error: The program size (1400000 bytes) is greater than maximum allowed (1310720 bytes)\n",
            InputError,
            "the program is too large: 1400000 bytes, 89280 more than the board's 1310720",
        ),
        (
            "ld: region `dram0_0_seg' overflowed by 1234 bytes\n",
            InputError,
            "the program is too large: memory dram0_0_seg overflows by 1234 bytes",
        ),
        (
            "A fatal error occurred: Could not open /dev/ttyUSB0, the port is busy or doesn't exist.",
            SetupError,
            "the port /dev/ttyUSB0 is in use",
        ),
        (
            "Error: Please specify `upload_port` for environment or use global `--upload-port` option.",
            SetupError,
            "no board found",
        ),
        (
            "A fatal error occurred: Failed to connect to ESP32: Wrong boot mode detected (0x13)!",
            SetupError,
            "the board does not answer: it is not in boot mode",
        ),
        (
            "No accessible RP-series devices in BOOTSEL mode were found.",
            SetupError,
            "the board does not answer: it is not in boot mode",
        ),
        ("Error: open failed\n", SetupError, "the board's debugger does not answer"),
        (
            "fatal: unable to access 'https://github.com/x/y.git/': Could not resolve host: github.com",
            SetupError,
            "PlatformIO could not download a package that this project needs",
        ),
        ("first\nSome Error: odd\nlast\n", SetupError, "PlatformIO failed: Some Error: odd"),
        ("", SetupError, "PlatformIO failed: it printed nothing"),
    ],
)
def test_errors_are_translated(log, kind, message):
    error = platformio.translate(log, "hold BOOT")
    assert type(error) is kind and error.message == message and isinstance(error, MicrogenError)
    if "boot mode" in message or "no board" in message:
        assert "hold BOOT" in error.hint


def test_no_platformio(unbuilt, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SetupError, match="PlatformIO is not installed"):
        flash.flash(unbuilt)
