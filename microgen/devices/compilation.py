"""Compiles sources one by one, for this machine or for another, and takes from the cache what has not changed."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import one_line
from ..support.cache import Cache, cache_folder, digest

_TIMEOUT_S = 120
# What such a source gives depends on the time, or on files that the compiler does not report.
_NOT_REPEATABLE = re.compile(rb"__(DATE|TIME|TIMESTAMP)__|__has_include|\.incbin|#\s*embed")
_COMPILER_VARIABLES = ("CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "SDKROOT")


class CompilerError(Exception):
    """A source does not compile, or objects do not link; the first error of the compiler."""


@dataclass(frozen=True)
class CompiledObject:
    """A compiled source: its file, and the digest of all that it was made from; "" if that cannot be known."""

    file: Path
    key: str


class Compilation:
    """One compilation of a firmware by one compiler.

    An object depends on compiler, flags, source and every header that the source includes. Which headers those are
    the compiler reported when it compiled the source last (-MD): that list is an entry of its own. The headers below
    the roots count by content, the system's by size and time.

    Args:
        compilers: the commands, one per compiler, that make the objects.
        work: an existing folder for objects.
        roots: folders that may lie elsewhere the next time, by name.
        includes: folders in which headers are looked for.
        beside: folders of sources, whose headers a source finds without an option.
    """

    def __init__(
        self,
        compilers: Sequence[Sequence[str]],
        work: Path,
        roots: Mapping[str, Path],
        includes: Sequence[Path],
        beside: Sequence[Path] = (),
    ) -> None:
        self._work, self._roots, self._cache = work, dict(roots), Cache(cache_folder("objects"))
        self._includes = [f"-I{p}" for p in includes]
        self._has_compiled = False
        identities = [word for command in compilers for word in _identity(command)]
        self._circumstances = digest(*identities, *self._headers_in_reach((*beside, *includes)))

    def compile(self, source: Path, command: Sequence[str], flags: Sequence[str]) -> CompiledObject:
        """Compile a source, or take its object from the cache.

        Args:
            source: the source.
            command: one of the compilers.
            flags: for this source; without the folders of headers.

        Raises:
            CompilerError: it does not compile.
        """
        from .byte_arrays import take_out  # with NumPy, which the command line's help does without

        name = self._name(source)
        target = self._work / f"{name.replace('/', '-').lstrip('-')}.o"
        taken = take_out(source, self._work)
        if taken != source:
            return self._compile_around(source, taken, target, command, flags)
        listing = digest("headers", self._circumstances, *command, *flags, name, text := source.read_bytes())
        headers = self._cache.load(listing)
        key = self._key(listing, json.loads(headers)) if headers is not None else ""
        kept = self._cache.load(key) if key else None
        if kept is not None:
            target.write_bytes(kept)
            return CompiledObject(target, key)
        self._has_compiled = True
        dependencies = target.with_suffix(".d")
        report = ("-MD", "-MF", str(dependencies))
        self._run([*command, *flags, *self._includes, *report, "-c", str(source), "-o", str(target)])
        if _NOT_REPEATABLE.search(text):
            return CompiledObject(target, "")
        included = [self._name(Path(p)) for p in _dependencies(dependencies)]
        key = self._key(listing, included)
        if key:
            self._cache.store(listing, json.dumps(included).encode())
            self._cache.store(key, target.read_bytes())
        return CompiledObject(target, key)

    def _compile_around(
        self, source: Path, taken: Path, target: Path, command: Sequence[str], flags: Sequence[str]
    ) -> CompiledObject:
        """Compile a source whose large arrays were taken out: that is faster than to keep its object."""
        self._run([*command, *flags, f"-I{source.parent}", *self._includes, "-c", str(taken), "-o", str(target)])
        return CompiledObject(target, "")

    def link(
        self, objects: Sequence[CompiledObject], target: Path, command: Sequence[str], flags: Sequence[str]
    ) -> None:
        """Link objects, or take the result from the cache.

        Args:
            objects: what `compile` returned.
            target: the file to write.
            command: what links.
            flags: for the linker; they name no files.

        Raises:
            CompilerError: they do not link.
        """
        is_known = all(o.key for o in objects)
        key = digest("library", self._circumstances, *command, *flags, *(o.key for o in objects))
        kept = self._cache.load(key) if is_known else None
        if kept is not None:
            target.write_bytes(kept)
            return
        self._run([*command, *flags, *(str(o.file) for o in objects), "-o", str(target)])
        if is_known:
            self._cache.store(key, target.read_bytes())

    def _run(self, command: Sequence[str]) -> None:
        """Run a compiler or linker; an error names files as they lie in their root, wherever that is."""
        try:
            run_compiler(command)
        except CompilerError as error:
            text = str(error)
            for root in (*self._roots.values(), self._work):
                text = text.replace(f"{root}/", "")
            raise CompilerError(text) from None

    def finish(self) -> None:
        """Keep the cache small."""
        if self._has_compiled:
            self._cache.prune()

    def _name(self, path: Path) -> str:
        """Return a file's name that does not depend on where the roots lie; else its absolute path."""
        for name, root in self._roots.items():
            if path.is_relative_to(root):
                return f"{name}/{path.relative_to(root).as_posix()}"
        return str(path.absolute())

    def _headers_in_reach(self, folders: Sequence[Path]) -> list[str]:
        """Return the names of all files that may be included: one that is new may hide another."""
        return sorted(self._name(p) for folder in folders for p in folder.rglob("*"))

    def _key(self, listing: str, included: Sequence[str]) -> str:
        """Return the digest of a source and the files that it includes; "" if one is gone or not repeatable."""
        parts = [listing]
        try:
            for name in included:
                root, _, rest = name.partition("/")
                if root in self._roots:
                    data = (self._roots[root] / rest).read_bytes()
                    if _NOT_REPEATABLE.search(data):
                        return ""
                    parts += [name, digest(data)]
                else:
                    status = Path(name).stat()
                    parts += [name, f"{status.st_size} {status.st_mtime_ns}"]
        except OSError:
            return ""
        return digest("object", *parts)


def run_compiler(command: Sequence[str]) -> None:
    """Run a compiler or linker.

    Raises:
        CompilerError: it failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompilerError(one_line(str(error))) from None
    if done.returncode < 0:
        raise CompilerError(f"{Path(command[0]).name} was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode != 0:
        silent = f"{Path(command[0]).name} ended with exit code {done.returncode} and no output"
        raise CompilerError(_first_error(done.stderr) or silent)


def _first_error(log: str) -> str:
    """Return the line of a compiler's output that says most; "" if there is none."""
    lines = log.splitlines()
    telling = [line for line in lines if re.search(r"error|undefined|multiple definition|overflowed", line)]
    line = next((x for x in telling if "overflowed" in x), (telling or lines or [""])[0])
    return one_line(line)


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
