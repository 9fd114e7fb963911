"""Networks as people train them in PyTorch, to verified projects on both runtimes."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from tests.support.tools import needs_host
from tests.support.torch_nets import NAMES, network
from tests.support.torch_tools import torch

SMALLER = {"ds-cnn": {"width": 16}}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_network_on_both_runtimes(name, tmp_path):
    t = torch()
    needs_host()
    module, shape = network(name, **SMALLER.get(name, {}))
    data = np.random.default_rng(0).normal(size=(64, *shape)).astype(np.float32)
    quantized = microgen.quantize(module, data, board="pico", name=name)
    ends = [quantized.model.main.operators[0].name, quantized.model.main.operators[-1].name]
    assert "TRANSPOSE" not in ends
    assert quantized.quality.output_sqnr_db > 18, quantized.quality.output_sqnr_db
    for runtime in ("tflm", "compiled"):
        out = tmp_path / runtime
        result = microgen.build(quantized, "pico", runtime=runtime, out=out, samples=8)
        assert result.verdict.passed and result.verdict.firmware == "equal"
        answers = microgen.predict(out, data[:16])
        wanted = module(t.from_numpy(data[:16])).detach().numpy()
        got = np.stack([a.outputs[0] for a in answers])
        assert got.shape == wanted.shape, "channels are first again"
        assert np.abs(got - wanted).mean() < 0.1 * np.abs(wanted).mean()
        axis = 1
        assert (got.argmax(axis) == wanted.argmax(axis)).mean() > 0.85
