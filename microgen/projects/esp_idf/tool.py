"""Drives idf.py in a generated project: compile, flash, monitor; its errors come back as ours."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import InputError, SetupError
from ..firmware import target_name
from ..folder import Project
from ..kind import Compiled
from ..manifest import project_board
from ..port import only_port
from ..running import COMPILER_SYMPTOMS, Symptom, interact, run_or_explain

_BUILD = "build"
_PROGRAM = "idf.py"
_GUIDE = "https://docs.espressif.com/projects/esp-idf/en/stable/esp32/get-started/"
_SYMPTOMS: tuple[Symptom, ...] = (
    (r"(?:Version solving failed|Cannot establish a connection|Failed to (?:resolve component|download))[^\n]*",
     SetupError, "{match}", "the first build fetches components: connect to the internet"),
    *COMPILER_SYMPTOMS,
    (r"app partition is too small[^\n]*", InputError, "the program is too large: {match}",
     "use a smaller model, or a larger partition in partitions.csv"),
    (r"Could not open [^\n]*|A fatal error occurred: [^\n]+", SetupError, "the board does not answer: {match}",
     "see the project's README.md for how to upload"),
    (r"CMake Error[^\n]*\n\s*[^\n]+", SetupError, "CMake failed: {match}",
     "run `idf.py reconfigure` in the project for the whole output"),
)  # fmt: skip


@dataclass(frozen=True)
class _IdfPy:
    """See `microgen.projects.kind.Tool`."""

    title: str = "ESP-IDF"

    def compile(self, project: Project, on_line: Callable[[str], None]) -> Compiled:
        _idf(project, ["build"], on_line)
        image = project.path / _BUILD / f"{target_name(str(project.required('model.name')))}.bin"
        mcu = project_board(project).mcu
        return Compiled(image.stat().st_size, mcu.flash_bytes, None, mcu.ram_bytes)

    def flash(self, project: Project, port: str | None, on_line: Callable[[str], None]) -> None:
        _program()
        _idf(project, ["-p", port or only_port(str(project.manifest.get("upload", ""))), "flash"], on_line)

    def monitor(self, project: Project, port: str | None) -> int:
        _program()
        port = port or only_port(str(project.manifest.get("upload", "")))
        return interact(_command(project, ["-p", port, "monitor"]))


TOOL = _IdfPy()


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise SetupError(
            f"{_PROGRAM} is not on the PATH: ESP-IDF is not installed, or not set up in this shell",
            f"install ESP-IDF ({_GUIDE}), then in its folder: . ./export.sh",
        )
    return found


def _command(project: Project, arguments: list[str]) -> list[str]:
    return [_program(), "-C", str(project.path), "-B", str(project.path / _BUILD), *arguments]


def _idf(project: Project, arguments: list[str], on_line: Callable[[str], None]) -> None:
    run_or_explain(_command(project, arguments), _SYMPTOMS, on_line)
