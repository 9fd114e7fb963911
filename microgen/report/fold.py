"""Text that fits a terminal: folded between words, and inside a word only where nothing else fits."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence
from typing import TextIO


def terminal_width(stream: TextIO) -> int | None:
    """Return how many columns a stream's terminal has; None where it is no terminal, and nothing is to be folded."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fold(text: str, width: int, *, split: bool = False) -> list[str]:
    """Return a text as lines of at most `width` columns.

    Args:
        text: one line; spaces at its start are kept.
        width: columns, at least 1.
        split: whether a path may be split behind a slash, and a word that is longer than a line anywhere; otherwise
            such a word has a line of its own.
    """
    if cells(text) <= width:
        return [text]
    lines, line = [], text[: len(text) - len(text.lstrip(" "))]
    for word in text.split():
        gap = " " if line.strip() else ""
        for part in _parts(word) if split else [word]:
            if cells(line + gap + part) <= width or not line.strip():
                line += gap + part
            else:
                lines.append(line)
                line = part
            while split and cells(line) > width:
                taken = max(1, next(k for k in range(len(line), -1, -1) if cells(line[:k]) <= width))
                lines.append(line[:taken])
                line = line[taken:]
            gap = ""
    return [*lines, line]


def _parts(word: str) -> list[str]:
    """Return the parts of a word that may stand on lines of their own: those of a path."""
    return re.findall(r"[^/]*/|[^/]+", word)


def hang(key: str, value: str, width: int | None) -> list[str]:
    """Return the lines of a name and its value: what does not fit goes on under the value.

    Args:
        key: the name, with the spaces up to the value.
        value: the value.
        width: columns; None does not fold.
    """
    if width is None:
        return [key + value]
    indent = cells(key) if 2 * cells(key) < width else 2
    first, *rest = fold(value, width - indent) if indent == cells(key) else fold(key + value, width - indent)
    head = key if indent == cells(key) else ""
    return [head + first, *(" " * indent + line for line in rest)]


def _longest_part(text: str) -> int:
    return max((cells(part) for word in text.split() for part in _parts(word)), default=0)


class Columns:
    """The columns of a table, and how wide each is.

    Attributes:
        columns: the texts of each.
        whole: those whose texts are not folded, such as numbers.
    """

    def __init__(self, columns: Sequence[Sequence[str]], whole: Collection[int] = ()) -> None:
        self._natural = [max(map(cells, column)) for column in columns]
        self._least = [
            self._natural[k] if k in whole else max(map(_longest_part, column)) for k, column in enumerate(columns)
        ]

    def need(self, shown: Sequence[int]) -> int:
        """Return how many columns of a terminal some of them take at least, without what is between them."""
        return sum(self._least[k] for k in shown)

    def widths(self, shown: Sequence[int], room: int | None) -> list[int]:
        """Return a width for each that is shown, in all at most `room` where that is possible.

        The widest give way first: down to what is not folded, and below that only where nothing else fits.
        """
        widths = [self._natural[k] for k in shown]
        for least in ([self._least[k] for k in shown], [1] * len(widths)):
            while room is not None and sum(widths) > room:
                spare = [width if width > low else 0 for width, low in zip(widths, least, strict=True)]
                if not any(spare):
                    break
                widths[spare.index(max(spare))] -= 1
        return widths
