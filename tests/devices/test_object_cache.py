"""The cache of compiled objects: what comes from it, what is compiled again, and that nothing makes it wrong."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import threading
from pathlib import Path

import pytest

import microgen
from microgen.devices import compilation
from microgen.devices import host_build as hostbuild
from microgen.devices.connection import host_firmware
from microgen.errors import InputError
from microgen.support.cache import Cache, cache_folder, digest
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import compiler, needs, needs_host

SOURCES = {
    "application", "arduino", "golden", "golden_data", "host_main", "main", "model_data", "model_file", "model_runner",
    "platform", "selftest", "sensor", "session", "session_load", "sha256", "writer",
}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("project")
    (folder / "m.tflite").write_bytes(models.fully_connected())
    return microgen.build(folder / "m.tflite", "pico", out=folder / "p", samples=4, verify=False).project


@pytest.fixture
def project(built, tmp_path):
    return Path(shutil.copytree(built, tmp_path / "a project"))


@pytest.fixture(scope="module")
def wrapper(tmp_path_factory):
    """A program that notes its arguments, and runs them."""
    path = tmp_path_factory.mktemp("wrapper") / "wrapper"
    path.write_text('#!/bin/sh\necho "$@" >>"$COMPILED"\nexec "$@"\n')
    path.chmod(0o755)
    return path


class Compilation:
    """Compiles projects with a cache of its own, and tells which sources a compiler ran for."""

    def __init__(self, folder: Path, wrapper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.cache = folder / "cache/microgen/objects"
        self._log = folder / "log"
        self._wrapper = str(wrapper)
        monkeypatch.setenv("COMPILED", str(self._log))
        self._environment = monkeypatch
        self.use(compiler())
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        monkeypatch.delenv("MICROGEN_NO_CACHE", raising=False)

    def use(self, command: list[str]) -> None:
        self._environment.setenv("CXX", shlex.join([self._wrapper, *command]))

    def __call__(self, project: Path) -> set[str]:
        self._log.write_text("")
        work = Path(self.folder / "work")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        self.library = hostbuild.compile_firmware(sources(project), work).read_bytes()
        calls = self._log.read_text().splitlines()
        names = {Path(c.split(" -c ")[1].split(" -o ")[0]).stem for c in calls if " -c " in c}
        return names | ({"library"} if any(" -shared " in c for c in calls) else set())

    def entries(self) -> list[Path]:
        return sorted(self.cache.iterdir())


@pytest.fixture
def compile_(tmp_path, wrapper, monkeypatch):
    return Compilation(tmp_path, wrapper, monkeypatch)


@pytest.fixture(scope="module")
def filled(built, wrapper, tmp_path_factory):
    """A cache with all objects of the project."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        Compilation(folder, wrapper, patch)(built)
    return folder / "cache"


@pytest.fixture
def again(compile_, filled, project):
    """Compiles, with a cache in which the project is."""
    shutil.copytree(filled, compile_.folder / "cache")
    assert compile_(project) == set()
    return compile_


def test_what_has_not_changed_is_compiled_once(compile_, project, tmp_path):
    assert compile_(project) == SOURCES | {"library"}
    first = compile_.library
    assert compile_(project) == set() and compile_.library == first
    moved = project.rename(tmp_path / "elsewhere")
    assert compile_(moved) == set(), "where a project lies makes no difference"


@pytest.mark.parametrize(
    ("changed", "compiled"),
    [
        ("lib/model/model_data.cc", {"model_data"}),
        ("lib/serial/crc32.h", {"session", "session_load", "writer"}),
        ("lib/golden/golden_data.h", {"golden", "golden_data", "model_file", "session"}),
        ("src/main.cpp", {"main"}),
    ],
)
def test_what_depends_on_a_change_is_compiled_again(again, project, changed, compiled):
    before = (project / changed).read_text()
    (project / changed).write_text(before + "\n// changed\n")
    assert again(project) == compiled | {"library"}
    (project / changed).write_text(before)
    assert again(project) == set(), "the first object is still there"


def test_a_model_of_other_bytes_is_what_runs(again, project):
    source = project / "lib/model/model_data.cc"
    text = source.read_text()
    at = text.rindex("0x")
    source.write_text(text[:at] + ("0x00" if text[at : at + 4] != "0x00" else "0x01") + text[at + 4 :])
    with host_firmware(sources(project)) as (client, files):
        client.connect()
        changed = files.array.read_bytes()
    source.write_text(text)
    with host_firmware(sources(project)) as (client, files):
        client.connect()
        assert files.array.read_bytes() != changed and len(changed) == len(files.array.read_bytes())


def test_a_header_of_the_system_counts(compile_, project, tmp_path, monkeypatch):
    (tmp_path / "include").mkdir()
    header = tmp_path / "include/of_the_system.h"
    header.write_text("#define ANSWER 1\n")
    monkeypatch.setenv("CPLUS_INCLUDE_PATH", str(header.parent))
    main = project / "src/main.cpp"
    main.write_text("#include <of_the_system.h>\n" + main.read_text())
    assert compile_(project) == SOURCES | {"library"}
    assert compile_(project) == set()
    header.write_text("#define ANSWER 1.5\n")
    assert compile_(project) == {"main", "library"}
    header.unlink()
    main.write_text(main.read_text().replace("#include <of_the_system.h>\n", ""))
    assert "main" in compile_(project)


def test_a_new_header_may_hide_another(again, project):
    (project / "lib/model/golden.h").write_text('#error "hides the one in lib/golden"\n')
    with pytest.raises(InputError, match="hides the one"):
        again(project)


@pytest.mark.parametrize("line", ["const char* kBuilt = __DATE__ __TIME__;", '// asm(".incbin \\"a.bin\\"")'])
@pytest.mark.parametrize("file", ["src/main.cpp", "src/mine.h"])
def test_what_the_compiler_does_not_report_is_compiled_each_time(again, project, line, file):
    (project / "src/mine.h").write_text("")
    main = project / "src/main.cpp"
    main.write_text('#include "mine.h"\n' + main.read_text())
    (project / file).write_text((project / file).read_text() + line + "\n")
    again(project)
    assert again(project) == {"main", "library"}


def test_another_compiler_has_objects_of_its_own(again, project):
    again.use([needs("clang++", "clang")])
    assert again(project) == SOURCES | {"library"}
    assert again(project) == set()
    again.use([*compiler(), "-O2"])
    assert again(project) == SOURCES | {"library"}


def test_without_the_cache(compile_, project, monkeypatch):
    monkeypatch.setenv("MICROGEN_NO_CACHE", "1")
    for _ in range(2):
        assert compile_(project) == SOURCES | {"library"}
    assert not compile_.cache.exists()


def test_damaged_entries_are_compiled_again(again, project):
    entries = {path: path.read_bytes() for path in again.entries()}
    damages = (lambda b: b[:-1], lambda b: b"", lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:])
    assert len(entries) > 10 * len(damages)
    for number, (path, data) in enumerate(entries.items()):
        path.write_bytes(damages[number % len(damages)](data))
    assert again(project) == SOURCES | {"library"}
    assert again(project) == set()


def test_an_entry_under_the_name_of_another_is_damaged(tmp_path):
    cache = Cache(tmp_path)
    one, two = digest("one"), digest("two")
    cache.store(one, b"object")
    (tmp_path / one).rename(tmp_path / two)
    assert cache.load(two) is None and cache.load(one) is None


def test_a_folder_that_cannot_be_made_is_none(compile_, project, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/below"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / folder))
        assert compile_(project) == SOURCES | {"library"}


def test_the_folder_is_that_of_the_platform(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROGEN_NO_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert cache_folder("objects") == tmp_path / ".cache/microgen/objects"
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache_folder("objects") == Path("/elsewhere/microgen/objects")
    monkeypatch.setenv("MICROGEN_NO_CACHE", "0")
    assert cache_folder("objects") is not None
    for value in ("1", "yes"):
        monkeypatch.setenv("MICROGEN_NO_CACHE", value)
        assert cache_folder("objects") is None


def test_the_oldest_leave_a_full_cache(tmp_path):
    cache = Cache(tmp_path, limit_bytes=10_000)
    keys = [digest(str(k)) for k in range(9)]
    for age, key in enumerate(keys):
        cache.store(key, bytes(1000))
        os.utime(tmp_path / key, (age, age))
    cache.prune()
    assert len(list(tmp_path.iterdir())) == 9
    assert cache.load(keys[0]) == bytes(1000), "which makes it the latest in use"
    cache.store(digest("more"), bytes(1000))
    cache.prune()
    kept = [key for key in keys if cache.load(key)]
    assert kept == [keys[0], *keys[4:]] and sum(p.stat().st_size for p in tmp_path.iterdir()) <= 7_500


def test_builds_at_the_same_time_see_whole_entries(tmp_path):
    """Threads that write, read and remove the same entries."""
    cache = Cache(tmp_path, limit_bytes=400_000)
    contents = {digest(str(k)): bytes([k]) * 50_000 for k in range(10)}
    wrong, hits = [], []

    def work() -> None:
        for _ in range(30):
            for key, data in contents.items():
                entry = cache.load(key)
                hits.append(entry is not None)
                if entry is None:
                    cache.store(key, data)
                elif entry != data:
                    wrong.append(key)
            cache.prune()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and any(hits) and not all(hits)
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".new-")]


def test_a_report_of_dependencies_is_read(tmp_path):
    (tmp_path / "a.d").write_text("/w/main.o: /p/a\\ b/main.cpp \\\n /p/a\\ b/x.h /usr/c\\#.h \\\n  /usr/$$d.h\n")
    assert compilation._dependencies(tmp_path / "a.d") == ["/p/a b/x.h", "/usr/c#.h", "/usr/$d.h"]


@pytest.mark.parametrize(
    ("ends", "says"),
    [("kill -SEGV $$", "cc was ended by SIGSEGV"), ("exit 3", "cc ended with exit code 3 and no output")],
)
def test_a_compiler_that_says_nothing_is_named_with_how_it_ended(tmp_path, ends, says):
    (tmp_path / "cc").write_text(f"#!/bin/sh\n{ends}\n")
    (tmp_path / "cc").chmod(0o755)
    with pytest.raises(compilation.CompilerError, match=f"^{re.escape(says)}$"):
        compilation.run_compiler([str(tmp_path / "cc")])
