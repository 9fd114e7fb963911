"""Data of a user's own in place of a recipe's: what can be said of it, and how it is read and held out."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..datasets.folders import SUFFIXES, files_of
from ..datasets.limits import TEXT_BYTES, check_regular
from ..errors import InputError, option

if TYPE_CHECKING:
    from . import Data

Array = npt.NDArray[Any]
HELD_OUT = 0.2
LABELS = ("label", "class", "target", "y")
TIMES = ("t", "time", "seconds", "timestamp")
# From so many runs of a class on, whole runs are held out; else the end of each.
_ENOUGH_RUNS = 5
_FASTEST_HZ = 10_000
_LEAST = 2  # samples of a class in each part


@dataclass(frozen=True)
class OwnData:
    """A file or folder to train a recipe on instead of its own data, and how it is to be read.

    Attributes:
        path: the file or folder.
        window: time steps of a sample; None: the recipe's.
        stride: time steps between two samples to test on; None: half a window.
        rate_hz: time steps a second; None: as the file's times say, else 50.
        label: the name of the column with the labels; None: the first that is named as labels are.
        units: of acceleration and rotation, such as "g,deg/s" or "m/s2,rad/s"; None: acceleration as gravity says.
        value_range: what black and white of an image become.
        sample_rate: of WAV files, in Hz.
    """

    path: Path
    window: int | None = None
    stride: int | None = None
    rate_hz: int | None = None
    label: str | None = None
    units: str | None = None
    value_range: tuple[float, float] = defaults.VALUE_RANGE
    sample_rate: int = defaults.SAMPLE_RATE

    def steps(self, window: int) -> tuple[int, int]:
        """Return window and stride in time steps, if the recipe's window has `window`.

        Raises:
            InputError: the window, the stride or the rate is out of range.
        """
        if self.rate_hz is not None and not 1 <= self.rate_hz <= _FASTEST_HZ:
            raise InputError(
                f"not 1 to {_FASTEST_HZ} time steps per second",
                "omit it to use the column t, or 50",
                option="rate_hz",
                value=self.rate_hz,
            )
        length = window if self.window is None else self.window
        stride = max(1, length // 2) if self.stride is None else self.stride
        if not 2 <= length <= 1024:
            raise InputError(
                "not 2 to 1024 time steps", "use the number of lines of a sample", option="window", value=length
            )
        if not 1 <= stride <= length:
            raise InputError(
                "not from 1 to the length of a window", "omit it for half a window", option="stride", value=stride
            )
        return length, stride


@dataclass(frozen=True)
class Own:
    """A recipe's data, model and words, for data of a user's own.

    Attributes:
        data: what is trained on and held out.
        model: makes the untrained, compiled Keras model.
        labels: what the outputs stand for.
        input: what one sample is, for whoever writes the firmware.
        held_out: what is tested on, for people.
        record: how samples were made of the data, as plain data for the record of the training.
        applications: as in `Recipe`.
    """

    data: Data
    model: Callable[[], Any]
    labels: tuple[str, ...]
    input: str
    held_out: str
    record: Mapping[str, Any] = field(default_factory=dict)
    applications: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """What was measured in one go under one label: shape (time steps, columns)."""

    values: Array
    label: str


@dataclass(frozen=True)
class Moments:
    """A table of time steps.

    Attributes:
        columns: names of the values.
        runs: what was measured, in its order.
        rate_hz: time steps a second, where the file has times.
    """

    columns: tuple[str, ...]
    runs: tuple[Run, ...]
    rate_hz: int | None = None

    def scaling(self, offset: Iterable[float], scale: Iterable[float]) -> list[dict[str, Any]]:
        """Return for records what each column is scaled by: (value - offset) * scale."""
        return [
            {"column": name, "offset": float(o), "scale": float(s)}
            for name, o, s in zip(self.columns, offset, scale, strict=True)
        ]


def read_moments(own: OwnData, *, unlabeled: str = "") -> Moments:
    """Read a CSV with one time step per line, or a folder of them; a heading names the columns.

    A run ends where the label changes, with the file, and where a folder's file ends. Files without a column of labels
    have the label that their folder is named after.

    Args:
        own: the data.
        unlabeled: the label of what has none; "": that is refused.

    Raises:
        InputError: it is no such file, a line of it is wrong, or nothing says the labels.
    """
    if own.path.is_dir():
        files = files_of(own.path, (".csv",))
        if not files:
            raise InputError(
                f"{own.path}: holds no CSV files", "give a CSV file or a folder of CSV files", path=own.path
            )
        labels = [p.relative_to(own.path).parts[0] if p.parent != own.path else unlabeled for p in files]
        tables = [_read(p, own, label) for p, label in zip(files, labels, strict=True)]
    else:
        tables = [_read(own.path, own, unlabeled)]
    first = tables[0]
    for table, file in zip(tables, files if own.path.is_dir() else [own.path], strict=True):
        if table.columns != first.columns:
            raise InputError(
                f"{file}: has the columns {', '.join(table.columns)}, other files {', '.join(first.columns)}",
                "give all files the same columns",
                path=file,
            )
    return Moments(first.columns, tuple(run for table in tables for run in table.runs), first.rate_hz)


def _read(path: Path, own: OwnData, label: str) -> Moments:
    heading, lines = read_rows(path)
    names = [cell.lower() for cell in heading]
    at = label_column(path, heading, own.label)
    time = next((names.index(name) for name in TIMES if name in names), None)
    taken = [k for k in range(len(names)) if k not in (at, time)]
    if not taken:
        raise InputError(f"{path}: has no columns of values", "give one column per value", path=path)
    if at is None and not label:
        raise InputError(
            f"{path}: has no column of labels (it has {', '.join(heading)})",
            f"name it with {option('label')}, rename one to 'label', or put the files into one folder per class",
            path=path,
            option="label",
        )
    numbers = np.array([[_number(path, line, row[k]) for k in taken] for line, row in lines])
    said = [row[at].strip() if at is not None else label for _, row in lines]
    bounds = [0, *(k for k in range(1, len(said)) if said[k] != said[k - 1]), len(said)]
    runs = tuple(Run(numbers[a:b], said[a]) for a, b in itertools.pairwise(bounds))
    rate = None
    if time is not None:
        steps = np.diff([_number(path, line, row[time]) for line, row in lines])
        typical = float(np.median(steps)) if len(steps) else 0.0
        if typical <= 0:
            raise InputError(
                f"{path}: its times do not increase", "give the times in seconds, in ascending order", path=path
            )
        rate = round(1 / typical)
        if rate < 1:
            raise InputError(
                f"{path}: its times are {typical:g} s apart", "give them in seconds: milliseconds / 1000", path=path
            )
    return Moments(tuple(heading[k] for k in taken), runs, rate)


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the heading of a CSV, and its further lines that are not blank, each with its number.

    Raises:
        InputError: it is no such file, has no heading, or lines of different lengths.
    """
    check_regular(path, "give a CSV file")
    if path.stat().st_size > TEXT_BYTES:
        raise InputError(f"{path}: has more than {TEXT_BYTES:,} bytes", "shorten the file", path=path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read as CSV ({error})", "save it as UTF-8, comma separated", path=path
        ) from None
    if len(rows) < 2:
        raise InputError(f"{path}: has no samples", "give a heading, then one sample per line", path=path)
    heading = [cell.strip() for cell in rows[0][1]]
    if any(_is_number(cell) or not cell for cell in heading):
        raise InputError(f"{path}: the first line does not name the columns", "name them: ax,ay,az,label", path=path)
    for line, row in rows[1:]:
        if len(row) != len(heading):
            raise InputError(
                f"{path}: line {line} has {len(row)} values, the heading has {len(heading)}",
                "correct the file",
                path=path,
            )
    return heading, rows[1:]


def label_column(path: Path, heading: Sequence[str], wanted: str | None) -> int | None:
    """Return which column has the labels; None where none is named so.

    Raises:
        InputError: there is no column of the name that was asked for.
    """
    if wanted is None:
        return next((k for k, name in enumerate(heading) if name.lower() in LABELS), None)
    if wanted not in heading:
        raise InputError(
            f"{path}: has no such column", f"it has {', '.join(heading)}", path=path, option="label", value=wanted
        )
    return list(heading).index(wanted)


def hold_out_runs(runs: Sequence[Run], length: int, seed: int) -> tuple[list[Run], list[Run]]:
    """Part runs into those to train and those to test on, class by class: no time step is in both.

    A fifth of a class's runs is held out where it has five or more, drawn by the seed; else the last fifth of each.

    Args:
        runs: all; those that are shorter than a sample are left out.
        length: time steps of a sample.
        seed: of the draw.

    Raises:
        InputError: there are not two labels, or one has too few time steps.
    """
    rng = np.random.default_rng(seed)
    train: list[Run] = []
    test: list[Run] = []
    labels = sorted({run.label for run in runs})
    if len(labels) < 2:
        raise InputError(f"the data has only one label: '{labels[0]}'", "a classifier needs two or more")
    for label in labels:
        of_label = [run for run in runs if run.label == label and len(run.values) >= length]
        if len(of_label) >= _ENOUGH_RUNS:
            held = set(rng.permutation(len(of_label))[: max(1, round(HELD_OUT * len(of_label)))].tolist())
            train += [run for k, run in enumerate(of_label) if k not in held]
            test += [run for k, run in enumerate(of_label) if k in held]
            continue
        cut = [(run, len(run.values) - max(length, round(HELD_OUT * len(run.values)))) for run in of_label]
        long_enough = [(run, at) for run, at in cut if at >= length]
        if not long_enough:
            raise InputError(
                f"'{label}' has no run of {2 * length} time steps, one sample for training and one for the test",
                "record more of it, in five or more runs or in longer ones, or use a shorter "
                f"{option('window', length // 2)}",
                option="window",
            )
        train += [Run(run.values[:at], label) for run, at in long_enough]
        test += [Run(run.values[at:], label) for run, at in long_enough]
    return train, test


def hold_out(labels: Array, seed: int) -> tuple[Array, Array]:
    """Return which samples are trained on and which are tested on: a fifth of each class.

    Raises:
        InputError: a class has too few.
    """
    rng = np.random.default_rng(seed)
    train, test = [], []
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == label))
        held = max(1, round(HELD_OUT * len(order)))
        if len(order) - held < _LEAST:
            raise InputError(f"a class has {len(order)} samples", "give at least four of each class, better hundreds")
        test.append(order[:held])
        train.append(order[held:])
    return rng.permutation(np.concatenate(train)), np.sort(np.concatenate(test))


def classes_of_folder(folder: Path, kind: str) -> tuple[list[Path], npt.NDArray[np.int64], tuple[str, ...]]:
    """Return the files of a kind below a folder, the class of each, and the classes: its folders.

    Raises:
        InputError: there are none, or files outside of the folders, or one class alone.
    """
    suffixes = SUFFIXES[kind]
    if not folder.is_dir():
        hint = f"give one with a folder of {suffixes[0]} files per class"
        raise InputError(f"{folder}: not a folder", hint, path=folder)
    files = files_of(folder, suffixes)
    loose = next((p for p in files if p.parent == folder), None)
    if loose is not None:
        raise InputError(f"{loose}: not in the folder of a class", "move it into one of them", path=loose)
    names = sorted({p.relative_to(folder).parts[0] for p in files})
    if len(names) < 2:
        found = f"only one class: '{names[0]}'" if names else f"no {suffixes[0]} files"
        raise InputError(f"{folder}: has {found}", "give one folder per class, at least two", path=folder)
    place = {name: k for k, name in enumerate(names)}
    return files, np.array([place[p.relative_to(folder).parts[0]] for p in files]), tuple(names)


def _number(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(
            f"{path}: line {line} has '{cell.strip()[:40]}', which is not a finite number",
            f"correct it; labels are in the column 'label' or the one that {option('label')} names",
            path=path,
        )
    return value


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
