"""clang-tidy and cppcheck find nothing in the firmware of generated projects, and no number is promoted to double."""

from __future__ import annotations

import importlib.util
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import microgen
from microgen.projects import open_project
from microgen.support import resources
from tests.applications.test_motion import OPTIONS, scoring
from tests.support import models
from tests.support.projects import with_application
from tests.support.tools import needs

_FIRMWARE = resources.path("firmware")
_HOST = (_FIRMWARE / "platform/posix", _FIRMWARE / "runtimes/tflm/host")
_DRIVERS = {p.name for p in (_FIRMWARE / "platform/arduino/sensors").iterdir()}  # they want their libraries
_DEFINES = ("-DMICROGEN_HOST=1",)

# Between them they have every file of a firmware but the sensors' drivers and what stands in for a board.
_PROJECTS = {
    "tflm": (models.fully_connected(), {}),
    "compiled": (models.residual(64), {"runtime": "compiled"}),
    "motion": (scoring(), {"application": "motion", "application_options": OPTIONS, "runtime": "compiled"}),
}


@pytest.fixture(scope="module", params=_PROJECTS)
def project(request, tmp_path_factory):
    data, options = _PROJECTS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "m.tflite").write_bytes(data)
    built = microgen.build(folder / "m.tflite", "nano33ble", out=folder / "p", verify=False, samples=4, **options)
    return built.project if "application" in options else with_application(built.project)


def sources(project: Path) -> tuple[list[Path], list[str]]:
    """The C and C++ of a project that is not for another machine, and what finds its headers."""
    layout = open_project(project).layout
    libraries = [project / name for name in (*layout.libraries, layout.platform)]
    files = [
        p
        for folder in (project / "src", *libraries)
        for p in sorted(folder.rglob("*"))
        if p.suffix in (".c", ".cc", ".cpp")
    ]
    files = [p for p in files if p.name not in _DRIVERS]
    return files, [f"-I{folder}" for folder in (*libraries, *_HOST)]


def run_all(commands: list[list[str]]) -> list[str]:
    def run(command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr

    with ThreadPoolExecutor(2) as pool:
        return [text for text in pool.map(run, commands) if text]


def standard(file: Path) -> str:
    return "-std=c11" if file.suffix == ".c" else "-std=c++17"


def test_clang_tidy_finds_nothing(project):
    found = importlib.util.find_spec("clang_tidy")
    if found is None or found.origin is None:
        pytest.skip("clang-tidy is not installed (pip install clang-tidy)")
    tidy = str(Path(found.origin).parent / "data/bin/clang-tidy")
    files, includes = sources(project)
    assert len(files) > 8
    config = f"--config-file={_FIRMWARE / '.clang-tidy'}"
    assert run_all([[tidy, "--quiet", config, str(f), "--", standard(f), *_DEFINES, *includes] for f in files]) == []


def test_cppcheck_finds_nothing(project):
    program = needs("cppcheck", "cppcheck")
    files, includes = sources(project)
    options = ["--enable=warning,performance,portability", "--error-exitcode=1", "--quiet", "--std=c++17"]
    # A shift of a negative number is arithmetic in each compiler that a board has; docs/platformio.md says so.
    options.append("--suppress=shiftTooManyBitsSigned")
    assert run_all([[program, *options, *_DEFINES, *includes, *map(str, files)]]) == []


def test_no_float_becomes_a_double_unasked(project):
    """On an FPU of single precision that is a call of a library."""
    compiler = needs("g++", "g++")
    files, includes = sources(project)
    flags = ["-fsyntax-only", "-Wdouble-promotion", "-Werror", *_DEFINES]
    languages = {".c": "c", ".cc": "c++", ".cpp": "c++"}
    assert run_all([[compiler, "-x", languages[f.suffix], standard(f), *flags, *includes, str(f)] for f in files]) == []


def test_they_would_find_something(tmp_path):
    bad = tmp_path / "bad.cc"
    bad.write_text(
        "float Sum(float a) { float s = 0; for (float x = 0; x < 1; x += 0.1f) s += x * 2.0; return s + a; }\n"
    )
    found = importlib.util.find_spec("clang_tidy")
    if found is None or found.origin is None:
        pytest.skip("clang-tidy is not installed (pip install clang-tidy)")
    tidy = str(Path(found.origin).parent / "data/bin/clang-tidy")
    (text,) = run_all([[tidy, "--quiet", f"--config-file={_FIRMWARE / '.clang-tidy'}", str(bad), "--", "-std=c++17"]])
    assert "bugprone-float-loop-counter" in text
    (text,) = run_all([[needs("g++", "g++"), "-fsyntax-only", "-Wdouble-promotion", "-Werror", str(bad)]])
    assert "double-promotion" in text
