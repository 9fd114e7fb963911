"""Drives PlatformIO in a generated project: compile, flash, monitor; its errors come back as ours."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from ... import defaults
from ...devices.serial_port import require_pyserial
from ...errors import InputError, MicrogenError, SetupError, command, one_line, option
from ..folder import Project
from ..kind import Compiled
from ..port import only_port
from ..running import interact, run
from .user_settings import check_user_settings

_UDEV = "https://docs.platformio.org/en/latest/core/installation/udev-rules.html"
_SIZES = re.compile(r"^(RAM|Flash):.*used (\d+) bytes from (\d+) bytes", re.MULTILINE)


@dataclass(frozen=True)
class _Symptom:
    """A line of PlatformIO's or an uploader's output, and what we say about it."""

    pattern: re.Pattern[str]
    error: type[MicrogenError]
    message: str
    hint: str


def _symptom(pattern: str, error: type[MicrogenError], message: str, hint: str) -> _Symptom:
    return _Symptom(re.compile(pattern, re.IGNORECASE), error, message, hint)


_SMALLER = f"use a smaller model, or a board with more memory ({command('build_all', 'MODEL')} compares them)"
# In this order: what is more telling comes first. {0}, {1} are the pattern's groups, {upload} is what the board's file
# says a person has to do.
_SYMPTOMS = (
    _symptom(
        r"The (program|data) size \((\d+) bytes\) is greater than maximum allowed \((\d+) bytes\)",
        InputError,
        "the {0} is too large: {1} bytes, {over} more than the board's {2}",
        _SMALLER,
    ),
    _symptom(
        r"region [`'\"]?(\S+?)['\"]? overflowed by (\d+) bytes",
        InputError,
        "the program is too large: memory {0} overflows by {1} bytes",
        _SMALLER,
    ),
    _symptom(
        r"(?:permission denied|access is denied)[^\n]*?((?:/dev/|COM)\w[\w/.-]*)"
        r"|((?:/dev/|COM)\w[\w/.-]*)[^\n]*(?:permission denied|access is denied)",
        SetupError,
        "no permission to open the port {0}",
        f"sudo usermod -a -G dialout $USER, then log in again; udev rules: {_UDEV}",
    ),
    _symptom(
        r"(?:busy|could not exclusively lock port)[^\n]*?((?:/dev/|COM)\w[\w/.-]*)"
        r"|((?:/dev/|COM)\w[\w/.-]*)[^\n]*(?:busy|could not exclusively lock)",
        SetupError,
        "the port {0} is in use",
        "close the serial monitor, or any other program that has it open",
    ),
    _symptom(
        r"(?:could not open port|no such file or directory:?|cannot find the file)[^\n]*?((?:/dev/|COM)\w[\w/.-]*)",
        SetupError,
        "port {0} does not exist",
        "plug in the board; `pio device list` shows the ports",
    ),
    _symptom(
        r"Please specify `?upload_port|couldn't find a board on the selected port|Unable to find a serial port"
        r"|No device found on|Please specify port",
        SetupError,
        "no board found",
        f"plug in the board with a cable that carries data, or give its port with {option('port')}; {{upload}}",
    ),
    _symptom(
        r"Failed to connect to ESP|Wrong boot mode detected|No serial data received"
        r"|Timed out waiting for packet header|No accessible RP\S* devices? in BOOTSEL mode"
        r"|SAM-BA operation failed|No DFU capable USB device available|Unable to find (?:a )?(?:Teensy|HalfKay)",
        SetupError,
        "the board does not answer: it is not in boot mode",
        "{upload}",
    ),
    _symptom(
        r"Error: (?:open failed|libusb_open\(\) failed|unable to (?:find|open) [^\n]*(?:device|ST-?Link|CMSIS-DAP))",
        SetupError,
        "the board's debugger does not answer",
        f"plug in the board; if permission is missing: {_UDEV}",
    ),
    _symptom(
        r"Could not resolve host|unable to access 'http|HTTPClientError|Could not connect to|NewConnectionError"
        r"|Name or service not known|Temporary failure in name resolution|ProxyError|InternetIsOffline"
        r"|Could not find the package with|UnknownPackage",
        SetupError,
        "PlatformIO could not download a package that this project needs",
        "connect to the internet for the first build; PlatformIO keeps its downloads",
    ),
    _symptom(
        r"(\S+?:\d+:\d+: (?:fatal )?error: [^\n]+)",
        InputError,
        "the firmware does not compile: {0}",
        "correct it, or build the project again",
    ),
    _symptom(
        r"(undefined reference to [^\n]+)",
        InputError,
        "the firmware does not link: {0}",
        "`pio run -v` shows the whole command",
    ),
)


@dataclass(frozen=True)
class _PlatformIO:
    """See `microgen.projects.kind.Tool`."""

    title: str = "PlatformIO"

    def compile(self, project: Project, on_line: Callable[[str], None]) -> Compiled:
        log = _run(project, ["run", "-e", _environment(project)], on_line)
        sizes = {name: (int(used), int(limit)) for name, used, limit in _SIZES.findall(log)}
        ram, flash = sizes.get("RAM", (None, None)), sizes.get("Flash", (None, None))
        return Compiled(flash[0], flash[1], ram[0], ram[1])

    def flash(self, project: Project, port: str | None, on_line: Callable[[str], None]) -> None:
        command = ["run", "-e", _environment(project), "-t", "upload"]
        if port is not None:
            _check_port(port)
            command += ["--upload-port", port]
        _run(project, command, on_line)

    def monitor(self, project: Project, port: str | None) -> int:
        speed = project.manifest.get("monitor_speed", defaults.BAUD)
        port = port or only_port(_upload(project))
        _check_port(port)
        # Away from the project, whose platform the monitor would ask for, installed or not.
        command = [*_pio(), "device", "monitor", "-d", tempfile.gettempdir(), "--port", port, "--baud", str(speed)]
        return interact(command, _environment_variables())


TOOL = _PlatformIO()


def translate(log: str, upload: str) -> MicrogenError:
    """Turn what PlatformIO printed before it failed into an error of ours.

    Args:
        log: its output.
        upload: what a person has to do so that uploading works on this board.
    """
    for symptom in _SYMPTOMS:
        match = symptom.pattern.search(log)
        if not match:
            continue
        groups = [g for g in match.groups() if g is not None]
        over = int(groups[1]) - int(groups[2]) if len(groups) == 3 else 0
        return symptom.error(
            symptom.message.format(*groups, over=over), symptom.hint.format(upload=upload or "see the project's README")
        )
    lines = [line.strip() for line in log.splitlines() if line.strip(" =-*\t")]
    telling = [line for line in lines if re.search(r"error|exception|fail", line, re.IGNORECASE)]
    printed = (telling or lines or ["it printed nothing"])[0]
    return SetupError(f"PlatformIO failed: {printed}", "run `pio run -v` in the project for the whole output")


def _pio() -> list[str]:
    if importlib.util.find_spec("platformio") is not None:
        return [sys.executable, "-m", "platformio"]
    program = shutil.which("pio") or shutil.which("platformio")
    if not program:
        raise SetupError("PlatformIO is not installed", "pip install 'microgen[flash]'")
    return [program]


def _environment(opened: Project) -> str:
    return str(opened.required("board"))


def _upload(opened: Project) -> str:
    return str(opened.manifest.get("upload", ""))


def _environment_variables() -> dict[str, str]:
    return {**os.environ, "PLATFORMIO_NO_ANSI": "true", "PLATFORMIO_DISABLE_PROGRESSBAR": "true"}


def _run(opened: Project, arguments: list[str], on_line: Callable[[str], None]) -> str:
    """Run PlatformIO in the project; return the end of its output."""
    check_user_settings(opened.path, _environment(opened))
    command = [*_pio(), arguments[0], "-d", str(opened.path), *arguments[1:]]
    in_traceback = False

    def show(line: str) -> None:
        # PlatformIO shows its own stack where it does not expect a failure: not for people.
        nonlocal in_traceback
        in_traceback = in_traceback or "Traceback (most recent call last)" in line
        if not in_traceback:
            on_line(line)

    code, text = run(command, show, _environment_variables())
    if code != 0:
        raise translate(text, _upload(opened))
    return text


def _check_port(port: str) -> None:
    """Open the port once, before minutes are spent on compiling.

    Raises:
        SetupError: it is missing, busy, or this user may not open it; or pyserial is missing.
    """
    if "://" in port:
        return
    require_pyserial(option("port", port))
    import serial

    try:
        serial.Serial(port, exclusive=True if os.name == "posix" else None).close()
    except serial.SerialException as error:
        raise translate(f"{one_line(str(error))} {port}", "") from None
