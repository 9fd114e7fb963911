"""Layers on DSP instructions, on an emulated Cortex-M4F, byte by byte against TFLM, every tensor of them."""

from __future__ import annotations

import pytest

from benchmarks.semihosting import CPUS
from microgen.runtimes.compiled.compiler import Options
from tests.support.tools import needs_cpu

from . import check, random_models, test_storing

CPU = CPUS["m4f"]
# Random layers of each kind, how many; kinds of weights of convolutions with 32 channels, and their strides.
CASES = {
    "dense": (
        Options("speed"),
        {"depthwise": 7, "conv": 2, "fully_connected": 2, "pool": 2, "add": 1},
        {"random": (1,)},
    ),
    "coded": (
        Options("size", storage="coded"),
        {"conv": 6, "fully_connected": 8},
        {"clustered": (2, 1), "int4": (2, 1)},
    ),
}
KERNELS = {
    "dense": {"mg_conv3", "mg_winograd", "mg_depthwise3x3", "mg_plane", "mg_dot4", "mg_sum"},
    "coded": {"mg_conv3", "mg_blocks3", "mg_nibbles3", "mg_pairs3"},
}


@pytest.mark.parametrize("case", CASES)
def test_layers_on_dsp_instructions(case, tmp_path):
    needs_cpu(CPU.board_cpu)
    options, layers, weights = CASES[case]
    models = [random_models.one_operator(seed, kind) for kind, count in layers.items() for seed in range(count)]
    models += [test_storing.packed_model(kind, strides, size=7) for kind, strides in weights.items()]
    outcomes = check.check(tmp_path, models, count=4, cpu=CPU, options=options)
    assert not {k: o for k, o in enumerate(outcomes) if o != check.Outcome()}
    assert {"_".join(path.name.split("_")[:2]) for path in tmp_path.glob("*.S")} >= KERNELS[case]
