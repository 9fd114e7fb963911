"""Compiles a project's own sources for this machine, where the wheel's TFLM and a POSIX Arduino.h stand in.

The result is a shared library that `microgen.workers.firmware` runs in a Python process, because the TFLM inside the
wheel is linked against Python.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..errors import InputError, SetupError, one_line
from ..support import resources

# The declarations in firmware/host/tflm are those of exactly this build of TFLM.
TFLM_WHEEL = "0.dev20261023182759"

_FLAGS = (
    "-std=c++17",
    "-DMICROGEN_HOST=1",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-exceptions",
    "-fno-rtti",
)
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
_LIBRARIES = ("lib/model", "lib/golden", "lib/dut")
_TIMEOUT_S = 120


def compiler() -> list[str]:
    """Return the command of a C++ compiler: $CXX (with arguments), c++, g++, clang++, or the ziglang package's.

    Raises:
        SetupError: no compiler is installed, or the one that $CXX names.
    """
    named = os.environ.get("CXX", "").strip()
    if named:
        return _named_compiler(named)
    for name in ("c++", "g++", "clang++"):
        path = shutil.which(name)
        if path:
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        # Zig traps undefined behaviour through a runtime that a shared library does not carry.
        return [sys.executable, "-m", "ziglang", "c++", "-fno-sanitize=undefined"]
    raise SetupError(
        "no C++ compiler: looked for c++, g++, clang++ and the ziglang package",
        "install g++, or pip install 'microgen[compiler]'; --no-verify builds without a check",
    )


def _named_compiler(named: str) -> list[str]:
    """Return the command that $CXX names, split as a shell splits it: "ccache g++"."""
    try:
        program, *arguments = shlex.split(named)
    except ValueError as error:
        raise SetupError(f"CXX={named}: {error}", "set CXX to the command of a C++ compiler, or unset it") from None
    path = shutil.which(program)
    if path is None:
        raise SetupError(
            f"CXX={named}: '{program}' is not installed",
            "set CXX to the command of a C++ compiler, with quotes around a path that has spaces, or unset it",
        )
    return [path, *arguments]


def tflm_library() -> Path | None:
    """Return TFLM's library inside the tflite-micro wheel, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("tflite_micro")
    for place in (spec.submodule_search_locations or []) if spec else []:
        library = Path(place) / "python" / "tflite_micro" / "_runtime.so"
        if library.is_file():
            return library
    return None


def host_obstacle() -> str:
    """Say why firmware cannot run on this machine; "" when it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the tflite-micro wheel is for Linux x86-64, this is {sys.platform} {platform.machine()}"
    if tflm_library() is None:
        return "the tflite-micro package is not installed"
    version = importlib.metadata.version("tflite-micro")
    if version != TFLM_WHEEL:
        return f"tflite-micro {version} is installed, the declarations are for {TFLM_WHEEL}"
    return ""


def compile_firmware(project: Path, work: Path) -> Path:
    """Compile a project for this machine.

    Args:
        project: the project's folder.
        work: an existing folder for objects and the library.

    Returns:
        The shared library.

    Raises:
        SetupError: there is no compiler.
        InputError: a source does not compile; the first error is in the message.
    """
    command = compiler()
    host = resources.path("firmware") / "host"
    includes = [f"-I{p}" for p in (*(project / d for d in _LIBRARIES), host, host / "tflm")]
    sources = [p for d in ("src", *_LIBRARIES) for p in sorted((project / d).glob("*.c*"))]
    sources += sorted(host.glob("*.cc"))
    # The largest first, so that it does not run alone at the end.
    sources.sort(key=lambda p: p.stat().st_size, reverse=True)
    objects = [work / f"{i}-{p.stem}.o" for i, p in enumerate(sources)]
    # The user's main.cpp may warn; what microgen wrote may not.
    jobs = [
        [*command, *_FLAGS, *(() if source.parent == project / "src" else _WARNINGS), *includes,
         "-c", str(source), "-o", str(target)]
        for source, target in zip(sources, objects, strict=True)
    ]  # fmt: skip
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for source, failure in zip(sources, pool.map(_run, jobs), strict=True):
            if failure:
                raise InputError(
                    f"{source.name} does not compile on this machine: {failure}",
                    f"compiler: {' '.join(command)}; guard code that only the board has with #ifndef MICROGEN_HOST",
                )
    library = work / "firmware.so"
    failure = _run([*_linker(command), "-shared", "-o", str(library), *map(str, objects)])
    if failure:
        raise InputError(f"the firmware does not link on this machine: {failure}", f"compiler: {' '.join(command)}")
    return library


def _linker(command: Sequence[str]) -> list[str]:
    """Return the command that links what `command` compiled.

    As C++, Zig would first build a C++ library, which takes minutes. The little that the firmware needs of one is in
    the process before it is loaded: TFLM's library is linked against the system's.
    """
    return ["cc" if part == "c++" else part for part in command] if "ziglang" in command else list(command)


def _run(command: Sequence[str]) -> str:
    """Run a compiler or linker; return "" or its first error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return one_line(str(error))
    if done.returncode == 0:
        return ""
    lines = done.stderr.splitlines()
    telling = [line for line in lines if re.search(r"error|undefined|multiple definition", line)]
    return one_line((telling or lines or ["no output"])[0])
