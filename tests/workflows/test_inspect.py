"""`inspect` of a model, and of a project with its own board, labels and measured arena."""

from __future__ import annotations

import json
import shutil

import pytest

import microgen
from microgen.errors import InputError
from microgen.support.json import json_text
from tests.support import models
from tests.support.tools import needs_host


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("inspect")
    (folder / "m.tflite").write_bytes(models.fully_connected())
    labels = ("a", "b", "c", "<d>")
    return microgen.build(folder / "m.tflite", "pico", out=folder / "p", samples=4, labels=labels).project


def test_a_project_is_inspected_with_its_own_board_and_what_was_measured(project):
    found, alone = microgen.inspect(project), microgen.inspect(project / "model.tflite", "pico")
    assert found.deployment.board.name == "pico" and found.labels == ("a", "b", "c", "<d>")
    manifest = json.loads((project / "microgen.json").read_text())
    assert found.memory["host_min_bytes"] == manifest["arena"]["host_min_bytes"] > 0
    assert found.golden == manifest["golden"]
    assert alone.golden is None and alone.labels == () and alone.memory["host_min_bytes"] == 0
    assert found.layers == alone.layers and found.fit.flash == alone.fit.flash
    assert microgen.inspect(project, "esp32").deployment.board.name == "esp32"


def test_without_a_board_nothing_is_told_of_memory(project):
    found = microgen.inspect(project / "model.tflite")
    assert found.deployment is None and found.fit is None and found.memory is None and found.advice == ()
    assert all(layer.arena_bytes is None for layer in found.layers)
    assert not {"board", "memory", "fit", "advice", "warnings"} & set(found.to_json())


def test_the_plain_data_is_all_that_json_holds(project):
    document = microgen.inspect(project).to_json()
    assert json.loads(json_text(document)) == document
    (layer,) = document["layers"]
    assert layer["op"] == "FULLY_CONNECTED" and layer["macs"] == document["macs"] == 32
    assert layer["arena_bytes"] == document["memory"]["peak"]["bytes"] > 0


def test_a_folder_that_is_no_project_is_refused(tmp_path):
    with pytest.raises(InputError, match="not a microgen project"):
        microgen.inspect(tmp_path)


def test_a_page_of_a_project_names_its_golden_vectors_and_labels(project, tmp_path):
    verdict = microgen.verify(project, samples=4, layers=True)
    microgen.write_report(tmp_path / "r.html", microgen.inspect(project), verdict)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert microgen.inspect(project).golden["sha256"] in page and "4 samples (firmware = TFLM" in page


def test_a_project_whose_model_was_exchanged_is_refused(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "p")
    (copy / "model.tflite").write_bytes(models.two_by_two())
    with pytest.raises(InputError, match="not the model that this project was built from"):
        microgen.inspect(copy)


def test_what_float_edges_cost_is_said(tmp_path):
    from microgen.report.models import inspect_lines

    for data, more in ((models.float_edges(), 30), (models.two_by_two(), 0)):
        (tmp_path / "m.tflite").write_bytes(data)
        found = microgen.inspect(tmp_path / "m.tflite")
        assert found.to_json()["float_edges_bytes"] == more
        assert [text for name, text in inspect_lines(found) if name == "edges"] == [
            f"float32 inputs and outputs take {more} bytes more RAM than integers; the copies for the serial "
            "commands take the same again"
        ][: more > 0]
