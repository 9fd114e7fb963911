"""LICENSES.md and sbom.spdx.json of every kind of project: all that is flashed, and nothing else."""

from __future__ import annotations

import copy
import hashlib
import json

import pytest

from microgen.boards import board_names, load_board
from microgen.deployment import deploy
from microgen.projects import PROJECTS
from microgen.support.render import markdown
from microgen.tflite import parse
from tests.deployment.test_fit import deployed
from tests.projects import spdx
from tests.support import models
from tests.support.projects import project_files

# Each kind, and what of its project's files is flashed.
FLASHED = {
    "platformio": ("lib/model/", "lib/serial/", "lib/golden/", "lib/application/", "lib/platform/"),
    "pico-sdk": ("lib/",),
    "arduino-library": ("src/",),
    "c-library": ("src/",),
    "esp-idf": ("components/",),
    "zephyr": ("src/",),
}
ONLY_COMPILED = ("c-library", "zephyr")
BOARDS = {"arduino-library": "nano33ble", "c-library": "nano33ble", "esp-idf": "esp32s3"}


def compiled(board: str):
    return deploy("m", parse(models.fully_connected(units=5), "m"), load_board(board), runtime="compiled")


def read(files: dict[str, bytes]) -> dict:
    return json.loads(files["sbom.spdx.json"])


def test_every_kind_has_one():
    """That of ESPHome lists no file: tests/projects/test_esphome.py."""
    assert set(PROJECTS.names) == {*FLASHED, "esphome"}


@pytest.mark.parametrize(
    ("kind", "runtime"),
    [(kind, "compiled") for kind in FLASHED] + [(kind, "tflm") for kind in FLASHED if kind not in ONLY_COMPILED],
)
def test_it_is_an_spdx_document_of_what_is_flashed(kind, runtime):
    board = BOARDS.get(kind, "pico2")
    deployment = compiled(board) if runtime == "compiled" else deployed(load_board(board))
    files = project_files(deployment, kind)
    assert files == project_files(deployment, kind), "the same bytes"
    document = read(files)
    assert spdx.problems(document) == []
    code = (".c", ".cc", ".h", ".S", ".inc")
    flashed = {n: data for n, data in files.items() if n.startswith(FLASHED[kind]) and n.endswith(code)}
    listed = {
        f["fileName"][2:]: {s["algorithm"]: s["checksumValue"] for s in f["checksums"]} for f in document["files"]
    }
    assert listed == {
        n: {"SHA1": hashlib.sha1(data).hexdigest(), "SHA256": hashlib.sha256(data).hexdigest()}
        for n, data in flashed.items()
    }
    packages = {p["name"]: p for p in document["packages"]}
    model = next(p for name, p in packages.items() if name.endswith("(model.tflite)"))
    assert model["checksums"][0]["checksumValue"] == hashlib.sha256(files["model.tflite"]).hexdigest()
    joined = "".join(sorted(sums["SHA1"] for sums in listed.values()))
    code = packages["microgen"]["packageVerificationCode"]["packageVerificationCodeValue"]
    assert code == hashlib.sha1(joined.encode()).hexdigest()
    # What was generated from the model is its owner's; the rest is microgen's.
    generated = {f["fileName"].rpartition("/")[2] for f in document["files"] if f["licenseConcluded"] == "NOASSERTION"}
    assert {"model_info.c" if kind == "c-library" else "golden_data.cc"} <= generated
    assert not generated & {"session.cc", "model_tensor.c", "platform.cc", "fully_connected.c", "model_runner.cc"}
    names = [c.name for c in load_board(board).snapshot.components]
    assert set(names) <= set(packages) if runtime == "tflm" else not set(names) & set(packages)
    listing = files["LICENSES.md"].decode()
    named = [p["name"] for p in document["packages"] if p["licenseConcluded"] != "NOASSERTION"]
    assert "microgen" in named and all(markdown(name) in listing for name in named) and "model.tflite" in listing


@pytest.mark.parametrize("board", board_names())
def test_every_board_names_what_is_in_its_library(board):
    document = read(project_files(deployed(load_board(board))))
    assert spdx.problems(document) == []
    licenses = {p["name"]: p["licenseConcluded"] for p in document["packages"]}
    assert licenses["KISS FFT"] == "BSD-3-Clause" and licenses["FlatBuffers"] == "Apache-2.0"
    assert sum(name.startswith("Arduino core of ") for name in licenses) == 1


def test_another_firmware_has_another_namespace():
    one, other = (read(project_files(compiled(board), "c-library")) for board in ("nano33ble", "pico"))
    assert one["documentNamespace"] != other["documentNamespace"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("dataLicense"),
        lambda d: d.update(strange=1),
        lambda d: d["creationInfo"].update(created="yesterday"),
        lambda d: d["packages"][1].update(downloadLocation="somewhere"),
        lambda d: d["packages"][1].update(licenseConcluded="Apache 2.0"),
        lambda d: d["packages"][2].pop("packageVerificationCode"),
        lambda d: d["packages"][0].update(SPDXID="SPDXRef-a b"),
        lambda d: d["files"][0].update(SPDXID=d["files"][1]["SPDXID"]),
        lambda d: d["files"][0]["checksums"].pop(0),
        lambda d: d["files"][0]["checksums"][0].update(checksumValue="00"),
        lambda d: d["relationships"].pop(0),
        lambda d: d["relationships"][0].update(relatedSpdxElement="SPDXRef-gone"),
    ],
)
def test_the_checks_notice(damage):
    document = copy.deepcopy(read(project_files(compiled("pico"), "c-library")))
    damage(document)
    assert spdx.problems(document)
