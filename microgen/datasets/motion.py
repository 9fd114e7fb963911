"""Reads a CSV file of motion sensor data as the firmware would."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..preprocessing.window import Window
from .limits import TEXT_BYTES, check_regular
from .recording import Recording

_ACCELERATION, _ROTATION = ("ax", "ay", "az"), ("gx", "gy", "gz")
_TIMES = ("t", "time", "seconds")
_MOST_MOMENTS = 10_000_000
_TOLERANCE = 0.02  # of the rate


def read_motion(path: Path, window: Window) -> Recording:
    """Read a CSV file with one moment per line.

    A first line may name the columns: ax, ay, az, gx, gy, gz, in the units of the window, and t, in seconds. Without
    names there are as many columns as the window has axes. Other columns, labels say, are not looked at. With times,
    moments that are not at the window's rate are interpolated; without, they are taken as they are.

    Args:
        path: the file.
        window: rate, axes and units.

    Raises:
        InputError: it is not such a file.
    """
    check_regular(path, "give a CSV file")
    if path.stat().st_size > TEXT_BYTES:
        raise InputError(f"{path}: has more than {TEXT_BYTES:,} bytes", "shorten the file", path=path)
    wanted = (*(_ACCELERATION if window.acceleration else ()), *(_ROTATION if window.rotation else ()))
    names, rows = _read(path, (*wanted, *_TIMES))
    columns = {name: k for k, name in enumerate(names)} if names else {name: k for k, name in enumerate(wanted)}
    missing = [name for name in wanted if name not in columns]
    if missing or (not names and rows.shape[1] != len(wanted)):
        found = ", ".join(names) if names else f"{rows.shape[1]} columns without names"
        raise InputError(
            f"{path}: has {found}; the application needs {', '.join(wanted)}",
            f"record {', '.join(missing)}, too" if names else "name the columns in the first line",
            path=path,
        )
    measured = rows[:, [columns[name] for name in wanted]]
    notes: list[str] = []
    time = next((columns[name] for name in _TIMES if name in columns), None)
    if time is not None:
        measured = _at_rate(path, rows[:, time], measured, window.rate_hz, notes)
    exact = measured * np.asarray(window.counts)
    beyond = int((np.abs(exact) > 32768).any(axis=1).sum())
    if beyond:
        notes.append(f"clipped: {beyond:,} time steps exceed 8 g or 2,048 degrees per second")
    if not np.ptp(measured, axis=0).any():
        notes.append("still: all time steps are equal")
    return Recording(window.to_counts(measured), window.rate_hz, tuple(notes))


def _read(path: Path, wanted: Sequence[str]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Return the names of the wanted columns, none if the first line is numbers, and the numbers."""
    names: list[str] = []
    taken: list[int] = []
    rows: list[list[float]] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            for line in csv.reader(stream):
                if not line or len(rows) > _MOST_MOMENTS:
                    continue
                try:
                    rows.append([float(line[k]) for k in taken] if names else [float(cell) for cell in line])
                except ValueError:
                    if rows or names:
                        raise
                    heading = [cell.strip().lower() for cell in line]
                    taken = [k for k, name in enumerate(heading) if name in wanted]
                    names = [heading[k] for k in taken]
                    if not names:
                        raise
        table = np.array(rows, np.float64)
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise InputError(
            f"{path}: not a CSV file of numbers ({error})", "write one time step per line", path=path
        ) from None
    if not len(table) or table.ndim != 2 or not np.isfinite(table).all() or (names and len(names) != table.shape[1]):
        raise InputError(
            f"{path}: its lines are not all finite numbers, equally many per line",
            "write one time step per line",
            path=path,
        )
    return names, table


def _at_rate(
    path: Path, times: npt.NDArray[np.float64], measured: npt.NDArray[np.float64], rate: int, notes: list[str]
) -> npt.NDArray[np.float64]:
    """Interpolate what was measured at another rate than is wanted, or unevenly."""
    steps = np.diff(times)
    if len(times) < 2 or (steps <= 0).any():
        raise InputError(
            f"{path}: its times do not increase", "give the times in seconds, in ascending order", path=path
        )
    if np.abs(steps * rate - 1).max() <= _TOLERANCE:
        return measured
    notes.append(f"resampled: from about {1 / float(np.median(steps)):.4g} to {rate:,} Hz")
    wanted = np.arange(times[0], times[-1] + 1e-9, 1 / rate)
    return np.stack([np.interp(wanted, times, axis) for axis in measured.T], axis=1)
