"""Builds side by side: one folder is one build's at a time, and what fails leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import microgen
from microgen import projects
from microgen.errors import InputError
from microgen.projects import folder
from tests.projects.test_project import tree
from tests.support import models

FAST = {"samples": 4, "verify": False}


@pytest.fixture
def model(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    return tmp_path / "m.tflite"


def test_a_second_build_of_a_folder_is_refused_at_once(model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", **FAST).project
    before, steps = tree(out), []
    with projects.Claim(out):
        with pytest.raises(InputError, match="another build or check of this project is running") as refused:
            microgen.build(model, "pico", out=out, seed=1, on_step=steps.append, **FAST)
        assert projects.open_project(out).edited() == [], "it may be read meanwhile"
    assert refused.value.option == "out" and not steps and tree(out) == before
    microgen.build(model, "pico", out=out, seed=1, **FAST)
    assert tree(out) != before


def test_checks_share_a_folder_and_keep_builds_out(model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", **FAST).project
    with projects.Claim(out, shared=True):
        assert microgen.build(model, "pico", out=out, check=True, **FAST).drift is not None
        with pytest.raises(InputError, match="another build or check of this project is running"):
            microgen.build(model, "pico", out=out, **FAST)
    with projects.Claim(out), pytest.raises(InputError, match="p: a build of this project is running"):
        microgen.build(model, "pico", out=out, check=True, **FAST)


def test_the_lock_of_a_dead_build_is_gone(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from microgen.projects import Claim;"
        "claim = Claim(Path(sys.argv[1])); claim.take(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
    with projects.Claim(tmp_path):
        pass


def test_who_opens_a_project_waits_for_the_files_that_are_being_moved(model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", **FAST).project
    with projects.Claim(out):
        (out / ".microgen-commit").mkdir()
        opened = threading.Event()
        reader = threading.Thread(target=lambda: (projects.open_project(out), opened.set()))
        reader.start()
        assert not opened.wait(0.1)
    reader.join()
    assert opened.is_set() and not (out / ".microgen-commit").exists()


def test_a_folder_that_another_build_made_meanwhile_is_not_written_into(tmp_path, monkeypatch):
    files, user = {"a.txt": b"ours"}, {"main.cpp": b"main"}
    out, create = tmp_path / "p", folder._create

    def late(path, contents):
        out.mkdir()
        (out / "theirs").touch()
        create(path, contents)

    monkeypatch.setattr(folder, "_create", late)
    with pytest.raises(InputError, match="a different build wrote it in the meantime"):
        projects.write(out, files, user, {}, force=False)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["p", "theirs"]


def test_a_rebuild_that_fails_leaves_no_stage(tmp_path, monkeypatch):
    out = tmp_path / "p"
    projects.write(out, {"a.txt": b"1"}, {}, {}, force=False)
    before = tree(out)

    def full(path, contents):
        path.mkdir()
        (path / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "write_all", full)
    with pytest.raises(InputError, match="No space left"):
        projects.write(out, {"a.txt": b"2"}, {}, {}, force=False)
    assert tree(out) == before and not (out / ".microgen-stage").exists()


@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_in_the_place_of_a_project_is_refused_at_once(model, tmp_path, target):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(target)
    steps = []
    with pytest.raises(InputError, match="is a symbolic link") as refused:
        microgen.build(model, "pico", out=tmp_path / "link", on_step=steps.append, **FAST)
    assert not steps and target in refused.value.hint
