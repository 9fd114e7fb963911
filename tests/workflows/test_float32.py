"""A float .tflite that its owner wants on a board as it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.errors import InputError
from microgen.verification import EngineRun, FirmwareRun, judge, make_samples
from microgen.verification.verdict import Device
from microgen.workers.samples import Answers
from tests.support import models
from tests.support.tools import needs_host


def perceptron():
    """Two dense layers and a softmax in float32."""
    rng = np.random.default_rng(3)
    b = models.ModelBuilder()
    x, h, y, z = (b.tensor(n, [1, w], "float32") for n, w in (("x", 4), ("h", 8), ("y", 3), ("z", 3)))
    dense = schema.FullyConnectedOptionsT()
    dense.fusedActivationFunction = 1
    w = [b.tensor(f"w{k}", s, "float32", values=0.4 * rng.normal(size=s)) for k, s in enumerate(([8, 4], [3, 8]))]
    b.op("FULLY_CONNECTED", [x, w[0], -1], [h], dense)
    b.op("FULLY_CONNECTED", [h, w[1], -1], [y], schema.FullyConnectedOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    b.op("SOFTMAX", [y], [z], softmax)
    return b.build([x], [z])


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    needs_host()
    folder = tmp_path_factory.mktemp("float32")
    (folder / "new.tflite").write_bytes(perceptron())
    # Nothing is quantized without data, and the user has said that float32 will do.
    return microgen.build(folder / "new.tflite", "esp32", out=folder / "p", allow_float=True, samples=20)


def test_a_float_model_needs_no_data_and_ends_in_a_passed_build(built):
    verdict = built.verdict
    assert built.passed and built.source.is_float and built.source.warnings == ()
    assert (verdict.status, verdict.firmware, verdict.dtype) == ("bit-exact", "equal", "float32")
    assert 0 < verdict.float_bound < 1e-5
    assert "kernels that sum in a different order stay within" in verdict.summary()
    assert built.deployment.arena.scratch_bytes == 0  # no optimised library has kernels for float32
    readme = (built.project / "README.md").read_text()
    assert "int8 would make the model about 1.3 and its activations 4 times smaller" in readme
    assert "The bound\nis proven from the rounding of each operation" in readme
    assert microgen.inspect(built.project).to_json()["float_cost"].startswith("computes in float32")
    assert json.loads((built.project / "microgen.json").read_text())["source"]["scheme"] == "float32"


@pytest.mark.parametrize(("byte", "passes"), [(0, True), (3, False)])
def test_golden_vectors_are_compared_with_the_proven_tolerance(built, byte, passes):
    """The first byte of a float32 is its least, the last has the exponent."""
    data = built.project / "lib/golden/golden_data.cc"
    original = data.read_text()
    head, outputs = original.split("g_golden_outputs")
    first = outputs.index("0x") + 5 * byte
    changed = int(outputs[first + 2 : first + 4], 16) ^ 1
    data.write_text(f"{head}g_golden_outputs{outputs[:first]}0x{changed:02x}{outputs[first + 4 :]}")
    try:
        assert microgen.selftest(built.project).passed is passes
    finally:
        data.write_text(original)


def test_a_board_may_round_otherwise_but_not_further(built):
    model = built.deployment.model
    inputs = make_samples(model, 5, 0)
    with EngineRun(model, inputs, 5) as running:
        (exact,) = running.result().reference.outputs
        device = Device("board", "/dev/ttyUSB0", model.sha256, 1, 1, 1.0, 0)

        def judged(error, on=device):
            return judge(running, FirmwareRun(Answers((exact + np.float32(error),)), None, on), 0).verdict

        near = judged(3e-7)
        assert (near.status, near.firmware, near.passed) == ("within-bound", "within-bound", True)
        assert near.summary().startswith("within-bound on 5 samples (firmware within the bound of float32 arithmetic;")
        far = judged(1e-4)
        assert far.status == "diverged"
        assert far.reason == "the firmware's answer to sample 0 is outside the bounds of float32 arithmetic"
        host = judged(3e-7, Device("board", "host", model.sha256, 1, 1, 1.0, 0))
        assert host.status == "diverged" and "is not TFLM's on 5 of 5 samples" in host.reason


def test_the_compiled_runtime_names_float32(tmp_path, built):
    model = built.project / "model.tflite"
    with pytest.raises(InputError, match="float32") as caught:
        microgen.build(model, out=tmp_path / "p", scheme="float32", runtime="compiled")
    assert "runtime=tflm" in caught.value.hint
    quantized = microgen.quantize(model, scheme="float32")
    assert quantized.is_float and quantized.quality is None and quantized.model.data == model.read_bytes()
    with pytest.raises(InputError, match="a float model needs calibration data") as caught:
        microgen.quantize(model)
    assert caught.value.hint.endswith("scheme=float32 keeps it in float32")


def test_a_quantized_model_is_no_float32(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match="is already quantized, and not to float32"):
        microgen.quantize(tmp_path / "m.tflite", scheme="float32")
