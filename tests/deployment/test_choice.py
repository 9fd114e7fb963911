"""Which runtime a model gets where the user leaves that open, and why."""

from __future__ import annotations

import pytest

import microgen
from microgen.boards import board_file, load_board
from microgen.deployment import candidates, check_model, choose_runtime, usual_runtime
from microgen.errors import InputError
from microgen.runtimes.runtime import CodeOptions
from microgen.tflite import parse
from tests.support import models

SMALL = parse(models.two_by_two(), "m")


def test_the_smaller_runtime_is_taken_and_the_figures_say_so():
    choice = choose_runtime(SMALL, load_board("pico"))
    sizes = {c.runtime: c.bytes for c in candidates(SMALL, load_board("pico"))}
    assert choice.runtime == "compiled" and sizes["compiled"] < sizes["tflm"]
    assert all(f"{number:,}" in choice.reason for pair in sizes.values() for number in pair)


def test_inspect_takes_the_runtime_that_a_build_takes(tmp_path):
    (tmp_path / "m.tflite").write_bytes(SMALL.data)
    for board in ("pico", "esp32s3"):
        choice = choose_runtime(SMALL, load_board(board))
        out = tmp_path / board
        built = microgen.build(tmp_path / "m.tflite", board, out=out, runtime="auto", samples=4, verify=False)
        assert (built.deployment.plan.runtime, built.runtime_reason) == (choice.runtime, choice.reason)
        for what, where in ((tmp_path / "m.tflite", board), (out, None)):
            found = microgen.inspect(what, where, "auto")
            assert (found.deployment.plan.runtime, found.runtime_reason) == (choice.runtime, choice.reason)


def test_a_vector_unit_that_only_the_library_uses_decides_for_it():
    choice = choose_runtime(SMALL, load_board("esp32s3"))
    assert choice.runtime == "tflm" and "vector unit" in choice.reason


def test_a_model_that_only_one_runtime_takes_gets_that_one():
    model = parse(models.one_operator("ELU"), "elu")
    choice = choose_runtime(model, load_board("pico"))
    assert choice.runtime == "tflm" and "ELU" in choice.reason
    tuned = choose_runtime(SMALL, load_board("pico"), code=CodeOptions("size"))
    assert (tuned.runtime, tuned.reason) == ("compiled", "tflm has no code to optimize")
    sized = choose_runtime(SMALL, load_board("pico"), arena_bytes=30_000)
    assert sized.runtime == "tflm" and "no arena" in sized.reason


def test_a_model_that_none_takes_is_refused_as_the_usual_runtime_refuses_it():
    with pytest.raises(InputError) as caught:
        choose_runtime(parse(models.one_operator("", custom="Mine"), "m"), load_board("pico"))
    assert "Mine" in caught.value.message
    with pytest.raises(InputError, match="when compiled for size") as caught:
        choose_runtime(SMALL, load_board("pico"), code=CodeOptions(flash_budget=10))
    assert caught.value.option == "flash_budget", "the usual runtime would only say that it generates no code"


def test_a_board_without_a_library_gets_what_needs_none(tmp_path):
    lines = board_file("pico").read_text("utf-8").splitlines()
    (tmp_path / "bare.toml").write_text(
        "\n".join(x for x in lines if not x.startswith("tflm = ")).replace('"pico"', '"bare"', 1), "utf-8"
    )
    bare = load_board(str(tmp_path / "bare.toml"))
    assert (usual_runtime(bare), usual_runtime(load_board("pico"))) == ("compiled", "tflm")
    assert choose_runtime(SMALL, bare).runtime == "compiled"


@pytest.mark.parametrize(
    ("operator", "dtype", "runtime", "other"),
    [("ELU", "int8", "compiled", "tflm"), ("RELU6", "int16", "tflm", "compiled"), ("LOG_SOFTMAX", "int16", "tflm", ""),
     ("LOG_SOFTMAX", "int16", "compiled", "")],
)  # fmt: skip
def test_a_refusal_names_the_other_runtime_only_where_it_takes_the_model(operator, dtype, runtime, other):
    model = parse(models.one_operator(operator, dtype=dtype), "m")
    with pytest.raises(InputError) as caught:
        check_model(model, load_board("nano33ble"), runtime=runtime)
    assert caught.value.hint.partition(", or take ")[2] == (f"runtime={other}" if other else "")
