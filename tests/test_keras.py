"""From a Keras 3 model or a recipe to a verified project. TensorFlow runs in worker processes only."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import microgen
from microgen.errors import InputError

from .tools import needs_host

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
pytestmark = pytest.mark.slow

_MAKE = """
import sys, keras, numpy as np
keras.utils.set_random_seed(1)
L = keras.layers
image = keras.Input((12, 12, 1), name="image")
x = L.Conv2D(6, 3, padding="same", use_bias=False)(image)
x = L.BatchNormalization()(x)
x = L.ReLU()(x)
x = L.Add()([x, L.DepthwiseConv2D(3, padding="same")(x)])
x = L.GlobalAveragePooling2D()(x)
keras.Model(image, L.Dense(3, activation="softmax")(x)).save(sys.argv[1] + "/cnn.keras")
left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
both = L.Concatenate()([L.Dense(5, activation="relu")(left), right])
keras.Model([left, right], [L.Dense(2, name="a")(both), L.Dense(3, name="b")(both)]).save(sys.argv[1] + "/two.keras")
"""


@pytest.fixture(scope="module")
def keras_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keras")
    subprocess.run([sys.executable, "-c", _MAKE, str(folder)], check=True, capture_output=True)
    rng = np.random.default_rng(0)
    np.savez(folder / "image.npz", image=rng.uniform(0, 1, (60, 12, 12, 1)).astype(np.float32))
    # The arrays in the other order than the inputs: they are found by name.
    np.savez(folder / "two.npz", right=rng.normal(0, 9, (60, 4)), left=rng.normal(0, 1, (60, 4)))
    np.save(folder / "flat.npy", np.zeros((9, 144), np.float32))
    return folder


@pytest.mark.parametrize("board", ["pico", "nano33ble"])
def test_a_keras_model_becomes_a_verified_project(keras_models, tmp_path, board):
    needs_host()
    result = microgen.build(
        keras_models / "cnn.keras", board, calibration=keras_models / "image.npz", out=tmp_path / "p", samples=40
    )
    model = result.deployment.model
    assert result.verdict.passed and result.verdict.firmware == "equal"
    assert {t.dtype for t in (*model.inputs, *model.outputs)} == {"int8"}
    assert "MUL" not in model.ops and "QUANTIZE" not in model.ops, "batch norm is folded, nothing is left in float"


def test_several_inputs_are_calibrated_by_name(keras_models, tmp_path):
    needs_host()
    result = microgen.build(
        keras_models / "two.keras", "esp32", calibration=keras_models / "two.npz", out=tmp_path / "p", samples=30
    )
    scales = {t.shape: t.scale for t in result.deployment.model.outputs}
    assert set(scales) == {(1, 2), (1, 3)}
    left, right = result.deployment.model.inputs
    assert right.scale > 5 * left.scale
    assert result.verdict.passed and result.verdict.firmware == "equal"


def test_wrong_calibration_and_broken_models_are_refused(keras_models, tmp_path):
    with pytest.raises(InputError, match="takes samples of shape"):
        microgen.build(keras_models / "cnn.keras", calibration=keras_models / "flat.npy", out=tmp_path / "p")
    with pytest.raises(InputError, match="needs calibration data"):
        microgen.build(keras_models / "cnn.keras", out=tmp_path / "p")
    (tmp_path / "broken.keras").write_bytes(b"no model")
    with pytest.raises(InputError, match="cannot load it"):
        microgen.build(tmp_path / "broken.keras", calibration=keras_models / "image.npz", out=tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_the_sine_recipe_gives_the_same_bytes_from_the_same_seed(tmp_path):
    needs_host()
    first, second = (microgen.build(board="esp32", out=tmp_path / n, samples=20, seed=5) for n in "ab")
    assert first.deployment.model.data == second.deployment.model.data
    assert first.verdict.passed and first.metrics["mae"] < 0.05
