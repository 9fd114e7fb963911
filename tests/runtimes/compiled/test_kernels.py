"""Kernels that few models need, byte by byte against TFLM: weights that are not dense, and 64-bit requantization."""

from __future__ import annotations

import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.runtimes.compiled.compiler import Options, compile_model
from microgen.tflite import parse
from tests.support.models import ModelBuilder
from tests.support.tools import needs_host

from . import check, host, random_models

# Seeds of random models that have such kernels.
CASES = {
    "best": {
        "depthwise": (29, 65, 107), "conv": (56, 130), "fully_connected": (30,), "add": (65,), "mul": (30,),
        "batch_matmul": (11,), "transpose_conv": (22,), "mean": (0, 1),
    },
    "coded": {"conv": (9, 29, 34, 35, 56), "fully_connected": (29, 32, 34, 171)},
}  # fmt: skip
RARE = re.compile(r"_(wide|runs|blocks|indexed|3x3|table|long)")


def long_sums() -> bytes:
    """A layer of int16 whose sums take more than 32 bits."""
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 600], "int16", 0.001), b.tensor("y", [1, 2], "int16", 0.5)
    w = b.tensor("w", [2, 600], "int8", 0.01, values=np.repeat([[127], [-128]], 600, axis=1))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def compiled(data: bytes, storage: str) -> tuple[str, ...]:
    return compile_model(parse(data), options=Options("size", storage=storage)).kernel_files


def test_rare_kernels_equal_tflm(tmp_path):
    needs_host()
    run = set()
    for storage, seeds in CASES.items():
        made = [random_models.one_operator(seed, kind) for kind, of in seeds.items() for seed in of]
        made += [long_sums()] if storage == "best" else []
        folder = tmp_path / storage
        folder.mkdir()
        outcomes = check.check(folder, made, options=Options("size", storage=storage))
        assert not {k: o for k, o in enumerate(outcomes) if o != check.Outcome()}
        run |= {name for data in made for name in compiled(data, storage)}
    assert not {path.name for path in host.KERNELS.glob("*.c") if RARE.search(path.name)} - run


@pytest.mark.parametrize("storage", CASES)
def test_code_for_small_cpus_equals_tflm(storage, tmp_path):
    """What compilers see of the kernels at -Os, and where multiplications give 32 bits and divisions are expensive."""
    needs_host()
    kinds = ("conv", "fully_connected", "pool", "softmax") if storage == "best" else ("conv",)
    made = [random_models.one_operator(seed, kind) for kind in kinds for seed in range(2)]
    flags = ["-Os", "-DMG_TEST_SMALL_CPU"]
    outcomes = check.check(tmp_path, made, options=Options("size", storage=storage), flags=flags)
    assert outcomes == [check.Outcome()] * len(made)
