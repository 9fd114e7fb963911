"""`inspect --map`: what takes a firmware's flash and RAM, as linked."""

from __future__ import annotations

import json

import pytest

import microgen
from microgen.boards import load_board
from microgen.errors import SetupError
from microgen.tflite import flashed, parse
from microgen.workflows.memory_map import memory_map
from tests.support import models
from tests.support.command_line import run
from tests.support.projects import with_application
from tests.support.tools import needs_cpu


def test_parts_and_symbols_are_those_of_the_linked_firmware(tmp_path):
    needs_cpu(load_board("nano33ble").processor)
    data = models.fully_connected(units=4, width=2000)
    (tmp_path / "m.tflite").write_bytes(data)
    project = microgen.build(
        tmp_path / "m.tflite", "nano33ble", out=tmp_path / "p", samples=4, verify=False, runtime="compiled"
    ).project
    with_application(project)
    usual, release = memory_map(project), memory_map(project, release=True)
    flash, ram = ({name: part[k] for name, *part in usual.parts} for k in (0, 1))
    assert 8_000 < flash["lib/model"] < len(flashed(parse(data)).data) + 3_000
    assert flash["lib/serial"] > 5_000 and ram["lib/serial"] >= 2_000, "copies of the input lie there"
    assert sum(flash.values()) <= usual.flash_bytes and sum(ram.values()) <= usual.ram_bytes
    assert {name: flash for name, flash, _ in release.parts}[
        "lib/serial"
    ] == 0 and release.flash_bytes < usual.flash_bytes
    sizes = [size for _, size, _ in usual.symbols]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] >= 8_000
    assert {memory for _, _, memory in usual.symbols} == {"flash", "RAM"}
    command = ("inspect", project, "--map")
    shown = run(*command, cwd=tmp_path).stdout
    assert "largest symbols" in shown and "lib/golden" in shown and "Cortex-M4F" in shown
    document = json.loads(run(*command, "--json", cwd=tmp_path).stdout)
    assert [m["release"] for m in document] == [False, True]


def test_a_project_with_tflm_is_sent_to_the_tools_of_its_board(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    microgen.build(tmp_path / "m.tflite", "nano33ble", out=tmp_path / "p", verify=False)
    with pytest.raises(SetupError, match="no TFLM for Cortex-M4F") as caught:
        memory_map(tmp_path / "p")
    assert "runtime=compiled" in caught.value.hint and "linker" in caught.value.hint
