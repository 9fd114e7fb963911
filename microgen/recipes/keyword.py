"""Spoken words: a DS-CNN on log-mel frames of what espeak-ng speaks in many voices, with noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..preprocessing.log_mel import LogMel, to_int16
from ..support.metrics import ACCURACY
from . import Data, Recipe
from ._speech import TEST_VARIANTS, TRAIN_VARIANTS, VALID_VARIANTS, Samples, draw, noise, require_espeak, speak_all

WORDS = ("yes", "no", "up", "down", "stop", "go")
# "unknown" is any other word, "silence" noise alone.
LABELS = (*WORDS, "unknown", "silence")
_OTHERS = ("happy", "seven", "house", "tree", "visual", "marvin", "bird", "left", "nine", "wow", "follow", "zero")
_TAKES_TRAIN, _TAKES_TEST = 190, 45
_NOISY_COPIES = 2
_EPOCHS, _BATCH = 15, 64
# Without noise reduction and PCAN a frame depends on its own samples alone: a second is a sample of its own.
_FRONT = LogMel(step_ms=20, noise_reduction=False, pcan=False)
_FRAMES = 49


def data(seed: int) -> Data:
    """Return log-mel frames, shape (49, 40, 1), of one second each; each part is of other voices.

    Raises:
        SetupError: espeak-ng is not installed.
    """
    require_espeak("keyword")
    rng = np.random.default_rng(seed)
    train = _features(_takes(TRAIN_VARIANTS, _TAKES_TRAIN, rng), _NOISY_COPIES, rng)
    valid, test = (_features(_takes(v, _TAKES_TEST, rng), 1, rng) for v in (VALID_VARIANTS, TEST_VARIANTS))
    return Data(*train, *test, *valid)


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained DS-CNN: a convolution, three depthwise separable ones, a mean, a dense layer."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((_FRAMES, _FRONT.channels, 1), name="log_mel")])

    def normalized() -> None:
        network.add(layers.BatchNormalization(momentum=0.9))
        network.add(layers.ReLU())

    network.add(layers.Conv2D(32, (10, 4), 2, padding="same", use_bias=False))
    normalized()
    for strides in (2, 1, 1):
        network.add(layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False))
        normalized()
        network.add(layers.Conv2D(32, 1, use_bias=False))
        normalized()
    network.add(layers.GlobalAveragePooling2D())
    network.add(layers.Dropout(0.2))
    network.add(layers.Dense(len(LABELS), activation="softmax", name="word"))
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * 3040 // _BATCH)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return network


def _takes(variants: tuple[str, ...], count: int, rng: np.random.Generator) -> list[tuple[Samples, int]]:
    """Have each word spoken a number of times, voice, speed and pitch drawn at random."""
    wanted, labels = [], []
    for number, label in enumerate(LABELS[:-1]):
        for take in range(count):
            wanted.append(draw(label if label in WORDS else _OTHERS[take % len(_OTHERS)], variants, rng))
            labels.append(number)
    silence = [(np.zeros(0, np.float32), len(LABELS) - 1)] * count
    return [*zip(speak_all(wanted), labels, strict=True), *silence]


def _features(
    takes: list[tuple[Samples, int]], copies: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Put each take somewhere into a second of noise, loud or quiet, and compute its frames; in random order."""
    length = _FRONT.samples_of(_FRAMES)
    frames, labels = [], []
    for samples, label in takes:
        word = samples[:length]
        for _ in range(copies):
            second = noise(length, rng) * 10 ** rng.uniform(-3.5, -1.7)
            start = int(rng.integers(0, length - len(word) + 1))
            peak = float(np.abs(word).max(initial=1e-6))
            second[start : start + len(word)] += word / peak * rng.uniform(0.15, 0.9)
            frames.append(_FRONT.frames(to_int16(second)))
            labels.append(label)
    order = rng.permutation(len(labels))
    return np.stack(frames)[order, :, :, None].astype(np.float32), np.array(labels)[order]


RECIPE = Recipe(
    name="keyword",
    title="Keyword spotting",
    task="speech",
    source="words spoken by espeak-ng in 91 voices, with noise",
    input="49 frames of 40 log-mel channels, microgen.LogMel(step_ms=20, noise_reduction=False, pcan=False)",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.95,
    epochs=_EPOCHS,
    batch_size=_BATCH,
    labels=LABELS,
    packages=("scipy",),
    applications={"microphone": {"front_end": "keyword", "ignore": "unknown,silence"}},
)
