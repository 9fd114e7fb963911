"""Real models: byte by byte as TFLM, within their memory."""

from __future__ import annotations

import pytest

from microgen.runtimes.compiled.armv7em import Armv7emPath
from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import load
from tests.support.tools import needs_host

from . import check

# Bytes of RAM, of weights; channels whose sums are too large for the cheap requantization.
LIMITS = {
    "hello_world_int8": (32, 540, 0),
    "kws_ref_model": (8600, 27_500, 0),
    "ad01_int8": (1000, 278_000, 0),
    "micro_speech_quantized": (4920, 18_000, 4),
    "pretrainedResnet_quant": (35_016, 81_500, 0),
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
    assert compiled.proofs.exact == LIMITS[name][2]


def test_a_widened_row_lies_over_its_input(shared_models):
    """On DSP instructions, where each input byte takes two."""
    short = compile_model(load(shared_models / "hello_world_int8.tflite"), Armv7emPath())
    assert short.ram_bytes == 32 and not any("widen" in name for name in short.kernel_files)
    assert compile_model(load(shared_models / "ad01_int8.tflite"), Armv7emPath()).ram_bytes == 1_408


def test_the_same_model_gives_the_same_bytes(shared_models):
    model = load(shared_models / "kws_ref_model.tflite")
    assert compile_model(model).files == compile_model(model).files
