"""Every kind of project has the same firmware: a real model, and one that listens, on each runtime that it takes.

The firmware of PlatformIO's projects is compiled and run for both elsewhere. Here the others are held against it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

import pytest

from microgen.applications import choose_application
from microgen.boards import load_board
from microgen.deployment import deploy
from microgen.errors import InputError
from microgen.projects import PROJECTS
from microgen.tflite import load, parse
from tests.applications.test_microphone import scoring
from tests.support.projects import project_files

BOARDS = {"arduino-library": "nano33ble", "pico-sdk": "pico", "esp-idf": "esp32s3", "zephyr": "nano33ble"}
CODE = (".c", ".cc", ".h", ".inc", ".S")
# Where the Arduino IDE takes no flags, these headers have macros on top.
CONFIGURED = {"model_config.h", "model_data.h"}


def code(files: dict[str, bytes], *folders: str) -> set[tuple[str, bytes]]:
    """The sources in some folders: last name and content."""
    return {(PurePosixPath(n).name, d) for n, d in files.items() if n.startswith(folders) and n.endswith(CODE)}


@pytest.mark.parametrize("runtime", ["tflm", "compiled"])
@pytest.mark.parametrize("kind", [name for name in PROJECTS.names if name not in ("platformio", "esphome")])
@pytest.mark.parametrize("listens", [False, True])
def test_a_kind_has_the_firmware_of_platformio(kind, runtime, listens, shared_models):
    board = load_board(BOARDS.get(kind, "nano33ble"))
    application = choose_application("microphone", {"front_end": "mfcc"}) if listens else None
    model = parse(scoring()) if listens else load(shared_models / "kws_ref_model.tflite")
    deployment = deploy("m", model, board, application=application, runtime=runtime)
    chosen = PROJECTS.get(kind)
    takes = kind not in ("c-library", "zephyr") or (runtime == "compiled" and not listens)
    if not takes:
        with pytest.raises(InputError):
            chosen.check(board, runtime, deployment.application)
        return
    chosen.check(board, runtime, deployment.application)
    usual, files = project_files(deployment), project_files(deployment, kind)
    parts = ("lib/model/", "lib/serial/", "lib/golden/", "lib/application/")
    wanted = code(usual, *parts[: 1 if kind == "c-library" else None])
    found = code(files, "")
    assert len(wanted) > 15 and any(name == "front_end.c" for name, _ in wanted) == listens
    missing = wanted - found
    if kind == "arduino-library":
        assert {name for name, _ in missing} == CONFIGURED
        for name, data in missing:
            first, last = data.split(b"#pragma once\n", 1)
            assert any(n == name and d.startswith(first) and d.endswith(last) for n, d in found)
    else:
        assert not missing
    # What the kind's build files list is compiled once.
    listing = b"".join(data for n, data in files.items() if PurePosixPath(n).name == "CMakeLists.txt").decode()
    sources = [n for n, _ in wanted if n.endswith((".c", ".cc", ".S"))]
    if listing and kind != "c-library":  # which CMake builds in tests of its own
        listed = {n: len(re.findall(rf'(?m)^\s+\S*/{re.escape(n)}"?$', listing)) for n in sources}
        there = Counter(PurePosixPath(n).name for n in files)
        assert listed == {n: there[n] for n in sources}
