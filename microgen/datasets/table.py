"""CSV files: one sample a line, read a line at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .arrays import TARGET_NAMES, Array, InputSpec, check_finite, representative
from .limits import TEXT_BYTES, check_regular, check_samples

_SHOWN = 40


def read_table(
    values: Mapping[str, Any], spec: InputSpec, seed: int, most: int
) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Read a CSV: one sample a line, its values in the order of the input; a column "label" holds the class.

    The first line is a heading where none of its cells is a number, or one is named as labels are. Anything between is
    refused: it may be a sample with a typing error.

    Args:
        values: of a request: "path" of the file.
        spec: the input.
        seed, most: of the choice of lines.

    Returns:
        Samples of the input's shape, float64; the class of each where a column has it; the classes' names.

    Raises:
        InputError: it is no such file, or a line of it is wrong; says which.
    """
    path = Path(values["path"])
    check_regular(path, "give one sample a line")
    if path.stat().st_size > TEXT_BYTES:
        raise InputError(
            f"{path}: has {path.stat().st_size:,} bytes, at most {TEXT_BYTES:,} are read",
            "give fewer samples, or an .npz",
            path=path,
        )
    heads = _heading(path)
    count = sum(1 for _ in _rows(path)) - bool(heads)
    if not count:
        raise InputError(f"{path}: has no samples", "give one sample a line", path=path)
    check_samples(count, path)
    column = next((k for k, head in enumerate(heads) if head in TARGET_NAMES), None)
    width = len(heads) or len(next(_rows(path))[1])
    size = width - (column is not None)
    if None in spec.shape or size != int(np.prod([d or 1 for d in spec.shape])):
        raise InputError(
            f"input '{spec.name}' takes samples of shape {list(spec.shape)}, {path.name} has {size} values a line",
            "give all values of a sample on one line",
        )
    chosen = representative(count, seed, most)
    samples = np.empty((len(chosen), size))
    labels: list[str] = []
    names: dict[str, float | None] = {}  # of all lines: which classes there are must not depend on the choice
    kept = 0
    for number, (line, row) in enumerate(_rows(path), -bool(heads)):
        if number < 0:
            continue
        if len(row) != width:
            raise InputError(f"{path}: line {line} has {len(row)} values, others {width}", "repair the file", path=path)
        is_kept = kept < len(chosen) and chosen[kept] == number
        if column is not None:
            label = row.pop(column).strip()
            names.setdefault(label, _number(label))
            if is_kept:
                labels.append(label)
        numbers = [number for number in map(_number, row) if number is not None]
        if len(numbers) < size:
            wrong = next(cell for cell in row if _number(cell) is None)
            raise InputError(
                f"{path}: not numbers: line {line} has '{wrong[:_SHOWN]}'",
                "give numbers; a column 'label' may hold names",
                path=path,
            )
        check_finite(np.array(numbers), f"{path}: line {line}")
        if is_kept:
            samples[kept] = numbers
            kept += 1
    targets: Array | None = None
    classes: tuple[str, ...] = ()
    if column is not None:
        if None in names.values():
            classes = tuple(sorted(names))
            place = {name: k for k, name in enumerate(classes)}
            targets = np.array([place[label] for label in labels])
        else:
            targets = np.array([names[label] for label in labels], np.float64)
            check_finite(targets, f"{path}: the column '{heads[column]}'")
    return samples.reshape(len(chosen), *(int(d or 0) for d in spec.shape)), targets, classes


def _heading(path: Path) -> list[str]:
    """Return the names of the columns; nothing where the first line is a sample.

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
        f"{path}: not numbers: line {line} has '{(typed or words)[0][:_SHOWN]}', beside what looks like numbers",
        "repair it where it is a sample; a heading has names only, which begin with a letter",
        path=path,
    )


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the lines that are not blank, each with its number in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            for row in reader:
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
