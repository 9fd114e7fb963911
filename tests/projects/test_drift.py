"""`build --check`: what differs between a project and what a build makes now, and that nothing is written."""

from __future__ import annotations

import json
import shutil

import pytest

import microgen
from microgen import projects as project
from microgen.errors import InputError
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import run

FAST = {"verify": False, "samples": 4}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drift")
    (folder / "small.tflite").write_bytes(models.fully_connected())
    microgen.build(folder / "small.tflite", "pico", out=folder / "p", **FAST)
    return folder


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "work")


def check(folder, model="small.tflite", board="pico", **options):
    """Check, and make sure that the whole folder stays as it is."""
    before = tree(folder)
    found = microgen.build(folder / model, board, out=folder / "p", check=True, **{**FAST, **options})
    assert tree(folder) == before
    return found


def changes(found):
    return {c.path: (c.by_hand, c.by_build) for c in found.drift.changes}


def test_an_unchanged_project_has_no_drift_and_its_own_files_do_not_count(folder):
    (folder / "p/src/main.cpp").write_text("int mine;")
    (folder / "p/notes.txt").write_text("mine")
    found = check(folder)
    assert found.drift == microgen.Drift() and found.passed
    assert found.to_json()["drift"] == {"drifted": False, "changes": [], "causes": []}


def test_edited_and_deleted_files_are_the_users_doing(folder):
    (folder / "p/lib/serial/session.cc").write_text("edited")
    (folder / "p/platformio.ini").unlink()
    (folder / "p/src/main.cpp").unlink()
    found = check(folder)
    assert changes(found) == {
        "lib/serial/session.cc": ("edited", ""),
        "platformio.ini": ("missing", ""),
        "src/main.cpp": ("missing", ""),
    }
    assert found.drift.causes == () and not found.passed and found.verdict.passed
    assert "lib/serial/session.cc: edited by hand" in [c.summary() for c in found.drift.changes]


def test_another_model_is_the_builds_doing_and_named(folder):
    (folder / "other.tflite").write_bytes(models.fully_connected(units=3))
    (folder / "p/lib/model/model_config.h").write_text("edited, too")
    found = check(folder, "other.tflite", name="small")
    assert changes(found)["lib/model/model_data.cc"] == changes(found)["model.tflite"] == ("", "changed")
    assert changes(found)["lib/model/model_config.h"] == ("edited", "changed")
    assert changes(found)["microgen.json"] == ("", "changed")
    assert [c.what for c in found.drift.causes] == ["model.sha256"]


def test_a_deleted_file_that_a_build_makes_otherwise_now_is_both(folder):
    (folder / "p/platformio.ini").unlink()
    found = check(folder, board="pico2")
    assert changes(found)["platformio.ini"] == ("missing", "changed")
    assert ("board", '"pico"', '"pico2"') in [(c.what, c.committed, c.rebuilt) for c in found.drift.causes]


def test_another_version_of_microgen(folder, monkeypatch):
    for room in ("manifest", "firmware", "platformio.kind"):
        monkeypatch.setattr(f"microgen.projects.{room}.__version__", "9.9.9")
    found = check(folder)
    assert [c.summary() for c in found.drift.causes] == ['microgen: "0.2.0", now "9.9.9"']
    assert {"microgen.json", "lib/model/model_config.h"} <= set(changes(found))


def test_an_option_that_is_no_input_shows_as_what_it_changed(folder):
    found = check(folder, arena_bytes=65536)
    assert "arena.bytes" in [c.what for c in found.drift.causes]
    assert "lib/model/model_config.h" in changes(found)


def test_files_that_come_and_go(folder):
    """As after an update of microgen: a file of the old one that the new one does not make, and the other way."""
    manifest = json.loads((folder / "p/microgen.json").read_text())
    manifest["files"]["lib/serial/old.h"] = project.digest(b"old")
    (folder / "p/lib/serial/old.h").write_bytes(b"old")
    (folder / "p/lib/serial/session.h").unlink()
    del manifest["files"]["lib/serial/session.h"]
    (folder / "p/microgen.json").write_text(json.dumps(manifest))
    assert changes(check(folder)) == {
        "lib/serial/session.h": ("", "new"),
        "lib/serial/old.h": ("", "obsolete"),
        "microgen.json": ("", "changed"),
    }


def test_a_manifest_that_only_looks_otherwise_was_edited(folder):
    path = folder / "p/microgen.json"
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert changes(check(folder)) == {"microgen.json": ("edited", "")}


def test_a_rebuild_that_was_cut_off_is_refused_and_not_finished(folder):
    (folder / "p/.microgen-commit").mkdir()
    with pytest.raises(InputError, match="was interrupted"):
        check(folder)


@pytest.mark.parametrize("option", ["force", "compile"])
def test_options_that_write_are_refused(folder, option):
    with pytest.raises(InputError, match="a check writes nothing") as caught:
        check(folder, **{option: True})
    assert caught.value.option == option


def test_the_command(folder):
    build = ("build", "small.tflite", "--board", "pico", "--out", "p", "--samples", "4", "--no-verify", "--check")
    done = run(*build, cwd=folder)
    assert done.returncode == 0 and done.stdout.splitlines()[-1].split(maxsplit=1)[1].startswith("none")
    (folder / "p/platformio.ini").write_text("")
    before = tree(folder)
    done = run(*build, cwd=folder)
    assert done.returncode == 1 and "drift    platformio.ini: edited by hand" in done.stdout
    done = run(*build, "--json", cwd=folder)
    assert done.returncode == 1 and json.loads(done.stdout)["drift"]["changes"] == [
        {"path": "platformio.ini", "by_hand": "edited", "by_build": ""}
    ]
    assert tree(folder) == before
    done = run("build", "small.tflite", "--out", "none", "--check", cwd=folder)
    assert done.returncode == 2 and "none: no such folder" in done.stderr


def test_several_boards(folder):
    microgen.build_all(folder / "small.tflite", ["pico", "esp32"], out=folder / "all", **FAST)
    (folder / "all/small-esp32/platformio.ini").write_text("")
    before = tree(folder)
    results = microgen.build_all(folder / "small.tflite", ["pico", "esp32"], out=folder / "all", check=True, **FAST)
    assert [r.exit_code for r in results] == [0, 1] and tree(folder) == before
    done = run(
        *("build", "small.tflite", "--board", "pico", "--board", "esp32", "--out", "all"),
        *("--samples", "4", "--no-verify", "--check"),
        cwd=folder,
    )
    assert done.returncode == 1 and "1 file drifted" in done.stdout
