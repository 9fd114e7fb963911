"""Drives CMake with the Pico SDK in a generated project: compile, flash, monitor; their errors come back as ours."""

from __future__ import annotations

import re
import shutil
import string
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ... import defaults
from ...devices.serial_port import require_pyserial
from ...errors import InputError, SetupError, option
from ..firmware import target_name
from ..folder import Project
from ..kind import Compiled
from ..manifest import project_board
from ..port import only_port
from ..running import COMPILER_SYMPTOMS, Symptom, interact, run_or_explain

_BUILD = "build"
_INFO = "INFO_UF2.TXT"  # on the drive of a board in BOOTSEL mode
_DRIVES = ("/media/*/*", "/run/media/*/*", "/mnt/*", "/Volumes/*")
_SIZE = re.compile(r"^\s*(\d+)\s+(\d+)\s+(\d+)\s", re.MULTILINE)
_SYMPTOMS: tuple[Symptom, ...] = (
    (r"(?:The Pico SDK|[\w.-]+) was not found: set \w+", SetupError, "{match} to its folder",
     "see the project's README.md for how to get it"),
    (r"Compiler 'arm-none-eabi-gcc' not found", SetupError, "arm-none-eabi-gcc is not installed",
     "Debian: apt-get install gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib"),
    *COMPILER_SYMPTOMS,
    (r"CMake Error[^\n]*\n\s*[^\n]+", SetupError, "CMake failed: {match}",
     "run `cmake -B build` in the project for the whole output"),
)  # fmt: skip


@dataclass(frozen=True)
class _CMake:
    """See `microgen.projects.kind.Tool`."""

    title: str = "CMake with the Pico SDK"

    def compile(self, project: Project, on_line: Callable[[str], None]) -> Compiled:
        _require("cmake", "cmake")
        run_or_explain(["cmake", "-S", str(project.path), "-B", str(project.path / _BUILD)], _SYMPTOMS, on_line)
        run_or_explain(["cmake", "--build", str(project.path / _BUILD), "--parallel"], _SYMPTOMS, on_line)
        size = _require("arm-none-eabi-size", "binutils-arm-none-eabi")
        elf = _image(project).with_suffix(".elf")
        found = _SIZE.search(subprocess.run([size, str(elf)], capture_output=True, text=True, check=True).stdout)
        assert found is not None
        text, data, bss = map(int, found.groups())
        mcu = project_board(project).mcu
        return Compiled(text + data, mcu.flash_bytes, data + bss, mcu.ram_bytes)

    def flash(self, project: Project, port: str | None, on_line: Callable[[str], None]) -> None:
        if port is not None:
            raise InputError(
                "a board in BOOTSEL mode is a USB drive, not a serial port", "omit it", option="port", value=port
            )
        self.compile(project, on_line)
        image = _image(project)
        if picotool := shutil.which("picotool"):
            run_or_explain([picotool, "load", "-f", "-x", str(image)], _SYMPTOMS, on_line)
            return
        drive = bootsel_drive()
        if drive is None:
            raise SetupError(
                "no board in BOOTSEL mode: none of its drives is mounted, and picotool is not installed",
                "hold BOOTSEL while you plug in the board, and mount the drive that appears",
            )
        on_line(f"copying {image.name} to {drive}")
        try:
            shutil.copyfile(image, drive / image.name)
        except OSError as error:
            raise SetupError(f"{drive}: cannot be written ({error.strerror})", "copy the .uf2 yourself") from None

    def monitor(self, project: Project, port: str | None) -> int:
        speed = project.manifest.get("monitor_speed", defaults.BAUD)
        port = port or only_port(str(project.manifest.get("upload", "")))
        require_pyserial(option("port", port))
        return interact([sys.executable, "-m", "serial.tools.miniterm", port, str(speed)])


TOOL = _CMake()


def bootsel_drive(patterns: Sequence[str] = _DRIVES) -> Path | None:
    """Return where the drive of a board in BOOTSEL mode is mounted; None where none is.

    Args:
        patterns: of the places in which drives are mounted.
    """
    places = [Path(f"{letter}:/") for letter in string.ascii_uppercase] if sys.platform == "win32" else []
    places += [p for pattern in patterns for p in sorted(Path("/").glob(pattern.lstrip("/")))]
    for place in places:
        try:
            if "RPI-RP2" in (text := (place / _INFO).read_text("ascii", "replace")) or "RP2350" in text:
                return place
        except OSError:
            continue
    return None


def _image(project: Project) -> Path:
    return project.path / _BUILD / f"{target_name(str(project.required('model.name')))}.uf2"


def _require(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SetupError(f"{program} is not installed", f"Debian: apt-get install {package}")
    return found
