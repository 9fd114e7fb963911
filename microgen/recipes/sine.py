"""The hello world of TinyML: a small dense network learns the sine over one period."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..support.metrics import MEAN_ABSOLUTE_ERROR
from . import Data, Recipe

_EPOCHS, _BATCH, _SAMPLES = 60, 64, 2000


def data(seed: int) -> Data:
    """Return 2,000 points of [0, 2 pi) with a little noise to train on, and 500 without to test."""
    rng = np.random.default_rng(seed)
    train_x = rng.uniform(0, 2 * math.pi, (_SAMPLES, 1)).astype(np.float32)
    train_y = (np.sin(train_x) + rng.normal(0, 0.02, train_x.shape)).astype(np.float32)
    test_x = np.linspace(0, 2 * math.pi, 500, endpoint=False, dtype=np.float32).reshape(-1, 1)
    return Data(train_x, train_y, test_x, np.sin(test_x))


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of three dense layers."""
    import keras

    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((1,), name="x"),
            layers.Dense(16, activation="relu"),
            layers.Dense(16, activation="relu"),
            layers.Dense(1, name="sine"),
        ]
    )
    # The rate falls to nothing: the last steps settle instead of jumping about.
    rate = keras.optimizers.schedules.CosineDecay(0.02, _EPOCHS * math.ceil(_SAMPLES / _BATCH))
    network.compile(keras.optimizers.Adam(rate), "mse")
    return network


RECIPE = Recipe(
    name="sine",
    title="Sine wave",
    task="regression, hello world",
    source="generated",
    input="an angle from 0 to 2 pi",
    data=data,
    model=model,
    metric=MEAN_ABSOLUTE_ERROR,
    bound=0.03,
    epochs=_EPOCHS,
    batch_size=_BATCH,
)
