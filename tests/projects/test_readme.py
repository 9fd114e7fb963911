"""A project that is rendered, not built: its files, and a README in the runtime's own words that names each."""

from __future__ import annotations

import pytest

from microgen.applications import choose_application
from microgen.applications.application import Application
from microgen.boards import load_board
from microgen.deployment import Golden, deploy
from microgen.projects import DEFAULT_PROJECT, PROJECTS
from microgen.projects.kind import Parts
from microgen.runtimes import RUNTIMES
from microgen.support.render import markdown
from microgen.tflite import parse
from microgen.verification import NOT_VERIFIED, Verdict
from tests.applications import test_motion
from tests.plugin import plain_runtime
from tests.support import models


@pytest.fixture(autouse=True)
def plain():
    RUNTIMES.register(plain_runtime.RUNTIME)
    yield
    RUNTIMES.unregister(plain_runtime.NAME)


def project(
    runtime: str,
    board: str,
    kind_name: str = DEFAULT_PROJECT,
    data: bytes = b"",
    application: Application | None = None,
) -> tuple[Parts, set[str], str]:
    """Its parts, its files and its README."""
    model = parse(data or models.fully_connected())
    deployment = deploy("m", model, load_board(board), runtime=runtime, application=application)
    parts = Parts(deployment, Golden((bytes(4),), (bytes(4),)))
    kind = PROJECTS.get(kind_name)
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


def test_it_names_other_boards_than_its_own_and_counts_vectors_and_libraries():
    text = project("compiled", "pico2", "pico-sdk")[2]
    assert "with the 1 golden vector in `lib/golden`" in text
    assert "PICO_BOARD=pico\n" in text and "PICO_BOARD=pico_w\n" in text and "PICO_BOARD=pico2\n" not in text
    motion = choose_application("motion", test_motion.OPTIONS)
    text = project("tflm", "nano33ble", "arduino-library", test_motion.scoring(), motion)[2]
    assert "It needs the libraries Chirale\\_TensorFLowLite and Arduino\\_LSM9DS1. Install them" in text
    assert "reads the motion sensor." in text
    assert (
        "It needs the library Chirale\\_TensorFLowLite. Install it"
        in project("tflm", "nano33ble", "arduino-library")[2]
    )


def test_the_packages_for_an_emulated_cpu_are_those_of_its_language_and_architecture():
    assert "emulator" not in project("compiled", "esp32", "c-library")[2]
    for board, compiler in (("esp32c3", "gcc-riscv64-unknown-elf"), ("pico", "gcc-arm-none-eabi")):
        in_c = project("compiled", board, "c-library")[2]
        assert compiler in in_c and "libstdc++" not in in_c and ("arm-none-eabi" in in_c) == (board == "pico")
        in_cxx = " ".join(project("compiled", board)[2].split())
        assert "libstdc++-arm-none-eabi-newlib" in in_cxx
        assert ("The emulator uses those of libstdc++-arm-none-eabi-newlib." in in_cxx) == (board == "esp32c3")
