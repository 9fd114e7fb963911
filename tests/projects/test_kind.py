"""A kind of project from a folder of the test's own: built, verified, compiled and flashed like one of microgen's."""

from __future__ import annotations

import json

import pytest

import microgen
from microgen.devices import connected
from microgen.errors import InputError
from microgen.projects import PROJECTS, open_project
from tests.plugin.project import LAYOUT, Makefile
from tests.projects.test_project import tree
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import needs_host


@pytest.fixture
def kind():
    made = Makefile()
    PROJECTS.register(made)
    yield made
    PROJECTS.unregister(made.name)


@pytest.fixture
def model(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    return tmp_path / "m.tflite"


def test_it_is_built_and_verified_where_its_layout_says(kind, model, tmp_path):
    needs_host()
    out = tmp_path / "p"
    result = microgen.build(model, "pico", out=out, project_kind="makefile", samples=4, compile=True)
    assert result.verdict.passed and result.verdict.firmware == "equal"
    assert result.compiled.flash_bytes == 1 and kind.tool.calls == [("compile", out)]
    names = set(tree(out))
    assert {"app/program.cpp", "source/session.cc", "source/golden_data.cc", "source/model_data.cc"} <= names
    assert {"Makefile", "board/platform.h", "README.md", "model.tflite", "microgen.json"} <= names
    assert not [n for n in names if n.startswith(("lib/", "src/")) or "platformio" in n]
    manifest = open_project(out).manifest
    assert manifest["project"] == "makefile" and manifest["layout"] == LAYOUT.to_json()
    assert manifest["user_files"] == ["app/program.cpp"]

    program = out / "app/program.cpp"
    program.write_text(program.read_text() + "// mine\n")
    assert microgen.verify(out, samples=4).firmware == "equal"
    assert not microgen.build(model, "pico", out=out, project_kind="makefile", samples=4, check=True).drift
    microgen.build(model, "pico", out=out, project_kind="makefile", samples=4)
    assert program.read_text().endswith("// mine\n")
    with connected(sources(out), microgen.load(out / "model.tflite")) as client:
        assert client.selftest().passed
    data = out / "source/golden_data.cc"
    data.write_text(data.read_text().replace("0x7f", "0x7e", 1))
    assert "source/golden_data.cc is stale" in microgen.verify(out, samples=4).reason


def test_its_own_tool_compiles_flashes_and_monitors(kind, model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", project_kind="makefile", samples=4, verify=False).project
    lines: list[str] = []
    assert microgen.compile_project(out, on_line=lines.append).ram_bytes == 3 and len(lines) == 1
    microgen.flash(out, port="/dev/ttyX")
    assert microgen.monitor(out) == 7
    assert kind.tool.calls == [("compile", out), ("flash", out, "/dev/ttyX"), ("monitor", out, None)]

    kind.tool = None
    for use in (microgen.compile_project, microgen.flash, microgen.monitor):
        with pytest.raises(InputError, match="no tool for projects of the kind 'makefile'"):
            use(out)
    with pytest.raises(InputError, match="no tool for projects of the kind 'makefile'"):
        microgen.build(model, "pico", out=tmp_path / "q", project_kind="makefile", compile=True)
    assert not (tmp_path / "q").exists()


def test_what_it_refuses_is_not_built(kind, model, tmp_path):
    with pytest.raises(InputError, match="no Makefile for teensy41"):
        microgen.build(model, "teensy41", out=tmp_path / "p", project_kind="makefile")
    assert not (tmp_path / "p").exists()


def test_a_project_does_not_become_another_kind_by_accident(kind, model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", samples=4, verify=False).project
    before = tree(out)
    with pytest.raises(InputError, match=r"main\.cpp: written for the project 'platformio', not 'makefile'") as caught:
        microgen.build(model, "pico", out=out, project_kind="makefile", samples=4, verify=False)
    assert "force=True" in caught.value.hint and tree(out) == before
    microgen.build(model, "pico", out=out, project_kind="makefile", samples=4, verify=False, force=True)
    after = tree(out)
    assert after["src/main.cpp"] == before["src/main.cpp"], "a user's file is never deleted"
    assert "app/program.cpp" in after and "platformio.ini" not in after and "lib/model/model_data.cc" not in after


def test_an_unknown_kind_is_refused_with_the_nearest(model, tmp_path):
    with pytest.raises(InputError, match="there is no kind of project 'platformoi'") as caught:
        microgen.build(model, "pico", out=tmp_path / "p", project_kind="platformoi")
    assert "platformio" in caught.value.hint
    out = microgen.build(model, "pico", out=tmp_path / "p", samples=4, verify=False).project
    manifest = json.loads((out / "microgen.json").read_text())
    (out / "microgen.json").write_text(json.dumps({**manifest, "project": "gone"}))
    with pytest.raises(InputError, match="there is no kind of project 'gone'"):
        microgen.flash(out)


@pytest.mark.parametrize(
    "layout",
    [
        [],
        {"main": "src/main.cpp"},
        {"main": "/etc/x", "model": "a", "serial": "b", "golden": "c", "application": "", "platform": ""},
        {"main": "m", "model": "../a", "serial": "b", "golden": "c", "application": "", "platform": ""},
        {"main": "m", "model": 1, "serial": "b", "golden": "c", "application": "", "platform": ""},
    ],
)
def test_a_damaged_layout_is_refused(model, tmp_path, layout):
    out = microgen.build(model, "pico", out=tmp_path / "p", samples=4, verify=False).project
    manifest = json.loads((out / "microgen.json").read_text())
    (out / "microgen.json").write_text(json.dumps({**manifest, "layout": layout}))
    with pytest.raises(InputError, match="layout is damaged"):
        microgen.verify(out, samples=4)
