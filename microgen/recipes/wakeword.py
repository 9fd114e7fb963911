"""A word of your own: a streaming model that listens for a phrase, trained on what espeak-ng says in many voices.

What is to be heard is the phrase in noise, after other words or none; what is not are its beginning, its words alone
and among others, phrases that sound like it, sentences, and noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..preprocessing.log_mel import LogMel, to_int16
from ..support.metrics import ACCURACY
from . import Data, Recipe, Recordings, Streaming
from ._speech import (
    RATE,
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

PHRASE = "hey robot"
OTHER = "other"
_STEP = 3  # frames of 10 ms that an inference takes
_UNIT = 25.6  # of the front end "microwakeword"
_AVERAGE, _REFRACTORY_S = 5, 1.0
_CUTOFFS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98)
_EPOCHS, _QUICK_EPOCHS, _BATCH = 14, 24, 64
_FRONT = LogMel()
_LONGEST = 40
_PHRASE = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+){0,5}")
# The frames after the phrase's end at which it is to be heard.
_LATE = (3, 16)
_WORDS = (
    "hello", "okay", "hey", "happy", "seven", "house", "window", "music", "water", "paper", "rabbit", "robin", "garden",
    "computer", "kitchen", "number", "today", "never", "orange", "people", "little", "radio", "lamp", "door",
)  # fmt: skip
_CONSONANTS = "bdfgklmnprstvz"
Frames = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Sizes:
    """How much is spoken: takes of the phrase, of others like it, and sentences; and minutes of ordinary speech."""

    takes: int = 420
    near: int = 700
    sentences: int = 240
    checked: int = 90
    tested: int = 120
    minutes: float = 15.0


# Enough to see that all works; what is learned from it is poor.
_QUICK = _Sizes(takes=50, near=60, sentences=16, checked=6, tested=8, minutes=0.5)


@dataclass(frozen=True)
class _Stream:
    """Frames of a recording, and where each saying in it begins and ends: frames, and what it is."""

    frames: Frames
    places: tuple[tuple[int, int, str], ...]

    def __len__(self) -> int:
        return len(self.frames)


def recipe(phrase: str = PHRASE, sizes: _Sizes = _Sizes(), epochs: int = _EPOCHS) -> Recipe:
    """Return the recipe for a phrase.

    Raises:
        InputError: espeak-ng could not say it, or it is too long.
    """
    phrase = " ".join(phrase.lower().split())
    if not _PHRASE.fullmatch(phrase) or len(phrase) > _LONGEST or len(phrase) < 3:
        raise InputError(
            f"'{phrase}': not a phrase for a wake word",
            f"give one to six words with 3 to {_LONGEST} letters in total, such as '{PHRASE}'",
            option="phrase",
        )
    task = _Task(phrase, sizes, epochs)
    return Recipe(
        name="wakeword",
        title="A wake word of your own",
        task="streaming speech",
        source="a phrase spoken by espeak-ng in 49 voices, with noise and near phrases",
        input=f"{_STEP} frames of 40 log-mel channels, microgen.LogMel(), divided by {_UNIT}",
        data=task.data,
        model=task.model,
        metric=ACCURACY,
        bound=0.93,
        epochs=epochs,
        batch_size=_BATCH,
        labels=(phrase, OTHER),
        packages=("scipy",),
        applications={
            "microphone": {
                "front_end": "microwakeword",
                "average": f"{_AVERAGE}",
                "cutoff": f"{_CUTOFFS[0]}",  # until the training chooses one of them
                "refractory_ms": f"{round(1000 * _REFRACTORY_S)}",
                "ignore": OTHER,
            }
        },
        streaming=Streaming(
            _STEP, task.recordings, task.checked, _AVERAGE, _CUTOFFS, round(_REFRACTORY_S * 100 / _STEP)
        ),
        variant=_variant,
    )


def _variant(phrase: str | None, quick: bool) -> Recipe:
    asked = PHRASE if phrase is None else phrase
    return recipe(asked, _QUICK, _QUICK_EPOCHS) if quick else recipe(asked)


@dataclass(frozen=True)
class _Task:
    """One phrase."""

    phrase: str
    sizes: _Sizes
    epochs: int
    near: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "near", tuple(_near(self.phrase)))

    @property
    def head(self) -> int:
        """Moments that the last convolution sees: what the phrase takes when it is said slowly, less the others'."""
        return max(6, min(30, round(2.6 * len(self.phrase.replace(" ", "")))))

    @property
    def window(self) -> int:
        """Frames that an answer depends on."""
        return _STEP * (1 + 4 + 8 + self.head - 1) + 2

    def data(self, seed: int) -> Data:
        """Return windows of log-mel frames, shape (frames, 1, 40), and 0 where the phrase has just been said.

        Raises:
            SetupError: espeak-ng is not installed.
        """
        require_espeak("wakeword")
        rng, sizes = np.random.default_rng(seed), self.sizes
        train = self._part(TRAIN_VARIANTS, sizes.takes, sizes.near, sizes.sentences, rng)
        valid, test = (
            self._part(variants, sizes.checked, sizes.checked, sizes.checked // 3, rng)
            for variants in (VALID_VARIANTS, TEST_VARIANTS)
        )
        return Data(*train, *test, *valid)

    def model(self) -> Any:  # noqa: ANN401 - Keras has no types
        """Return an untrained network of convolutions over time, without padding: it can take frames as they come."""
        import keras

        layers = keras.layers
        network = keras.Sequential([keras.Input((self.window, 1, _FRONT.channels), name="log_mel")])

        def normalized() -> None:
            network.add(layers.BatchNormalization(momentum=0.9))
            network.add(layers.ReLU())

        network.add(layers.Conv2D(32, (5, 1), (_STEP, 1), use_bias=False))
        normalized()
        for length in (5, 9):
            network.add(layers.DepthwiseConv2D((length, 1), use_bias=False))
            network.add(layers.Conv2D(32, 1, use_bias=False))
            normalized()
        network.add(layers.DepthwiseConv2D((self.head, 1), use_bias=False))
        network.add(layers.Conv2D(32, 1, use_bias=False))
        normalized()
        network.add(layers.Flatten())
        network.add(layers.Dropout(0.2))
        network.add(layers.Dense(2, activation="softmax", name="heard"))
        windows = 5 * self.sizes.takes + 5 * self.sizes.near + 12 * self.sizes.sentences
        rate = keras.optimizers.schedules.CosineDecay(4e-3, self.epochs * windows // _BATCH)
        network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return network

    def recordings(self, seed: int) -> Recordings:
        """Return the phrase after sentences, phrases like it, and ordinary speech, in voices not heard before."""
        return self._recordings(TEST_VARIANTS, np.random.default_rng([seed, 1]))

    def checked(self, seed: int) -> Recordings:
        """Return the same in the voices that the recipe was chosen by."""
        return self._recordings(VALID_VARIANTS, np.random.default_rng([seed, 2]))

    def _recordings(self, variants: tuple[str, ...], rng: np.random.Generator) -> Recordings:
        sizes = self.sizes
        texts = [self.phrase] * sizes.tested + [self.near[k % len(self.near)] for k in range(sizes.tested)]
        sayings = [draw(text, variants, rng) for text in texts]
        before = [draw(str(rng.choice(SENTENCES)), variants, rng) for _ in texts]
        heads = speak_all(before)
        parts = [_stream([(o.text, a), (s.text, b)], rng) for o, a, s, b in
                 zip(before, heads, sayings, speak_all(sayings), strict=True)]  # fmt: skip
        ordinary: list[_Stream] = []
        while sum(map(_Stream.__len__, ordinary)) < sizes.minutes * 6000:
            some = [draw(_ordinary(rng), variants, rng) for _ in range(40)]
            spoken = speak_all(some)
            ordinary += [
                _stream([(s.text, a) for s, a in zip(some[k : k + 4], spoken[k : k + 4], strict=True)], rng)
                for k in range(0, 40, 4)
            ]
        frames, words, near = [], [], []
        at = 0
        for part in (*parts, *ordinary):
            count = len(part.frames) // _STEP * _STEP
            for begin, end, text in part.places:
                if text == self.phrase:
                    words.append((at + begin, at + end))
                elif text in self.near:
                    near.append((at + begin, at + end))
            frames.append(part.frames[:count])
            at += count
        return Recordings(np.concatenate(frames), tuple(words), tuple(near), _FRONT.step_ms)

    def _part(
        self, variants: tuple[str, ...], takes: int, near: int, sentences: int, rng: np.random.Generator
    ) -> tuple[Frames, npt.NDArray[np.int64]]:
        """Return windows of what voices say, and what they are, in random order."""
        texts = [
            *[self.phrase] * takes,
            *(self.near[k % len(self.near)] for k in range(near)),
            *(_ordinary(rng) for _ in range(sentences)),
        ]
        sayings = [draw(text, variants, rng) for text in texts]
        windows, labels = [], []
        others = speak_all(draw(str(rng.choice(_WORDS)), variants, rng) for _ in range(40))
        for saying, samples in zip(sayings, speak_all(sayings), strict=True):
            first = [("", others[int(rng.integers(len(others)))])] if rng.random() < 0.4 else []
            stream = _stream([*first, (saying.text, samples)], rng)
            for end, label in self._ends(stream, rng):
                windows.append(_window(stream.frames, end, self.window))
                labels.append(label)
        order = rng.permutation(len(labels))
        return np.stack(windows)[order], np.array(labels, np.int64)[order]

    def _ends(self, stream: _Stream, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Return where windows of a stream end, and 0 where the phrase has just been said in them."""
        begin, end, text = stream.places[-1]
        count = len(stream.frames)
        if text == self.phrase:
            for late in rng.integers(*_LATE, 4):
                yield min(end + int(late), count), 0
            yield begin + int((end - begin) * rng.uniform(0.2, 0.6)), 1
            return
        # Where the phrase would have ended, and anywhere.
        yield min(end + int(rng.integers(*_LATE)), count), 1
        more = 4 if text in self.near else 11
        for place in rng.integers(min(begin, count - 1), count, more):
            yield int(place), 1


def _near(phrase: str) -> Iterator[str]:
    """Return phrases that share something with one: its words, alone or among others, turned round, misspelt."""
    rng = np.random.default_rng(sum(map(ord, phrase)))
    words = phrase.split()
    made: list[str] = []
    if len(words) > 1:
        made += [*words, " ".join(reversed(words)), *(" ".join(words[:k]) for k in range(1, len(words)))]
        for k in range(len(words)):
            for other in rng.choice(_WORDS, 12, replace=False):
                made.append(" ".join([*words[:k], str(other), *words[k + 1 :]]))
    for _ in range(40):
        made.append(_misspelt(phrase, rng))
    halves = phrase[: -(-len(phrase) // 2)].strip(), phrase[len(phrase) // 2 :].strip()
    made += [f"{half} {other}" for half in halves for other in rng.choice(_WORDS, 4, replace=False)]
    yield from (text for text in dict.fromkeys(made) if text != phrase)


def _misspelt(phrase: str, rng: np.random.Generator) -> str:
    """Return a phrase with two of its consonants, or three, replaced by others: another vowel may sound alike."""
    letters = list(phrase)
    places = [k for k, letter in enumerate(letters) if letter.isalpha() and letter not in "aeiouyh"]
    for k in rng.choice(places, min(len(places), int(rng.integers(2, 4))), replace=False) if places else ():
        letters[k] = str(rng.choice([letter for letter in _CONSONANTS if letter != letters[k]]))
    return "".join(letters)


def _ordinary(rng: np.random.Generator) -> str:
    """Return a sentence: one of the list, or some words."""
    if rng.random() < 0.6:
        return str(rng.choice(SENTENCES))
    return " ".join(map(str, rng.choice(_WORDS, int(rng.integers(2, 7)))))


def _stream(parts: Sequence[tuple[str, Samples]], rng: np.random.Generator) -> _Stream:
    """Put sayings one after the other, with pauses, into noise, and compute the frames."""
    peak = rng.uniform(0.15, 0.9)
    pieces: list[npt.NDArray[Any]] = []
    places, at = [], 0

    def pause(low: float, high: float) -> None:
        nonlocal at
        pieces.append(np.zeros(int(RATE * rng.uniform(low, high))))
        at += len(pieces[-1])

    pause(0.5, 1.2)
    for text, samples in parts:
        loudest = float(np.abs(samples).max(initial=1e-6))
        pieces.append(samples / loudest * peak)
        places.append((at // (RATE // 100), (at + len(samples)) // (RATE // 100), text))
        at += len(samples)
        pause(0.1, 0.7)
    pause(0.2, 0.5)
    whole = np.concatenate(pieces)
    whole = whole + noise(len(whole), rng) * 10 ** rng.uniform(-3.5, -1.8)
    frames = _FRONT.frames(to_int16(whole)).astype(np.float32) / _UNIT
    return _Stream(frames[:, None, :], tuple(places))


def _window(frames: Frames, end: int, length: int) -> Frames:
    """Return the frames before a place; zeros, which silence is, where there were none yet."""
    part = frames[max(0, end - length) : max(end, 0)]
    return np.concatenate([np.zeros((length - len(part), *frames.shape[1:]), np.float32), part])


RECIPE = recipe()
