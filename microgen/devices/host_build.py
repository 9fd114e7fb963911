"""Compiles a project's own sources for this machine, where firmware/platform/posix replaces the board.

The result is a shared library that `microgen.workers.firmware` runs in a Python process, because the TFLM inside the
tflite-micro package is linked against Python.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, SetupError, one_line
from ..support import resources
from .layout import Layout
from .object_cache import ObjectCache, cache_folder, digest

_FLAGS = ("-DMICROGEN_HOST=1", "-O1", "-fPIC", "-fvisibility=hidden")
_C_FLAGS = ("-x", "c", "-std=c11")
_CPP_FLAGS = ("-std=c++17", "-fno-exceptions", "-fno-rtti")
_WARNINGS = ("-Wall", "-Wextra", "-Werror")
_TIMEOUT_S = 120
# What such a source gives depends on the time, or on files that the compiler does not report.
_NOT_REPEATABLE = re.compile(rb"__(DATE|TIME|TIMESTAMP)__|__has_include|\.incbin|#\s*embed")
_COMPILER_VARIABLES = ("CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "SDKROOT")


@dataclass(frozen=True)
class HostBuild:
    """What a runtime adds to the build of a firmware for this machine.

    Attributes:
        sources: C and C++ files that are compiled too.
        includes: folders in which headers are looked for.
        flags: compiler flags.
        library: a shared library that the firmware is linked against when it is loaded; it exports
            `microgen_selftest` with the firmware then, see `microgen.workers.firmware`.
        obstacle: why firmware cannot run on this machine, "" when it can.
    """

    sources: tuple[Path, ...] = ()
    includes: tuple[Path, ...] = ()
    flags: tuple[str, ...] = ()
    library: Path | None = None
    obstacle: str = ""


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
    host: HostBuild = HostBuild()


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
    build = _Build(project, work, command, ObjectCache(cache_folder()))
    sources = [p for folder in _folders(project) for p in sorted(folder.glob("*.c*"))]
    posix = _platform() / "posix"
    sources += [*sorted(posix.glob("*.cc")), *sorted((posix / "host").glob("*.cc")), *project.host.sources]
    # The largest first, so that it does not run alone at the end.
    sources.sort(key=lambda p: p.stat().st_size, reverse=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(build.compile, sources))
    library = build.link(objects)
    build.finish()
    return library


def _folders(project: Sources) -> list[Path]:
    """Return the folders of a project whose sources are compiled: the user's program first."""
    layout = project.layout
    return [(project.folder / layout.main).parent, *(project.folder / name for name in layout.libraries)]


def _platform() -> Path:
    """Return where platform.h lies, and in the folder "posix" what replaces the board."""
    return resources.path("firmware") / "platform"


@dataclass(frozen=True)
class _Object:
    """A compiled source: its file, and the digest of all that it was made from; "" where that cannot be known."""

    file: Path
    key: str


class _Build:
    """One compilation of a project for this machine, which takes from the cache what has not changed.

    An object depends on compiler, flags, source and every header that the source includes. Which headers those are
    the compiler reported when it compiled the source last (-MD): that list is an entry of its own. The headers of the
    project and of microgen count by content, the system's by size and time.
    """

    def __init__(self, project: Sources, work: Path, command: Sequence[str], cache: ObjectCache) -> None:
        self._roots = (("project", project.folder), ("firmware", resources.path("firmware")))
        self._work, self._command, self._cache = work, list(command), cache
        self._program, *libraries = _folders(project)
        folders = (*libraries, _platform(), _platform() / "posix", *project.host.includes)
        self._flags = (*_FLAGS, *project.host.flags)
        self._includes = [f"-I{p}" for p in folders]
        self._has_compiled = False
        flags = (*_C_FLAGS, *_CPP_FLAGS, *self._flags, *_WARNINGS)
        self._compiler = digest(*_identity(command), *flags, *self._headers_in_reach((self._program, *folders)))

    def compile(self, source: Path) -> _Object:
        """Compile a source, or take its object from the cache; raises InputError where it does not compile."""
        name = self._name(source)
        target = self._work / f"{name.replace('/', '-')}.o"
        listing = digest("headers", self._compiler, name, text := source.read_bytes())
        headers = self._cache.load(listing)
        key = self._key(listing, json.loads(headers)) if headers is not None else ""
        kept = self._cache.load(key) if key else None
        if kept is not None:
            target.write_bytes(kept)
            return _Object(target, key)
        self._has_compiled = True
        dependencies = target.with_suffix(".d")
        # The user's main.cpp may warn; what microgen wrote may not.
        warnings = () if source.parent == self._program else _WARNINGS
        report = ("-MD", "-MF", str(dependencies))
        language = _C_FLAGS if source.suffix == ".c" else _CPP_FLAGS
        arguments = (*language, *self._flags, *warnings, *self._includes, *report, "-c", str(source), "-o", str(target))
        failure = _run([*self._command, *arguments])
        if failure:
            raise InputError(
                f"{source.name} does not compile on this machine: {failure}",
                f"compiler: {' '.join(self._command)}; guard code that only the board has with #ifndef MICROGEN_HOST",
            )
        if _NOT_REPEATABLE.search(text):
            return _Object(target, "")
        included = [self._name(Path(p)) for p in _dependencies(dependencies)]
        key = self._key(listing, included)
        if key:
            self._cache.store(listing, json.dumps(included).encode())
            self._cache.store(key, target.read_bytes())
        return _Object(target, key)

    def link(self, objects: Sequence[_Object]) -> Path:
        """Link objects to a library, or take it from the cache; raises InputError where they do not link."""
        library = self._work / "firmware.so"
        is_known = all(o.key for o in objects)
        key = digest("library", self._compiler, *(o.key for o in objects))
        kept = self._cache.load(key) if is_known else None
        if kept is not None:
            library.write_bytes(kept)
            return library
        files = [str(o.file) for o in objects]
        failure = _run([*_linker(self._command), "-shared", "-o", str(library), *files])
        if failure:
            raise InputError(
                f"the firmware does not link on this machine: {failure}", f"compiler: {' '.join(self._command)}"
            )
        if is_known:
            self._cache.store(key, library.read_bytes())
        return library

    def finish(self) -> None:
        """Keep the cache small."""
        if self._has_compiled:
            self._cache.prune()

    def _name(self, path: Path) -> str:
        """Return a file's name that does not depend on where the project or microgen lies; else its absolute path."""
        for name, root in self._roots:
            if path.is_relative_to(root):
                return f"{name}/{path.relative_to(root).as_posix()}"
        return str(path.absolute())

    def _headers_in_reach(self, folders: Sequence[Path]) -> list[str]:
        """Return the names of all files that may be included: one that is new may hide another."""
        return sorted(self._name(p) for folder in folders for p in folder.rglob("*"))

    def _key(self, listing: str, included: Sequence[str]) -> str:
        """Return the digest of a source and the files that it includes; "" where one is gone or not repeatable."""
        parts = [listing]
        roots = dict(self._roots)
        try:
            for name in included:
                root, _, rest = name.partition("/")
                if root in roots:
                    data = (roots[root] / rest).read_bytes()
                    if _NOT_REPEATABLE.search(data):
                        return ""
                    parts += [name, digest(data)]
                else:
                    status = Path(name).stat()
                    parts += [name, f"{status.st_size} {status.st_mtime_ns}"]
        except OSError:
            return ""
        return digest("object", *parts)


def _identity(command: Sequence[str]) -> list[str]:
    """Return what tells a compiler from any other, and what changes its ways without an argument."""
    identity = [platform.machine(), *(f"{name}={os.environ.get(name, '')}" for name in _COMPILER_VARIABLES)]
    for word in command:
        identity.append(word)
        path = shutil.which(word)
        if path is not None:
            status = Path(path).stat()
            identity.append(f"{os.path.realpath(path)} {status.st_size} {status.st_mtime_ns}")
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        version = subprocess.run([*command, "--version"], capture_output=True, timeout=_TIMEOUT_S)
        identity.append(version.stdout.decode("utf-8", "surrogateescape"))
    return identity


def _dependencies(report: Path) -> list[str]:
    """Return the files that a rule for make names after its target, as -MD writes it; without the source, the first."""
    _, _, rule = report.read_text("utf-8", "surrogateescape").replace("\\\n", " ").partition(": ")
    files = re.findall(r"(?:\\[ #]|\S)+", rule)
    return [re.sub(r"\\([ #])", r"\1", name).replace("$$", "$") for name in files[1:]]


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
