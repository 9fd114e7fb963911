"""Windows of a motion sensor's values, in integers, equal value by value to firmware/preprocessing/window.c."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import exact
from .emit import check_identifier

# Values are 16-bit counts, the same for every sensor: its driver converts.
COUNTS_PER_G = 4096
COUNTS_PER_DEGREE = 16  # a second
UNIT = 1024  # a number that stands for 1
DETRENDS = ("none", "mean", "line")
_HISTORY_BITS, _SMOOTHING_BITS, _MULTIPLIER_BITS = 8, 16, 16
_LONGEST = 1024
_MOST_AXES = 16
_LIMITS = np.iinfo(np.int32)
# Counts that stand for 1 of a unit.
ACCELERATION = {"g": float(COUNTS_PER_G), "m/s2": COUNTS_PER_G / 9.80665}
ROTATION = {"deg/s": float(COUNTS_PER_DEGREE), "rad/s": COUNTS_PER_DEGREE * 57.29577951308232}
Values = npt.NDArray[np.int16]

_HEADER = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of a sensor's values, written by microgen: {length} moments of {axes} values, every {stride}. */
#ifndef {up}_H
#define {up}_H
#include "window.h"

#ifdef __cplusplus
extern "C" {{
#endif

#define {up}_LENGTH {length}
#define {up}_AXES {axes}

extern window_front {name};

#ifdef __cplusplus
}}
#endif
#endif
"""
_SOURCE = """\
/* SPDX-License-Identifier: Apache-2.0 */
/* Constants and state of {name}, written by microgen. */
#include "{name}.h"

static const int32_t multipliers[{axes}] = {{{multipliers}}};
static const int32_t offsets[{axes}] = {{{offsets}}};
static const window_settings settings = {{
    .length = {length},
    .stride = {stride},
    .axes = {axes},
    .detrend = {detrend},
    .smoothing = {smoothing},
    .multipliers = multipliers,
    .offsets = offsets,
}};

static int32_t history[{values}];
static int32_t low[{axes}];

window_front {name} = {{&settings, history, low, 0, 0}};
"""


@dataclass(frozen=True)
class Window:
    """Windows of what a motion sensor measures.

    Attributes:
        rate_hz: time steps per second.
        length: moments of a window, 1 to 1024.
        stride: moments between the starts of two, 1 to `length`.
        acceleration: the unit of its three axes, "g" or "m/s2"; "" for no accelerometer.
        rotation: the unit of its three axes, "deg/s" or "rad/s"; "" for no gyroscope.
        low_pass_hz: where a low-pass of first order begins, below half the rate; 0: none.
        detrend: what is taken from each axis of a window: "none", its "mean", or the straight "line" through it.
        offset, scale: of each axis: a number of the window is (measured - offset) * scale; () for 0 and 1.

    Raises:
        InputError: settings that cannot be computed.
    """

    rate_hz: int = 50
    length: int = 100
    stride: int = 25
    acceleration: str = "g"
    rotation: str = ""
    low_pass_hz: float = 0.0
    detrend: str = "none"
    offset: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, allowed, hint in (
            ("rate_hz", 1 <= self.rate_hz <= 10_000, "use 1 to 10000"),
            ("length", 1 <= self.length <= _LONGEST, f"use 1 to {_LONGEST} time steps"),
            ("stride", 1 <= self.stride <= self.length, f"use 1 to {self.length}, the length of a window"),
            ("acceleration", self.acceleration in ("", *ACCELERATION), f"use {' or '.join(ACCELERATION)}"),
            ("rotation", self.rotation in ("", *ROTATION), f"use {' or '.join(ROTATION)}"),
            ("low_pass_hz", 0 <= self.low_pass_hz < self.rate_hz / 2, f"use 0 to below {self.rate_hz / 2:g} Hz"),
            ("detrend", self.detrend in DETRENDS, f"use one of {', '.join(DETRENDS)}"),
            ("offset", len(self.offset) in (0, self.axes), f"give one for each of {self.axes} axes"),
            ("scale", len(self.scale) in (0, self.axes), f"give one for each of {self.axes} axes"),
        ):
            if not allowed:
                raise InputError(f"{name}={getattr(self, name)}: not supported", hint)
        if not self.axes:
            raise InputError("a window without acceleration and rotation", "give the unit of one of them")
        if np.abs(self._exact_multipliers).max() > _LIMITS.max or np.abs(self._exact_offsets).max() > _LIMITS.max:
            raise InputError("scale or offset: does not fit 32 bits", "use smaller values")

    @property
    def axes(self) -> int:
        """Values of a moment: acceleration x, y, z, then rotation x, y, z."""
        return 3 * bool(self.acceleration) + 3 * bool(self.rotation)

    @property
    def counts(self) -> tuple[float, ...]:
        """Of each axis, how many counts are 1 of its unit."""
        known = (ACCELERATION.get(self.acceleration), ROTATION.get(self.rotation))
        return tuple(counts for counts in known if counts for _ in range(3))

    @property
    @exact.with_40_digits
    def smoothing(self) -> int:
        """The part of a step that the low-pass follows, 65536 is 1; 0 for none."""
        if not self.low_pass_hz:
            return 0
        turns = Decimal(str(self.low_pass_hz)) / self.rate_hz
        return max(1, int(exact.half_up((1 - (-2 * exact.PI * turns).exp()) * (1 << _SMOOTHING_BITS))))

    @property
    def multipliers(self) -> npt.NDArray[np.int64]:
        """Of each axis, what makes counts a result; 65536 is 1."""
        return np.floor(self._exact_multipliers + 0.5).astype(np.int64)

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """Of each axis, what is added to the result."""
        return np.floor(self._exact_offsets + 0.5).astype(np.int64)

    def windows(self, values: Values) -> npt.NDArray[np.int32]:
        """Compute the windows of a signal, from the start.

        Args:
            values: shape (moments, axes), 16-bit counts; see `to_counts`.

        Returns:
            Shape (windows, length, axes); 1024 stands for 1. No window where there are fewer moments than one has.

        Raises:
            InputError: the values are of another type or shape.
        """
        if values.dtype != np.int16 or values.ndim != 2 or values.shape[1] != self.axes:
            raise InputError(
                f"values of type {values.dtype} and shape {list(values.shape)}",
                f"give 16-bit counts of {self.axes} axes: to_counts() makes them",
            )
        if len(values) < self.length:
            return np.zeros((0, self.length, self.axes), np.int32)
        filtered = self._filtered(values.astype(np.int64) << _HISTORY_BITS)
        views = np.lib.stride_tricks.sliding_window_view(filtered, self.length, axis=0)[:: self.stride]
        windows = self._detrended(views.transpose(0, 2, 1))
        half = 1 << (_HISTORY_BITS + _MULTIPLIER_BITS - 1)
        scaled = (windows * self.multipliers + half) >> (_HISTORY_BITS + _MULTIPLIER_BITS)
        return np.asarray(np.clip(scaled + self.offsets, _LIMITS.min, _LIMITS.max), np.int32)

    def to_counts(self, measured: npt.ArrayLike) -> Values:
        """Return what was measured, in the units of the axes, as 16-bit counts; what is beyond them is clipped.

        Args:
            measured: shape (moments, axes).

        Raises:
            InputError: it has another shape, or some are no numbers.
        """
        numbers = np.asarray(measured, np.float64)
        if numbers.ndim != 2 or numbers.shape[1] != self.axes or not np.isfinite(numbers).all():
            raise InputError(
                f"measured values of shape {list(numbers.shape)}", f"give finite numbers of {self.axes} axes"
            )
        return np.clip(np.rint(numbers * self.counts), -32768, 32767).astype(np.int16)

    def emit(self, name: str = "window") -> dict[str, str]:
        """Return the C files of these windows, by name: their constants, their state and their macros.

        Args:
            name: of the files and of what they define; a C identifier, and not "window" itself.

        Raises:
            InputError: the name is none.
        """
        check_identifier(name, "window")
        text = {
            "name": name,
            "up": name.upper(),
            "length": self.length,
            "stride": self.stride,
            "axes": self.axes,
            "values": self.length * self.axes,
            "detrend": f"WINDOW_DETREND_{self.detrend.upper()}",
            "smoothing": self.smoothing,
            "multipliers": ", ".join(map(str, self.multipliers)),
            "offsets": ", ".join(map(str, self.offsets)),
        }
        return {f"{name}.h": _HEADER.format(**text), f"{name}.c": _SOURCE.format(**text)}

    @property
    def _exact_multipliers(self) -> npt.NDArray[np.float64]:
        scale = np.asarray(self.scale or (1.0,) * self.axes, np.float64)
        return np.asarray(scale * (UNIT << _MULTIPLIER_BITS) / np.asarray(self.counts))

    @property
    def _exact_offsets(self) -> npt.NDArray[np.float64]:
        scale = np.asarray(self.scale or (1.0,) * self.axes, np.float64)
        return np.asarray(-np.asarray(self.offset or (0.0,) * self.axes, np.float64) * scale * UNIT)

    def _filtered(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        if not self.smoothing:
            return values
        filtered = np.empty_like(values)
        low = values[0].copy()
        for t, now in enumerate(values):
            low += ((now - low) * self.smoothing) >> _SMOOTHING_BITS
            filtered[t] = low
        return filtered

    def _detrended(self, windows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Take mean or line from windows [windows, length, axes]."""
        if self.detrend == "none":
            return windows
        left = windows - _rounded(windows.sum(axis=1, keepdims=True), self.length)
        if self.detrend == "line" and self.length > 1:
            place = (2 * np.arange(self.length) - self.length + 1)[None, :, None]
            slope = (windows * place).sum(axis=1, keepdims=True)
            left = left - _rounded(slope * place, self.length * (self.length**2 - 1) // 3)
        return left


def _rounded(dividend: npt.NDArray[np.int64], divisor: int) -> npt.NDArray[np.int64]:
    """Round a quotient to the nearest, halves upwards."""
    return np.asarray((2 * dividend + divisor) // (2 * divisor), np.int64)
