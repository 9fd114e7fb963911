"""What generated code is good at: what each option costs, and budgets of flash."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.boards import load_board
from microgen.errors import InputError
from microgen.runtimes import RUNTIMES
from microgen.runtimes.compiled.options import flash_bytes
from microgen.runtimes.runtime import CodeOptions
from microgen.support import resources
from microgen.tflite import parse
from tests.support.models import ModelBuilder
from tests.support.tools import needs_cpu

COMPILED, TFLM = RUNTIMES.get("compiled"), RUNTIMES.get("tflm")
BOARD = load_board("nano33ble")


@pytest.fixture(scope="module")
def model():
    """Two convolutions of 3x3, which Winograd's algorithm makes fast at 3.6 times their weights."""
    rng = np.random.default_rng(1)
    b = ModelBuilder()
    tensors = [b.tensor("x", [1, 8, 8, 24], "int8", 0.05)]
    for k in range(2):
        w = b.tensor(f"w{k}", [24, 3, 3, 24], "int8", 0.01, values=rng.integers(-127, 128, (24, 3, 3, 24)))
        bias = b.tensor(f"b{k}", [24], "int32", 0.0005, values=np.zeros(24))
        tensors.append(b.tensor(f"y{k}", [1, 8, 8, 24], "int8", 0.3))
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = options.dilationHFactor = options.dilationWFactor = 1
        b.op("CONV_2D", [tensors[-2], w, bias], [tensors[-1]], options)
    return parse(b.build([tensors[0]], [tensors[-1]]), "m")


def bytes_of(plan):
    return flash_bytes(plan.on_board)


def test_what_is_faster_is_larger(model):
    sizes = [bytes_of(COMPILED.plan(model, BOARD, code=CodeOptions(o))) for o in ("size", "balanced", "speed")]
    assert sizes[0] < sizes[1] < sizes[2]
    plain = COMPILED.plan(model, BOARD)
    assert [COMPILED.plan(model, BOARD, code=CodeOptions(o)).requirements.build_flags for o in ("size", "speed")] == [
        ("-Os",),
        ("-O2",),
    ]
    assert bytes_of(plain) == sizes[1] and plain.record()["compiled"]["optimize"] == "balanced"


def test_a_budget_is_kept_and_what_it_allows_is_used(model):
    small, large = (bytes_of(COMPILED.plan(model, BOARD, code=CodeOptions(o))) for o in ("size", "speed"))
    taken = [
        bytes_of(COMPILED.plan(model, BOARD, code=CodeOptions(None, budget)))
        for budget in range(small, large + 4_000, 3_000)
    ]
    assert all(size <= budget for size, budget in zip(taken, range(small, large + 4_000, 3_000), strict=True))
    assert taken == sorted(taken) and (taken[0], taken[-1]) == (small, large)
    middle = (small + large) // 2
    assert bytes_of(COMPILED.plan(model, BOARD, code=CodeOptions("size", middle))) == small


@pytest.mark.parametrize("board", ["nano33ble", "pico", "esp32c3"])
def test_the_budget_bounds_what_a_compiler_makes_of_the_code(model, board, tmp_path):
    target = load_board(board)
    needs_cpu(target.cpu)
    plan = COMPILED.plan(model, target, code=CodeOptions("speed"))
    compiler = target.processor.compiler
    kernels = resources.path("firmware") / "runtimes" / "compiled"
    for name, data in plan.on_board.files.items():
        (tmp_path / name).write_bytes(data)
    own = [tmp_path / name for name in plan.on_board.files if not name.endswith(".h")]
    files = [*own, *(kernels / name for name in plan.on_board.kernel_files)]
    gcc = [f"{compiler.prefix}gcc", *compiler.flags, *plan.requirements.build_flags, f"-I{kernels}", "-c", *files]
    subprocess.run(gcc, cwd=tmp_path, check=True)
    size = subprocess.run([f"{compiler.prefix}size", *tmp_path.glob("*.o")], capture_output=True, text=True, check=True)
    taken = sum(int(text) + int(data) for text, data, *_ in map(str.split, size.stdout.splitlines()[1:]))
    kernels_part = plan.code_parts()[0]
    assert plan.on_board.weights_bytes < taken <= bytes_of(plan)
    assert abs(taken - plan.on_board.weights_bytes - kernels_part.bytes) < 0.25 * kernels_part.bytes


@pytest.mark.parametrize(
    ("code", "option"), [(CodeOptions("fast"), "optimize"), (CodeOptions(None, 10_000), "flash_budget")]
)
def test_what_cannot_be_had_is_refused(model, code, option):
    with pytest.raises(InputError) as caught:
        COMPILED.plan(model, BOARD, code=code)
    assert caught.value.option == option


def test_a_runtime_that_generates_no_code_takes_no_such_option(model):
    for code, option in ((CodeOptions("size"), "optimize"), (CodeOptions(None, 10**6), "flash_budget")):
        with pytest.raises(InputError) as caught:
            TFLM.plan(model, BOARD, code=code)
        assert caught.value.option == option
