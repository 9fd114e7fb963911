"""A runtime from a folder of its own, added without touching the package: it computes FULLY_CONNECTED in plain C++."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import microgen
from microgen.boards import board_file, load_board
from microgen.deployment import deploy
from microgen.deployment.fit import memory_fit
from microgen.errors import InputError
from microgen.projects import open_project
from microgen.runtimes import RUNTIMES
from tests.support import models
from tests.support.tools import needs_host

PLUGIN = Path(__file__).parent.parent / "plugin"


@pytest.fixture
def plain(monkeypatch):
    monkeypatch.syspath_prepend(PLUGIN)
    import plain_runtime

    RUNTIMES.register(plain_runtime.RUNTIME)
    yield plain_runtime.RUNTIME
    RUNTIMES.unregister("plain")
    del sys.modules["plain_runtime"]


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "dense.tflite"
    path.write_bytes(models.fully_connected())
    return path


@pytest.fixture
def board(tmp_path):
    """A board for which nobody has built TFLM."""
    lines = board_file("pico").read_text("utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("tflm = "))
    path = tmp_path / "bare.toml"
    path.write_text(text.replace('name = "pico"', 'name = "bare"', 1), "utf-8")
    return path


def test_a_project_of_a_second_runtime_is_verified_against_the_reference(plain, model, board, tmp_path):
    needs_host()
    result = microgen.build(model, board, out=tmp_path / "p", runtime="plain", samples=50)
    assert result.verdict.passed and result.verdict.firmware == "equal", result.verdict
    assert result.deployment.plan.runtime == "plain"
    opened = open_project(tmp_path / "p")
    assert opened.manifest["runtime"] == "plain" and "tflm" not in opened.manifest
    library = tmp_path / "p/lib/model"
    assert (library / "model_runner.cc").is_file() and not (library / "model_data.cc").exists()
    config = (library / "model_config.h").read_text()
    assert "MODEL_OPS" not in config and "kArenaBytes" in config
    assert "tflite" not in (tmp_path / "p/platformio.ini").read_text()


def test_all_that_is_done_with_a_project_asks_its_own_runtime(plain, model, board, tmp_path):
    needs_host()
    folder = microgen.build(model, board, out=tmp_path / "p", runtime="plain", samples=8).project
    assert microgen.verify(folder, samples=20).firmware == "equal"
    assert microgen.selftest(folder).passed
    assert microgen.bench(folder, runs=3, warmups=0).tflm == "plain (host)"
    assert microgen.inspect(folder).deployment.plan.runtime == "plain"
    # A bias that differs is a firmware that differs.
    runner = folder / "lib/model/model_runner.cc"
    text = runner.read_text()
    edited = text.replace("kBias[4] = {", "kBias[4] = {5000 + ", 1)
    assert edited != text
    runner.write_text(edited)
    verdict = microgen.verify(folder, samples=20)
    assert verdict.status == "diverged" and "not TFLM's" in verdict.reason


def test_a_board_without_tflm_is_refused_by_tflm_alone(plain, model, board, tmp_path):
    with pytest.raises(InputError, match="has no TFLM"):
        microgen.build(model, board, out=tmp_path / "p")
    fit = memory_fit(deploy("m", microgen.load(model), load_board(str(board)), runtime="plain"))
    assert fit.outcome == "fits" and {p.name: p.error_bytes for p in fit.flash.parts}["weights"] == 0
    with pytest.raises(InputError, match="it has no operator ADD"):
        microgen.build(_write(tmp_path, models.two_by_two()), board, out=tmp_path / "q", runtime="plain")
    assert not (tmp_path / "q").exists()


def test_an_unknown_runtime_is_refused_with_the_names(model, tmp_path):
    with pytest.raises(InputError, match="no runtime 'tfml'") as caught:
        microgen.build(model, "pico", out=tmp_path / "p", runtime="tfml")
    assert caught.value.hint == "did you mean 'tflm'?"


def test_a_project_without_a_record_of_its_runtime_is_of_tflm(model, tmp_path):
    needs_host()
    folder = microgen.build(model, "pico", out=tmp_path / "p", samples=4, verify=False).project
    manifest = json.loads((folder / "microgen.json").read_text())
    del manifest["runtime"]
    (folder / "microgen.json").write_text(json.dumps(manifest))
    assert microgen.verify(folder, samples=4).firmware == "equal"


def _write(folder: Path, data: bytes) -> Path:
    path = folder / "other.tflite"
    path.write_bytes(data)
    return path
