from __future__ import annotations

import dataclasses
import json

import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.boards import Board, board_names, load_board
from microgen.deployment import Deployment, deploy
from microgen.deployment.fit import Fit, memory_fit
from microgen.runtimes.tflm.arena import Arena
from microgen.tflite import flashed, parse
from tests.support import models


def deployed(board: Board, arena: int = 4096) -> Deployment:
    made = deploy("m", parse(models.fully_connected(), "m"), board, 2048)
    return dataclasses.replace(made, plan=dataclasses.replace(made.plan, arena=Arena(arena, arena, 0, 0)))


def fit(board: str, arena: int = 4096) -> Fit:
    return memory_fit(deployed(load_board(board), arena))


@pytest.mark.parametrize("name", board_names())
def test_a_small_model_fits_every_board(name: str) -> None:
    found = fit(name)
    assert (found.outcome, found.fits, found.reasons, found.region) == ("fits", True, (), None)
    assert found.flash.bytes == sum(p.bytes for p in found.flash.parts)
    assert all(p.source for m in found.memories for p in m.parts)
    assert json.loads(json.dumps(found.to_json()))["memories"][1]["bytes"] == found.ram.bytes


def test_the_parts_of_the_flash() -> None:
    board = load_board("pico")
    found = memory_fit(deployed(board))
    code = board.snapshot.code
    parts = {p.name: p.bytes for p in found.flash.parts}
    assert parts["model"] == len(flashed(parse(models.fully_connected())).data)
    assert parts["TFLM runtime and firmware"] == code.runtime_bytes
    assert parts["kernels of 1 operator"] == code.op_bytes["FULLY_CONNECTED"]
    assert parts["board core"] == board.core.flash_bytes
    kernels = next(p for p in found.flash.parts if p.name.startswith("kernels"))
    assert kernels.error_bytes == -(-kernels.bytes * code.error_percent["armv6-m"] // 100)


def test_a_custom_operator_counts_as_what_was_not_measured() -> None:
    data = models.one_operator("", custom="SignalWindow")
    made = deploy("m", parse(data, "m"), load_board("pico"), 2048)
    found = next(p for p in memory_fit(made).flash.parts if p.name == "kernels of 1 custom")
    assert found.source == "not measured" and found.error_bytes == found.bytes > 0


def test_every_byte_of_the_arena_counts() -> None:
    limit = load_board("pico").mcu.ram_bytes
    small = fit("pico")
    room = limit - small.ram.bytes - small.ram.error_bytes
    assert fit("pico", 4096 + room).outcome == "fits"
    assert fit("pico", 4096 + room + 1).outcome == "tight"
    large = fit("pico", 4096 + room + 2 * small.ram.error_bytes + 1)
    assert (large.outcome, large.fits) == ("too large", False)
    assert f"of {limit:,}" in large.reasons[0] and "the largest part is the arena" in large.reasons[0]


@pytest.mark.parametrize(("board", "region"), [("esp32s3-n16r8", "PSRAM"), ("teensy41", "RAM2")])
def test_a_large_arena_goes_to_further_ram(board: str, region: str) -> None:
    found = fit(board, 450_000)
    assert found.region is not None and found.region.name == region
    assert found.fits and [m.name for m in found.memories] == ["flash", "RAM", region]
    assert "arena" not in {p.name for p in found.ram.parts}
    assert found.to_json()["arena_in"] == region


def camera(board: str) -> Fit:
    """A model with a large float32 input, which one operator makes small at once."""
    b = models.ModelBuilder()
    x, q = b.tensor("x", [1, 224, 224, 3], "float32"), b.tensor("q", [1, 224, 224, 3])
    axes, y = b.tensor("axes", [2], "int32", (), values=[1, 2]), b.tensor("y", [1, 3])
    b.op("QUANTIZE", [x], [q])
    b.op("MEAN", [q, axes], [y], schema.ReducerOptionsT())
    return memory_fit(deploy("m", parse(b.build([x], [y]), "m"), load_board(board)))


def test_large_copies_go_to_further_ram_before_the_arena_does() -> None:
    """The serial commands' copy of an input is used once an inference, an arena all the time."""
    found = camera("esp32s3-n16r8")
    assert found.fits and found.region is not None and found.copies_region == found.region
    assert found.placement_flags == ("-DMODEL_ARENA_PSRAM=1", "-DMODEL_COPIES_PSRAM=1")
    assert {p.name for p in found.memories[2].parts} == {"arena", "copies of inputs and outputs"}
    assert found.ram.bytes < 40_000 and found.to_json()["copies_in"] == "PSRAM"
    # In the Teensy's RAM2 only one of them has room, and the copies alone make the arena no smaller.
    assert camera("teensy41").outcome == camera("esp32s3").outcome == "too large"


def test_only_the_copies_go_where_that_is_enough() -> None:
    board = load_board("esp32s3-n16r8")
    room = board.mcu.ram_bytes - fit(board.name).ram.bytes - fit(board.name).ram.error_bytes
    found = fit(board.name, 4096 + room + 1)
    assert (found.outcome, found.region, found.to_json()["arena_in"]) == ("fits", None, "RAM")
    assert found.placement_flags == ("-DMODEL_COPIES_PSRAM=1",)
    assert [p.name for p in found.memories[2].parts] == ["copies of inputs and outputs"]


def test_without_further_ram_a_large_arena_does_not_fit() -> None:
    assert fit("esp32s3", 400_000).outcome == "too large"
    assert fit("esp32s3-n16r8", 9_000_000).outcome == "too large"


def test_code_that_is_copied_to_ram_counts_there_too() -> None:
    names = {p.name for p in fit("teensy41").ram.parts}
    assert "TFLM runtime and firmware" in names
    assert "TFLM runtime and firmware" not in {p.name for p in fit("nucleo-h743zi").ram.parts}
