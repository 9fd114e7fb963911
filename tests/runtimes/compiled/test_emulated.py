"""Layers on DSP instructions, on an emulated Cortex-M4F, byte by byte against TFLM, every tensor of them."""

from __future__ import annotations

import re

import pytest

from benchmarks.semihosting import CPUS
from microgen.runtimes.compiled.compiler import Options
from tests.support.tools import needs_cpu

from . import check, random_models, test_storing

CPU = CPUS["m4f"]
# Seeds of random models that have such kernels; weights of layers of 32 channels, which go by Winograd's algorithm.
CASES = {
    "dense": (
        Options("speed", storage="dense"),
        {
            "depthwise": (0, 1, 3, 4, 13), "conv": (0, 5), "fully_connected": (0, 18, 34, 45), "pool": (0, 14, 32),
            "add": (5, 65),
        },
        ("random", "int4"),
    ),
    "coded": (
        Options("size", storage="coded"),
        {"depthwise": (38, 48, 79), "conv": (4, 9, 42, 48), "fully_connected": (0, 1, 2, 44, 64)},
        (),
    ),
}  # fmt: skip
FILES = {
    "dense": {
        "conv", "winograd", "depthwise", "dense_wide", "max_pool", "average_pool", "mean",
        "conv3", "depthwise3x3", "plane", "dot4", "sum",
    },
    "coded": {
        "conv", "conv_pairs", "conv_nibbles", "conv_indexed", "dense_pairs", "dense_nibbles",
        "conv3", "blocks3", "nibbles3", "pairs3",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_layers_on_dsp_instructions(case, tmp_path):
    needs_cpu(CPU.board_cpu)
    options, seeds, weights = CASES[case]
    models = [random_models.one_operator(seed, kind) for kind, of in seeds.items() for seed in of]
    models += [test_storing.packed_model(kind, (1,), size=7) for kind in weights]
    outcomes = check.check(tmp_path, models, count=4, cpu=CPU, options=options)
    assert not {k: o for k, o in enumerate(outcomes) if o != check.Outcome()}
    called = {name for path in tmp_path.glob("m*.c") for name in re.findall(r"\bmg_dsp_(\w+)\(", path.read_text())}
    made = {path.name.split("_")[1] for path in tmp_path.glob("mg_*.S")}
    assert called | made >= FILES[case]
