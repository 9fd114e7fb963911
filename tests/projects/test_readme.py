"""A project that is rendered, not built: its files, and a README in the runtime's own words that names each."""

from __future__ import annotations

import pytest

from microgen.boards import load_board
from microgen.deployment import Golden, deploy
from microgen.projects import DEFAULT_PROJECT, PROJECTS
from microgen.projects.kind import Parts
from microgen.runtimes import RUNTIMES
from microgen.support.render import markdown
from microgen.tflite import parse
from microgen.verification import NOT_VERIFIED, Verdict
from tests.plugin import plain_runtime
from tests.support import models


@pytest.fixture(autouse=True)
def plain():
    RUNTIMES.register(plain_runtime.RUNTIME)
    yield
    RUNTIMES.unregister(plain_runtime.NAME)


def project(runtime: str, board: str) -> tuple[Parts, set[str], str]:
    """Its parts, its files and its README."""
    model = parse(models.fully_connected())
    parts = Parts(deploy("m", model, load_board(board), runtime=runtime), Golden((bytes(4),), (bytes(4),)))
    kind = PROJECTS.get(DEFAULT_PROJECT)
    verdict = Verdict(NOT_VERIFIED, reason="a test")
    return parts, {*kind.files(parts), *kind.user_files(parts)}, kind.readme(parts, [verdict]).decode()


@pytest.mark.parametrize("board", ["nano33ble", "pico", "esp32"])
@pytest.mark.parametrize("runtime", ["tflm", "compiled", "plain"])
def test_a_runtime_is_described_in_its_own_words_and_no_others(runtime, board):
    parts, files, text = project(runtime, board)
    for name, words in vars(parts.deployment.plan.wording).items():
        assert markdown(words) in text, name
    _, _, others = text.partition("\n## Build")
    is_tflm = runtime == "tflm"
    assert ("arena" in text, "C array" in text, "its own kernels" in others) == (is_tflm,) * 3
    tops = {"/".join(name.split("/")[: 2 if name.startswith("lib/") else 1]) for name in files} - {"src"}
    assert all(f"`{name}`" in text for name in tops), sorted(name for name in tops if f"`{name}`" not in text)
    sdk = {f"lib/{place}/pico.cc" for place in ("native", "emulator") if f"lib/{place}/library.json" in files}
    assert sdk & files == (sdk if is_tflm else set()), "only TFLM's library wants it"
    assert ("model.bin" in text) == ("model.bin" in files) == is_tflm


def test_the_compiled_runtime_names_the_variant_that_the_board_takes():
    assert "the variant for the DSP extension of Armv7E-M. " in project("compiled", "nano33ble")[2]
    assert "The board's compiler uses the same code. " in project("compiled", "pico")[2]
