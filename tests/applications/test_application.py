"""An application from a folder of the test's own: built, verified and run like one of microgen's."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.applications import APPLICATIONS
from microgen.deployment import deploy
from microgen.deployment.fit import memory_fit
from microgen.devices import connected
from microgen.errors import InputError
from microgen.projects import open_project
from tests.plugin.application import Counting
from tests.projects.test_project import tree
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import needs_host


@pytest.fixture
def counting():
    made = Counting()
    APPLICATIONS.register(made)
    yield made
    APPLICATIONS.unregister(made.name)


@pytest.fixture
def model(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    return tmp_path / "m.tflite"


def test_it_is_built_verified_and_answers_in_its_own_way(counting, model, tmp_path):
    needs_host()
    options = {"threshold": "0.5"}
    built = microgen.build(
        model, "pico", out=tmp_path / "p", application="counting", application_options=options, samples=8
    )
    out = built.project
    assert built.verdict.passed and built.verdict.firmware == "equal"
    manifest = open_project(out).manifest
    assert (manifest["application"], manifest["application_options"]) == ("counting", options)
    assert microgen.verify(out, samples=4).firmware == "equal"
    (tensor,) = built.deployment.model.outputs
    rng = np.random.default_rng(0)
    counts = set()
    with connected(sources(out), microgen.load(out / "model.tflite")) as client:
        for _ in range(20):
            answer = client.infer([rng.integers(0, 256, 8, np.uint8).tobytes()], 1).outputs[0]
            values = (np.frombuffer(answer, np.int8).astype(float) - tensor.zero_point) * tensor.scale
            assert client.command("results") == [f"m-results-[{np.sum(values > 0.5)}]"]
            counts.add(np.sum(values > 0.5))
    assert len(counts) > 1


def test_its_ram_counts_and_what_it_refuses_is_not_built(counting, model, tmp_path):
    board = microgen.load_board("pico")
    loaded = microgen.load(model)
    usual, more = (memory_fit(deploy("m", loaded, board, application=a)).ram.bytes for a in (None, counting))
    assert more == usual + 1000
    (tmp_path / "two.tflite").write_bytes(models.two_by_two())
    with pytest.raises(InputError, match="has several outputs"):
        microgen.build(tmp_path / "two.tflite", "pico", out=tmp_path / "p", application="counting")
    assert not (tmp_path / "p").exists()


def test_a_program_is_not_kept_for_an_application_that_it_was_not_written_for(counting, model, tmp_path):
    fast = {"out": tmp_path / "p", "samples": 4, "verify": False}
    out = microgen.build(model, "pico", **fast).project
    # MLPerf's commands are answered by the same program.
    microgen.build(model, "pico", mlperf="ic01", **fast)
    microgen.build(model, "pico", **fast)
    before = tree(out)
    with pytest.raises(InputError, match=r"main\.cpp: written for the application 'serial', not 'counting'") as caught:
        microgen.build(model, "pico", application="counting", **fast)
    assert "force=True" in caught.value.hint and tree(out) == before
    microgen.build(model, "pico", application="counting", force=True, **fast)
    assert b"// Your counter." in (out / "src/main.cpp").read_bytes()
    assert not (out / "lib/application/application.cc").exists() and (out / "lib/application/counting.cc").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"application": "serail"}, "there is no application 'serail'"),
        ({"application_options": {"speed": "1"}}, "the application 'serial' has no option 'speed'"),
        ({"application": "mlperf", "application_options": {"speed": "1"}}, "'mlperf' has no option 'speed'"),
        ({"application": "mlperf", "application_options": {"task": "ic99"}}, "no such task"),
        ({"application": "serial", "mlperf": "ic01"}, "the application 'serial' and mlperf=ic01"),
    ],
)
def test_what_does_not_exist_is_refused(model, tmp_path, arguments, says):
    with pytest.raises(InputError, match=says):
        microgen.build(model, "pico", out=tmp_path / "p", **arguments)
    assert not (tmp_path / "p").exists()


def test_mlperf_is_an_application_like_others(model, tmp_path):
    fast = {"samples": 4, "verify": False}
    short = microgen.build(model, "pico", out=tmp_path / "a", mlperf="ic01", **fast).project
    options = {"task": "ic01"}
    long = microgen.build(
        model, "pico", out=tmp_path / "b", name="ic01", application="mlperf", application_options=options, **fast
    ).project
    assert tree(short) == tree(long)
    assert open_project(long).manifest["application_options"] == options
