"""Spoken words: a DS-CNN on log-mel frames of what espeak-ng speaks in many voices, with noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.audio import read_wav
from ..errors import InputError
from ..preprocessing.log_mel import LogMel, to_int16
from ..support.metrics import ACCURACY
from . import Data, Recipe
from ._own import Own, OwnData, classes_of_folder, hold_out
from ._speech import (
    SENTENCES,
    TEST_VARIANTS,
    TRAIN_VARIANTS,
    VALID_VARIANTS,
    Samples,
    draw,
    noise,
    require_espeak,
    speak_all,
)

WORDS = ("yes", "no", "up", "down", "stop", "go")
# "unknown" is any other word or a part of a sentence, "silence" noise alone.
LABELS = (*WORDS, "unknown", "silence")
_OTHERS = ("happy", "seven", "house", "tree", "visual", "marvin", "bird", "left", "nine", "wow", "follow", "zero")
_SPOKEN = tuple(sentence for sentence in SENTENCES if not {*sentence.split()} & {*WORDS})
_TAKES_TRAIN, _TAKES_TEST = 190, 45
_NOISY_COPIES = 2
_MORE_OTHERS = 2  # takes of what is no word, over those of a word
_EPOCHS, _BATCH = 8, 16
_DRAWN = 3000  # noisy copies of own recordings, all together
_AUDIBLE = 0.01
_QUIET = 0.1  # the part of the seconds without any noise: a board without a sound gives zeros
_NO_WORDS = ("unknown", "silence", "noise", "background", "_background_noise_")
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
    return _network(len(LABELS), _NOISY_COPIES * _TAKES_TRAIN * (len(LABELS) - 1 + _MORE_OTHERS))


def own(wanted: OwnData, seed: int) -> Own:
    """Return log-mel frames of the WAV files of a folder of folders, one second of each.

    Trained is on copies at other places of the second, louder and quieter, in noise. Tested is on files of which no
    copy was trained on, from their beginning and as they are.
    """
    if wanted.sample_rate != _FRONT.sample_rate:
        raise InputError(
            f"the recipe needs audio of {_FRONT.sample_rate} Hz", "convert the files", option="sample_rate",
            value=wanted.sample_rate,
        )  # fmt: skip
    files, numbers, labels = classes_of_folder(wanted.path, "wav")
    length = _FRONT.samples_of(_FRAMES)
    sounds = [read_wav(file, wanted.sample_rate, length) for file in files]
    train, test = hold_out(numbers, seed)
    rng = np.random.default_rng(seed)
    takes = [(_word(sounds[k]), int(numbers[k])) for k in train]
    copies = max(_NOISY_COPIES, -(-_DRAWN // len(takes)))
    heard = [_FRONT.frames(to_int16(np.pad(sounds[k], (0, length - len(sounds[k]))))) for k in test]
    return Own(
        Data(*_features(takes, copies, rng), np.stack(heard)[..., None].astype(np.float32), numbers[test]),
        lambda: _network(len(labels), copies * len(takes)),
        labels,
        RECIPE.input,
        "files that were not used for training",
        {},
        {"microphone": _options(n for n in labels if n in _NO_WORDS)},
    )


def _word(samples: Samples) -> Samples:
    """Return a recording without the silence around the word; as it is where all of it is quiet."""
    loud = np.flatnonzero(np.abs(samples) > _AUDIBLE)
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples


def _options(ignored: Iterable[str]) -> dict[str, str]:
    # With the mean of three scores, one sentence in thirty was taken for a word.
    return {"front_end": "keyword", "average": "4", "ignore": ",".join(ignored)}


def _network(classes: int, samples: int) -> Any:  # noqa: ANN401
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
    network.add(layers.Dense(classes, activation="softmax", name="word"))
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * samples // _BATCH)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return network


def _takes(variants: tuple[str, ...], count: int, rng: np.random.Generator) -> list[tuple[Samples, int]]:
    """Have each word spoken a number of times, voice, speed and pitch drawn at random."""
    others = (*_OTHERS, *_SPOKEN)
    wanted, labels = [], []
    for number, label in enumerate(LABELS[:-1]):
        for take in range(count if label in WORDS else _MORE_OTHERS * count):
            wanted.append(draw(label if label in WORDS else others[take % len(others)], variants, rng))
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
        for _ in range(copies):
            word = _part(samples, length, rng)
            level = 0.0 if rng.random() < _QUIET else 10 ** rng.uniform(-3.5, -1.7)
            second = noise(length, rng) * level
            start = int(rng.integers(0, length - len(word) + 1))
            peak = float(np.abs(word).max(initial=1e-6))
            second[start : start + len(word)] += word / peak * rng.uniform(0.15, 0.9)
            frames.append(_FRONT.frames(to_int16(second)))
            labels.append(label)
    order = rng.permutation(len(labels))
    return np.stack(frames)[order, :, :, None].astype(np.float32), np.array(labels)[order]


def _part(samples: Samples, length: int, rng: np.random.Generator) -> Samples:
    """Return what a second hears of a sentence, anywhere from its begin to its end; a word as it is."""
    if len(samples) <= length:
        return samples
    begin = int(rng.integers(0, len(samples)))
    return np.pad(samples, length // 2)[begin : begin + length]


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
    applications={"microphone": _options(("unknown", "silence"))},
    own=own,
    takes="a folder with one folder of WAV files per word, of 16000 Hz",
)
