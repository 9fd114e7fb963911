"""The compiled runtime as users get it: a project, its verdict on this machine and on the emulated CPU."""

from __future__ import annotations

import re

import pytest

import microgen
from microgen.boards import load_board
from microgen.errors import InputError
from microgen.projects import open_project
from microgen.runtimes import RUNTIMES
from microgen.tflite import load, parse
from tests.support import models
from tests.support.tools import needs_cpu, needs_host

COMPILED = RUNTIMES.get("compiled")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(models.two_by_two())
    return path


@pytest.mark.parametrize("board", ["esp32c3", "nano33ble"])
def test_a_project_has_no_library_and_gives_the_bytes_of_tflm(board, model, tmp_path):
    needs_host()
    result = microgen.build(model, board, out=tmp_path / "p", runtime="compiled", samples=20)
    assert result.verdict.firmware == "equal" and result.verdict.tensors == len(load(model).main.operators)
    names = {p.relative_to(tmp_path / "p/lib/model").as_posix() for p in (tmp_path / "p/lib/model").rglob("*")}
    assert {"model.c", "model.h", "model_runner.cc"} <= names
    assert ("armv7em/model.c" in names) == (board == "nano33ble")
    settings = (tmp_path / "p/platformio.ini").read_text()
    assert "TensorFLow" not in settings and "tflm" not in settings.lower()
    manifest = open_project(tmp_path / "p").manifest
    assert manifest["runtime"] == "compiled" and manifest["compiled"]["proven_channels"] >= 0
    assert microgen.verify(tmp_path / "p", samples=8).passed


def test_a_tensor_between_operators_that_is_not_tflms_is_found(model, tmp_path):
    """The output is right all the same: the wrong byte is put right before the next operator reads it."""
    needs_host()
    microgen.build(model, "pico", out=tmp_path / "p", runtime="compiled", verify=False)
    source = tmp_path / "p/lib/model/model.c"
    text = source.read_text()
    place = re.search(r"case 0:\n +take\(\d+u, (\w+ \+ \d+),", text)[1]
    observed = "  MODEL_OBSERVE(0u);\n"
    source.write_text(text.replace(observed, f"  *({place}) ^= 1;\n{observed}  *({place}) ^= 1;\n"))
    verdict = microgen.verify(tmp_path / "p", samples=8)
    assert verdict.status == "diverged" and verdict.reason.startswith("operator 0 ("), verdict.reason


@pytest.mark.parametrize("board", ["pico", "nano33ble", "esp32c3"])
def test_the_emulated_cpu_gives_the_bytes_of_tflm(board, model, tmp_path):
    needs_host()
    needs_cpu(load_board(board).processor)
    result = microgen.build(model, board, out=tmp_path / "p", runtime="compiled", samples=8, verify_on="emulator")
    assert result.verdict.firmware == "equal"
    assert result.verdict.device.cpu == load_board(board).processor.title
    assert microgen.bench(tmp_path / "p", on="emulator").to_json()["instructions"] > 0


def test_a_build_is_the_same_whatever_was_built_before(model, tmp_path):
    first = COMPILED.plan(load(model), load_board("nano33ble")).sources()
    COMPILED.plan(parse(models.fully_connected(), "x"), load_board("nano33ble"))
    assert COMPILED.plan(load(model), load_board("nano33ble")).sources() == first


def test_files_of_other_layers_are_left_out(model):
    names = set(COMPILED.plan(load(model), load_board("pico")).sources())
    assert "lstm.c" not in names and not any(name.startswith("armv7em/") for name in names)


def test_a_size_of_the_arena_is_refused(model):
    with pytest.raises(InputError, match="no arena"):
        COMPILED.plan(load(model), load_board("pico"), arena_bytes=10_000)


def test_parts_of_the_flash_hold_what_is_linked(shared_models, tmp_path):
    """Code and constants of kws on Cortex-M4F, as linked, lie within the error of the estimate."""
    plan = COMPILED.plan(load(shared_models / "kws_ref_model.tflite"), load_board("nano33ble"))
    kernels = plan.code_parts()[0]
    assert abs(kernels.bytes - 4_752) <= kernels.error_bytes
    assert plan.arena.bytes < 8_600


def test_inspect_shows_either_runtime(model, tmp_path):
    compiled = microgen.inspect(model, "pico", "compiled").to_json()
    tflm = microgen.inspect(model, "pico").to_json()
    assert compiled["memory"]["arena_bytes"] < tflm["memory"]["arena_bytes"]
    assert compiled["fit"]["memories"][0]["bytes"] < tflm["fit"]["memories"][0]["bytes"]
    assert all(
        0 <= b["offset"] <= compiled["memory"]["arena_bytes"] - b["bytes"] for b in compiled["memory"]["buffers"]
    )
    microgen.write_report(tmp_path / "r.html", microgen.inspect(model, "pico", "compiled"))
