"""A release build of a firmware: linked for the boards' CPUs, it has neither serial commands nor golden vectors."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest

import microgen
from microgen.boards import load_board
from microgen.devices.emulator import Image
from microgen.projects import open_project
from microgen.workflows.device import compile_emulated, firmware_of
from tests.support import models
from tests.support.projects import with_application
from tests.support.tools import needs_cpu

_RELEASE = "-DMICROGEN_RELEASE=1"


def symbols(image: Image) -> str:
    assert image.cpu.compiler is not None
    command = [f"{image.cpu.compiler.prefix}nm", "-C", "--defined-only", image.elf]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("board", ["nano33ble", "esp32c3"])
def test_a_release_has_the_model_and_neither_serial_commands_nor_golden_vectors(board, tmp_path):
    needs_cpu(load_board(board).processor)
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    out = tmp_path / "p"
    microgen.build(tmp_path / "m.tflite", board, out=out, samples=4, verify=False, runtime="compiled")
    firmware = firmware_of(open_project(with_application(out)))
    images = []
    for name, flags in (("whole", ()), ("release", (_RELEASE,))):
        (tmp_path / name).mkdir()
        images.append(compile_emulated(replace(firmware, flags=(*firmware.flags, *flags)), tmp_path / name))
    whole, release = images
    for name in ("serial::Session", "g_copies", "golden::"):
        assert name in symbols(whole) and name not in symbols(release)
    assert b"m-ready" in whole.elf.read_bytes() and b"m-ready" not in release.elf.read_bytes()
    model = out / "lib/model"
    assert release.part(model).constants > 0, "the program of its user infers"
    assert abs(release.part(model).flash_bytes - whole.part(model).flash_bytes) < 600
    assert whole.flash_bytes - release.flash_bytes > 9_000
    assert whole.ram_bytes > release.ram_bytes
