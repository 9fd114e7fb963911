"""Real models: byte by byte as TFLM, within their memory."""

from __future__ import annotations

import pytest

from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import load
from tests.support.tools import needs_host

from . import check

# Bytes of RAM, of weights.
LIMITS = {
    "hello_world_int8": (48, 800),
    "kws_ref_model": (8600, 34_000),
    "ad01_int8": (1000, 292_000),
    "micro_speech_quantized": (4920, 18_500),
    "pretrainedResnet_quant": (35_016, 86_000),
}


@pytest.mark.parametrize("name", LIMITS)
def test_real_models_are_equal_and_small(shared_models, tmp_path, name):
    needs_host()
    path = shared_models / f"{name}.tflite"
    (outcome,) = check.check(tmp_path, [path.read_bytes()], count=8)
    assert outcome == check.Outcome()
    compiled = compile_model(load(path))
    assert compiled.ram_bytes <= LIMITS[name][0]
    assert compiled.weights_bytes <= LIMITS[name][1]
    assert compiled.proofs.exact == 0


def test_the_same_model_gives_the_same_bytes(shared_models):
    model = load(shared_models / "kws_ref_model.tflite")
    assert compile_model(model).files == compile_model(model).files
