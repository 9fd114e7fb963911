"""Another model under a main program that its user edited: a build says what changed, and asks."""

from __future__ import annotations

import pytest

import microgen
from microgen.errors import InputError
from microgen.projects import open_project
from microgen.projects.interface import interface_changes
from microgen.tflite import load
from tests.support import models


@pytest.fixture
def project(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    labels = ["a", "b", "c", "d"]
    return microgen.build(
        tmp_path / "m.tflite", "pico", out=tmp_path / "p", labels=labels, samples=4, verify=False
    ).project


def again(project, data, **options):
    (project.parent / "m.tflite").write_bytes(data)
    return microgen.build(project.parent / "m.tflite", "pico", out=project, samples=4, verify=False, **options)


def edit(project):
    main = project / "src/main.cpp"
    main.write_text(main.read_text() + "// mine\n")
    return main.read_bytes()


LABELS = ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("data", "labels", "says"),
    [
        (models.fully_connected(width=12), LABELS, ["input 0: int8 [1, 8], now int8 [1, 12]"]),
        (models.fully_connected(units=3), ["a", "b", "c"], ["output 0: int8 [1, 4], now int8 [1, 3]", "label 3: d"]),
        (models.fully_connected(), ["a", "c", "b", "d"], ["label 1: b, now c", "label 2: c, now b"]),
        (models.fully_connected(), None, ["labels: 4, now none"]),
        (models.fully_connected(dtype="int16"), LABELS, ["input 0: int8 [1, 8], now int16 [1, 8]"]),
    ],
)  # fmt: skip
def test_an_edited_program_is_not_given_another_interface(data, labels, says, project):
    kept = edit(project)
    before = (project / "microgen.json").read_bytes()
    with pytest.raises(InputError) as caught:
        again(project, data, labels=labels)
    assert all(text in caught.value.message for text in says) and caught.value.option == "accept_interface"
    assert (project / "microgen.json").read_bytes() == before, "nothing was written"
    again(project, data, labels=labels, accept_interface=True)
    assert (project / "src/main.cpp").read_bytes() == kept
    again(project, data, labels=labels)  # what was accepted is the project's now


def test_what_a_program_does_not_rely_on_may_change(project):
    kept = edit(project)
    again(project, models.fully_connected(scale=0.07), labels=LABELS)  # another quantization
    assert (project / "src/main.cpp").read_bytes() == kept


def test_a_program_that_nobody_edited_may_get_any_model_and_force_writes_a_new_one(project):
    again(project, models.fully_connected(width=12), labels=LABELS)
    kept = edit(project)
    again(project, models.fully_connected(width=6), labels=LABELS, force=True)
    assert (project / "src/main.cpp").read_bytes() != kept


def test_models_that_come_and_go_are_named(project):
    opened = open_project(project)
    one = load(project / "model.tflite", "m")
    assert interface_changes(opened, [("m", one, tuple(LABELS))]) == []
    two = [("m", one, tuple(LABELS)), ("n", one, ())]
    assert interface_changes(opened, two) == ["model 'n' is new"]
    assert interface_changes(opened, []) == ["model 'm' was removed"]
