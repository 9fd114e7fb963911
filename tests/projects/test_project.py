from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from microgen import projects as project
from microgen.errors import InputError
from microgen.projects.manifest import project_board, project_build_flags, project_code, project_model
from microgen.runtimes.runtime import CodeOptions

FILES = {"lib/model/a.h": b"one", "platformio.ini": b"[env]\n"}
USER = {"src/main.cpp": b"main"}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def write(out, files=FILES, user=USER, force=False, **manifest):
    project.check_target(out, force=force)
    project.write(out, files, user, {"model": {"name": "m"}, **manifest}, force=force)


def test_a_new_project_is_complete_and_nothing_is_left_beside(tmp_path):
    out = tmp_path / "a" / "b"
    write(out)
    assert set(tree(tmp_path)) == {f"a/b/{n}" for n in (*FILES, *USER, "microgen.json")}
    opened = project.open_project(out)
    assert set(opened.manifest["files"]) == set(FILES)
    assert opened.manifest["user_files"] == ["src/main.cpp"]
    assert opened.edited() == []


def test_what_a_killed_build_left_goes_and_what_a_running_one_writes_stays(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    running = (str(os.getppid()), "mine", str(10**30))
    for process in (str(ended.pid), *running):
        (tmp_path / f".p.microgen-{process}").mkdir()
    write(tmp_path / "p")
    assert {x.name for x in tmp_path.iterdir()} == {"p", *(f".p.microgen-{process}" for process in running)}


def test_a_place_where_nothing_can_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(InputError, match="cannot be written") as caught:
        project.write(tmp_path / "file/p", FILES, USER, {"model": {"name": "m"}}, force=False)
    assert caught.value.option == "out" and tree(tmp_path) == {"file": b"mine"}


def test_a_rebuild_keeps_the_users_files_and_drops_what_is_no_longer_generated(tmp_path):
    out = tmp_path / "p"
    write(out)
    (out / "src/main.cpp").write_bytes(b"mine")
    (out / "notes.txt").write_bytes(b"mine too")
    write(out, {"lib/model/b.h": b"two", "platformio.ini": b"[env:x]\n"})
    found = tree(out)
    assert found["src/main.cpp"] == b"mine" and found["notes.txt"] == b"mine too"
    assert found["lib/model/b.h"] == b"two" and "lib/model/a.h" not in found
    assert not [n for n in found if n.startswith(".microgen")]


def test_an_edited_generated_file_stops_a_rebuild_and_force_does_not_stop(tmp_path):
    out = tmp_path / "p"
    write(out)
    (out / "lib/model/a.h").write_bytes(b"edited")
    before = tree(out)
    with pytest.raises(InputError, match=r"lib/model/a.h: a generated file that was edited by hand") as caught:
        write(out)
    assert "force=True" in caught.value.hint and tree(out) == before
    (out / "src/main.cpp").write_bytes(b"mine")
    write(out, force=True)
    assert tree(out)["lib/model/a.h"] == b"one" and tree(out)["src/main.cpp"] == b"main"


def test_an_edited_file_that_is_no_longer_generated_is_kept(tmp_path):
    out = tmp_path / "p"
    write(out)
    (out / "lib/model/a.h").write_bytes(b"edited")
    project.write(out, {"platformio.ini": b""}, USER, {}, force=True)
    assert tree(out)["lib/model/a.h"] == b"edited"


@pytest.mark.parametrize("kind", ["file", "other folder", "below a file", "not writable"])
def test_targets_that_are_refused_stay_as_they_are(tmp_path, kind):
    out = tmp_path / "p"
    if kind == "file":
        out.write_text("x")
    elif kind == "other folder":
        out.mkdir()
        (out / "thesis.tex").write_text("x")
    elif kind == "below a file":
        (tmp_path / "f").write_text("x")
        out = tmp_path / "f" / "p"
    else:
        out = Path("/proc/microgen/p")
    before = tree(tmp_path)
    with pytest.raises(InputError) as caught:
        project.check_target(out, force=True)
    assert caught.value.option == "out"
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "not a manifest"),
        ('{"schema": 99}', "not a manifest"),
        ('{"schema": 1, "files": {"../../etc/passwd": "x"}}', "damaged"),
        ('{"schema": 1, "files": {"/etc/passwd": "x"}}', "damaged"),
        ('{"schema": 1, "files": [1]}', "damaged"),
    ],
)
def test_damaged_manifests_are_refused(tmp_path, text, says):
    (tmp_path / "microgen.json").write_text(text)
    with pytest.raises(InputError, match=says):
        project.open_project(tmp_path)


def test_a_manifest_that_names_no_model_is_refused(tmp_path):
    (tmp_path / "microgen.json").write_text('{"schema": 1, "files": {}, "model": {"name": "m"}}')
    with pytest.raises(InputError, match=r"has no 'model\.sha256'") as caught:
        project_model(project.open_project(tmp_path))
    assert caught.value.hint == "build the project again"


def test_what_is_no_project_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a microgen project"):
        project.open_project(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        project.open_project(tmp_path / "none")


# Rebuilds projects, each in a child that kills itself before its n-th change to the file system.
_KILLED = """
import os, pathlib, sys
from microgen import projects as project
def build(steps, out):
    left = [steps]
    def watch(event, args):
        writes = event == "open" and args[1] and "w" in str(args[1])
        if writes or event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove"):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), 9)
    sys.addaudithook(watch)
    files = {f"lib/f{i}": b"new" for i in range(4)}
    project.write(pathlib.Path(out), files, {"src/main.cpp": b"main"}, {"build": 2}, force=False)
for line in sys.stdin:
    steps, _, out = line.rstrip().partition(" ")
    child = os.fork()
    if child == 0:
        try:
            build(int(steps), out)
            os._exit(0)
        finally:
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def killed():
    """Build into a folder, killed before a change to the file system; return the exit code."""
    command = [sys.executable, "-c", _KILLED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:

        def build(step, out):
            process.stdin.write(f"{step} {out}\n")
            return int(process.stdout.readline())

        yield build
        process.stdin.close()


def test_a_build_killed_anywhere_leaves_the_old_project_or_the_new_one(killed, tmp_path):
    old = {f"lib/f{i}": b"old" for i in range(3)} | {"lib/gone": b"old"}
    outcomes = set()
    for step in range(60):
        out = tmp_path / f"p{step}"
        project.write(out, old, {"src/main.cpp": b"main"}, {"build": 1}, force=False)
        code = killed(step, out)
        build = project.open_project(out).manifest["build"]
        found = {n: d for n, d in tree(out).items() if n.startswith("lib/")}
        expected = old if build == 1 else {f"lib/f{i}": b"new" for i in range(4)}
        assert found == expected, f"killed at step {step}"
        assert project.open_project(out).edited() == []
        outcomes.add((code, build))
        if code == 0:
            break
    assert outcomes == {(-signal.SIGKILL, 1), (-signal.SIGKILL, 2), (0, 2)}


def test_a_first_build_killed_anywhere_leaves_no_project_or_a_whole_one(killed, tmp_path):
    for step in range(60):
        out = tmp_path / f"p{step}"
        code = killed(step, out)
        assert not out.exists() or set(json.loads((out / "microgen.json").read_text())["files"]) <= set(tree(out))
        if code == 0:
            assert out.exists()
            break
        # The next build into the same place is not hindered by what the dead one left, and clears it away.
        write(out) if not out.exists() else None
        assert project.open_project(out).edited() == []
        assert not list(tmp_path.glob(f".p{step}.*"))
    else:
        pytest.fail("the build never finished")


KINDS = {
    "labels": ["/etc/passwd", None, [1], {}],
    "board": [1, None, ["esp32"]],
    "model": [[], "x", None],
    "model.name": [1, None],
    "source.warnings": [None, "x", [1]],
    "source.value_range": [[0], ["a", "b"], [0, True], [0, 2**64]],
    "source.sample_rate": [-1, True, "16000"],
    "arena": [None, 1],
    "arena.host_min_bytes": [None, -1, 1.5, 2**64],
    "verdict.seed": [None, "0"],
    "monitor_speed": ["fast", None],
    "application_options": [{"task": 1}, []],
    "selftest_at_boot": [1, None],
    "compiled": [None, []],
    "compiled.optimize": [1, [], "fastest"],
    "compiled.flash_budget": [-1, True, "16000", 2**64],
    "compiled.build_flags": [None, 5, "-O2", [2], ["-O2", "-fplugin=./x.so"], ["-O2\n"]],
    "files": [None, [], {"../x": "a"}, {"/x": "a"}, {"a\0b": "c"}, {"a": 1}],
    "user_files": ["x", [1]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in KINDS.items() for value in values])
def test_manifests_that_were_edited_are_refused_and_the_value_named(name, value, tmp_path):
    write(tmp_path / "p", runtime="compiled")
    path = tmp_path / "p/microgen.json"
    manifest = json.loads(path.read_text())
    outer, _, inner = name.partition(".")
    manifest[outer] = {**manifest.get(outer, {}), inner: value} if inner else value
    path.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=re.escape(f"microgen.json: '{name}' is not")) as refused:
        project.open_project(tmp_path / "p")
    assert "restore the file" in refused.value.hint


def test_what_a_compiled_project_records_of_its_code_is_taken(tmp_path):
    for code in ({}, {"optimize": None}, {"optimize": "size", "flash_budget": 0, "build_flags": ["-Os", "-DX=1"]}):
        write(tmp_path / "p", runtime="compiled", compiled=code)
        opened = project.open_project(tmp_path / "p")
        assert project_code(opened) == CodeOptions(code.get("optimize"), code.get("flash_budget"))
        assert project_build_flags(opened) == tuple(code.get("build_flags", ()))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "9" * 5000, "\ud800"])
def test_manifests_that_no_parser_takes_are_refused(text, tmp_path):
    write(tmp_path / "p")
    (tmp_path / "p/microgen.json").write_text(text, "utf-8", "surrogatepass")
    with pytest.raises(InputError, match=r"microgen\.json: cannot be read"):
        project.open_project(tmp_path / "p")


def test_a_manifest_says_what_is_missing_in_it(tmp_path):
    write(tmp_path / "p")
    with pytest.raises(InputError, match=r"microgen\.json: has no 'verdict\.seed'"):
        project.open_project(tmp_path / "p").required("verdict.seed")


@pytest.mark.parametrize("board", ["/etc/boards/x.toml", "../x.toml", "x.toml", "a/b"])
def test_a_manifest_names_no_board_file_elsewhere(board, tmp_path):
    write(tmp_path / "p", board=board)
    with pytest.raises(InputError, match="'board' is a file, not a name"):
        project_board(project.open_project(tmp_path / "p"))


def test_a_rebuild_that_was_cut_off_with_a_damaged_manifest_is_refused(tmp_path):
    write(tmp_path / "p")
    (tmp_path / "p/.microgen-commit").mkdir()
    for text in ("[]", "{}", '{"files": 1}', "["):
        (tmp_path / "p/.microgen-commit/microgen.json").write_text(text)
        with pytest.raises(InputError, match=r"microgen\.json"):
            project.open_project(tmp_path / "p")
