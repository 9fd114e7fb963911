"""CSV files: one sample per line, read a line at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..errors import InputError
from .arrays import TARGET_NAMES, Array, InputSpec, Targets, check_finite, class_numbers, representative
from .limits import LINE_BYTES, TEXT_BYTES, check_regular, check_samples

_SHOWN = 40


def read_table(values: Mapping[str, Any], spec: InputSpec, seed: int, most: int) -> tuple[Array, Targets]:
    """Read a CSV: one sample per line, its values in the order of the input; a column "label" holds the class.

    The first line is a heading where none of its cells is a number, or one is named as labels are. Anything between is
    rejected: it may be a sample with a typing error.

    Args:
        values: of a request: "path" of the file.
        spec: the model's input.
        seed, most: seed and limit of the choice of lines.

    Returns:
        Samples of the input's shape, float64; the class of each where a column has it.

    Raises:
        InputError: the file cannot be read, or a line is wrong; names the line.
    """
    path = Path(values["path"])
    check_regular(path, "give one sample per line")
    if path.stat().st_size > TEXT_BYTES:
        raise InputError(
            f"{path}: has {path.stat().st_size:,} bytes, at most {TEXT_BYTES:,} are read",
            "give fewer samples, or an .npz",
            path=path,
        )
    heading = _heading(path)
    count = sum(1 for _ in _rows(path)) - bool(heading)
    if not count:
        raise InputError(f"{path}: has no samples", "give one sample per line", path=path)
    check_samples(count, path)
    label_column = next((k for k, name in enumerate(heading) if name in TARGET_NAMES), None)
    columns = len(heading) or len(next(_rows(path))[1])
    size = columns - (label_column is not None)
    if None in spec.shape or size != int(np.prod([d or 1 for d in spec.shape])):
        raise InputError(
            f"input '{spec.name}' takes samples of shape {list(spec.shape)}, {path.name} has {size} values per line",
            "write all values of a sample into one line",
        )
    chosen = representative(count, seed, most)
    samples = np.empty((len(chosen), size))
    chosen_labels: list[str] = []
    all_labels: dict[str, float | None] = {}  # each once, with the number that it is
    kept = 0
    for number, (line, row) in enumerate(_rows(path), -bool(heading)):
        if number < 0:
            continue
        if len(row) != columns:
            raise InputError(
                f"{path}: line {line} has {len(row)} values, other lines {columns}", "repair the file", path=path
            )
        is_chosen = kept < len(chosen) and chosen[kept] == number
        if label_column is not None:
            label = row.pop(label_column).strip()
            all_labels.setdefault(label, _number(label))
            if is_chosen:
                chosen_labels.append(label)
        sample = [value for value in map(_number, row) if value is not None]
        if len(sample) < size:
            wrong = next(cell for cell in row if _number(cell) is None)
            raise InputError(
                f"{path}: not numbers: line {line} has '{wrong[:_SHOWN]}'",
                "give numbers; only the column 'label' may have names",
                path=path,
            )
        check_finite(np.array(sample), f"{path}: line {line}")
        if is_chosen:
            samples[kept] = sample
            kept += 1
    targets = Targets()
    if label_column is not None:
        targets = _targets(chosen_labels, all_labels, f"{path}: the column '{heading[label_column]}'")
    return samples.reshape(len(chosen), *(int(d or 0) for d in spec.shape)), targets


def _targets(chosen: Sequence[str], every: Mapping[str, float | None], what: str) -> Targets:
    """Return the class of each chosen line.

    Args:
        chosen: the labels of these lines.
        every: the labels of the file, each with the number that it is.
        what: their column, for messages.
    """
    numbers = [number for number in every.values() if number is not None]
    if len(numbers) < len(every):
        names = tuple(sorted(every))
        place = {name: k for k, name in enumerate(names)}
        return Targets(np.array([place[label] for label in chosen], np.int64), names)
    check_finite(np.array(numbers), what)
    classes = class_numbers(np.array(numbers))
    if classes is None:
        return Targets(are_values=True)
    of_label = dict(zip(every, classes.tolist(), strict=True))
    return Targets(np.array([of_label[label] for label in chosen], np.int64))


def _heading(path: Path) -> list[str]:
    """Return the names of the columns; nothing if the first line is a sample.

    Raises:
        InputError: it may be either.
    """
    line, row = next(_rows(path), (0, []))
    cells = [cell.strip().lower() for cell in row]
    if any(cell in TARGET_NAMES for cell in cells):
        return cells
    words = [cell for cell in cells if _number(cell) is None]
    typed = [word for word in words if word and word[0] in "+-.0123456789"]
    if not words:
        return []
    if len(words) == len(cells) and not typed:
        return cells
    raise InputError(
        f"{path}: not numbers: line {line} has '{(typed or words)[0][:_SHOWN]}' among numbers",
        "if the line is a sample, correct it; a heading only has names that begin with a letter",
        path=path,
    )


class _Lines:
    """The lines of a file for a CSV reader, whose rows may have several; a row has `LINE_BYTES` at most."""

    def __init__(self, path: Path, stream: TextIO) -> None:
        self._path, self._stream = path, stream
        self.left = LINE_BYTES

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self.left + 1)
        if not line:
            raise StopIteration
        self.left -= len(line.encode())
        if self.left < 0:
            raise InputError(
                f"{self._path}: has a line of more than {LINE_BYTES:,} bytes",
                "give one sample per line, or an .npz",
                path=self._path,
            )
        return line


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the lines that are not blank, each with its number in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = _Lines(path, stream)
            reader = csv.reader(lines)
            for row in reader:
                lines.left = LINE_BYTES
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: cannot be read as CSV ({error})", "save it as UTF-8, comma separated", path=path
        ) from None


def _number(cell: str) -> float | None:
    """Return a number as CSV files have it; Python takes 1_000 and digits of any script besides."""
    try:
        return float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        return None
