"""Short commands to intents: hashed letter triples and a small dense network, on phrases that a grammar makes."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..support.metrics import ACCURACY
from . import Data, Recipe
from ._own import Own, OwnData, hold_out, label_column, read_rows

_BUCKETS = 256
_DRAWN = 1500  # phrases of own data with slips, all together
# Each intent's phrases: one choice of every slot. A quarter of all phrases is held out: nobody trains on it.
_INTENTS: dict[str, list[list[str]]] = {
    "lights_on": [
        ["turn on|switch on|put on", "the", "light|lights|lamp|lamps", "|please|now|in the kitchen|in the hall"],
        ["please|could you|", "light up|brighten", "the", "room|kitchen|hall|bedroom"],
        ["lights|light|lamp", "on", "|please|now"],
    ],
    "lights_off": [
        ["turn off|switch off|put out", "the", "light|lights|lamp|lamps", "|please|now|in the kitchen|in the hall"],
        ["please|could you|", "darken|make dark", "the", "room|kitchen|hall|bedroom"],
        ["lights|light|lamp", "off", "|please|now"],
    ],
    "volume_up": [
        ["turn up|raise|increase", "the", "volume|sound|music", "|please|a bit|a little"],
        ["make it|play it|a bit", "louder", "|please|now"],
        ["volume|sound", "up", "|please|a bit"],
    ],
    "volume_down": [
        ["turn down|lower|reduce", "the", "volume|sound|music", "|please|a bit|a little"],
        ["make it|play it|a bit", "quieter|softer", "|please|now"],
        ["volume|sound", "down", "|please|a bit"],
    ],
    "timer": [
        ["set|start", "a timer|the timer|an alarm", "for|of", "one|two|five|ten|twenty", "minutes|seconds"],
        ["wake me|remind me|call me", "in", "one|two|five|ten|twenty", "minutes|hours"],
        ["timer|alarm", "one|two|five|ten", "minutes|seconds"],
    ],
    "weather": [
        ["what is|how is|tell me", "the", "weather|forecast", "|today|tomorrow|like today"],
        ["will it|is it going to", "rain|snow|be sunny|be cold", "|today|tomorrow|tonight"],
        ["weather|forecast", "|please|today|tomorrow"],
    ],
    "stop": [
        ["stop|cancel|quit|abort", "it|that|this|everything", "|please|now|at once"],
        ["please|just|now", "be quiet|stop|shut up|cancel"],
        ["stop|cancel|quit", "|please|now"],
    ],
}


def features(text: str) -> npt.NDArray[np.float32]:
    """Return which hashed letter triples a text has, shape (256,), 0 or 1.

    The text goes to lower case, everything but a to z to one space, with a space at each end; each triple of
    bytes is hashed with 32-bit FNV-1a, and its hash modulo 256 is the bucket. A firmware does the same.
    """
    counts = np.zeros(_BUCKETS, np.float32)
    cleaned = f" {re.sub('[^a-z]+', ' ', text.lower()).strip()} ".encode()
    for i in range(len(cleaned) - 2):
        value = 2166136261
        for byte in cleaned[i : i + 3]:
            value = (value ^ byte) * 16777619 % 2**32
        counts[value % _BUCKETS] = 1
    return counts


def data(seed: int) -> Data:
    """Return features of phrases, half of them with a slip of the finger; tested is on slips nobody trained on."""
    rng = np.random.default_rng(seed)
    parts: dict[bool, list[tuple[npt.NDArray[np.float32], int]]] = {False: [], True: []}
    for number, phrasings in enumerate(_INTENTS.values()):
        phrases = [_joined(words) for p in phrasings for words in itertools.product(*(slot.split("|") for slot in p))]
        for k, phrase in enumerate(rng.permutation(phrases)):
            held_out = k % 4 == 0
            for copy in range(2 if held_out else 6):
                parts[held_out].append((features(_slip(str(phrase), rng) if copy else str(phrase)), number))
    (train_x, train_y), (test_x, test_y) = (
        (np.stack([x for x, _ in parts[held]]), np.array([y for _, y in parts[held]])) for held in (False, True)
    )
    order = rng.permutation(len(train_x))
    return Data(train_x[order], train_y[order], test_x, test_y)


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of two dense layers."""
    return _network(len(_INTENTS))


def own(wanted: OwnData, seed: int) -> Own:
    """Return features of the phrases of a CSV with a column of text and one of labels, with slips of the finger."""
    heading, rows = read_rows(wanted.path)
    at = label_column(wanted.path, heading, wanted.label)
    if at is None or len(heading) != 2:
        raise InputError(
            f"{wanted.path}: has the columns {', '.join(heading)}", "give two: text,label", path=wanted.path
        )
    labels = tuple(sorted({row[at].strip() for _, row in rows}))
    numbers = np.array([labels.index(row[at].strip()) for _, row in rows])
    phrases = [row[1 - at].strip().ljust(2) for _, row in rows]
    train, test = hold_out(numbers, seed)
    rng = np.random.default_rng(seed)
    copies = max(6, -(-_DRAWN // len(train)))
    drawn = [(_slip(phrases[k], rng) if copy else phrases[k], k) for copy in range(copies) for k in train]
    return Own(
        Data(
            np.stack([features(phrase) for phrase, _ in drawn]),
            numbers[[k for _, k in drawn]],
            np.stack([features(phrases[k]) for k in test]),
            numbers[test],
        ),
        lambda: _network(len(labels)),
        labels,
        RECIPE.input,
        "phrases that were not used for training",
    )


def _network(classes: int) -> Any:  # noqa: ANN401
    import keras

    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((_BUCKETS,), name="triples"),
            layers.Dropout(0.2),
            layers.Dense(24, activation="relu"),
            layers.Dense(classes, activation="softmax", name="intent"),
        ]
    )
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return network


def _joined(words: tuple[str, ...]) -> str:
    return " ".join(w for w in words if w)


def _slip(phrase: str, rng: np.random.Generator) -> str:
    """Leave out, double, swap or replace one letter."""
    i = int(rng.integers(0, len(phrase) - 1))
    kind = int(rng.integers(4))
    if kind == 0:
        return phrase[:i] + phrase[i + 1 :]
    if kind == 1:
        return phrase[:i] + phrase[i] + phrase[i:]
    if kind == 2:
        return phrase[:i] + phrase[i + 1] + phrase[i] + phrase[i + 2 :]
    return phrase[:i] + chr(97 + int(rng.integers(26))) + phrase[i + 1 :]


RECIPE = Recipe(
    name="text",
    title="Commands to intents",
    task="text classification",
    source="phrases of a grammar, with slips of the finger",
    input="256 values 0 or 1: hashed letter triples (microgen.recipes.text.features)",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.95,
    epochs=25,
    labels=tuple(_INTENTS),
    own=own,
    takes="a CSV with the columns text and label",
)
