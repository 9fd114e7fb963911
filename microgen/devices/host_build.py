"""Compiles a project's own sources for this machine, where firmware/platform/posix replaces the board.

The result is a shared library that `microgen.workers.firmware` runs in a Python process, because the TFLM inside the
tflite-micro package is linked against Python.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, SetupError, command, option
from ..support import resources
from ..support.host import HostBuild
from .compilation import Compilation, CompiledObject, CompilerError
from .layout import Layout
from .transport import HostProcess

_FLAGS = (
    "-DMICROGEN_HOST=1",
    f"-DMICROGEN_COMMAND_BYTES={HostProcess.command_bytes}",
    "-O1",
    "-fPIC",
    "-fvisibility=hidden",
)
_C_FLAGS = ("-x", "c", "-std=c11")
_CPP_FLAGS = ("-std=c++17", "-fno-exceptions", "-fno-rtti")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class Sources:
    """A project's sources, and how they are compiled for this machine.

    Attributes:
        folder: the project's folder.
        layout: where its parts lie.
        host: what its runtime adds.
    """

    folder: Path
    layout: Layout
    host: HostBuild = field(default_factory=HostBuild)


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
        "install g++, or pip install 'microgen[compiler]'; "
        f"{command('build', 'MODEL', option('verify', False))} skips the verification",
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


def compile_firmware(project: Sources, work: Path) -> Path:
    """Compile a project for this machine.

    Args:
        project: its sources.
        work: an existing folder for objects and the library.

    Returns:
        The shared library.

    Raises:
        SetupError: there is no compiler.
        InputError: a source does not compile; the first error is in the message.
    """
    command = compiler()
    posix = _platform() / "posix"
    program, *libraries = _folders(project)
    sources = [p for folder in (program, *libraries) for p in sorted(folder.glob("*.c*"))]
    sources += [*sorted(posix.glob("*.cc")), *sorted((posix / "host").glob("*.cc")), *project.host.sources]
    # The largest first, so that it does not run alone at the end.
    sources.sort(key=lambda p: p.stat().st_size, reverse=True)
    roots = {"project": project.folder, "firmware": resources.path("firmware")}
    includes = (*libraries, _platform(), posix, *project.host.includes)
    build = Compilation([command], work, roots, includes, beside=[program])

    def compiled(source: Path) -> CompiledObject:
        # The user's main.cpp may warn; what microgen wrote may not.
        warnings = () if source.parent == program else _WARNINGS
        language = _C_FLAGS if source.suffix == ".c" else _CPP_FLAGS
        try:
            return build.compile(source, command, (*language, *_FLAGS, *project.host.flags, *warnings))
        except CompilerError as error:
            raise InputError(
                f"{source.name} does not compile on this machine: {error}",
                f"compiler: {' '.join(command)}; guard code that only the board has with #ifndef MICROGEN_HOST",
            ) from None

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(compiled, sources))
    library = work / "firmware.so"
    try:
        build.link(objects, library, _linker(command), ["-shared"])
    except CompilerError as error:
        raise InputError(
            f"the firmware does not link on this machine: {error}", f"compiler: {' '.join(command)}"
        ) from None
    build.finish()
    return library


def _folders(project: Sources) -> list[Path]:
    """Return the folders of a project whose sources are compiled: the user's program first."""
    layout = project.layout
    return [(project.folder / layout.main).parent, *(project.folder / name for name in layout.libraries)]


def _platform() -> Path:
    """Return where platform.h lies, and in the folder "posix" what replaces the board."""
    return resources.path("firmware") / "platform"


def _linker(command: Sequence[str]) -> list[str]:
    """Return the command that links what `command` compiled.

    As C++, Zig would first build a C++ library, which takes minutes. The little that the firmware needs of one is in
    the process before it is loaded: TFLM's library is linked against the system's.
    """
    return ["cc" if part == "c++" else part for part in command] if "ziglang" in command else list(command)
