"""What all reports share: figures, names and tables for people."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, TextIO

from ..errors import visible
from .fold import Columns, cells, fold, hang, terminal_width

Pairs = list[tuple[str, str]]
_GAP = 3  # between the columns of a table


def size(count: int) -> str:
    """Return a number of bytes for people, in binary units where it is a round one: "4 MiB", "320 KiB", "983,040 B"."""
    for unit, factor in (("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor and count % (factor // 4) == 0:
            return f"{count / factor:g} {unit}"
    return f"{count:,} B"


def microseconds(value: float) -> str:
    """Return a time for people: "830 us", "12.4 ms", "1.25 s"."""
    for limit, unit in ((1e3, "us"), (1e6, "ms")):
        if value < limit:
            return f"{value / limit * 1e3:.3g} {unit}"
    return f"{value / 1e6:.3g} s"


def short_name(name: str) -> str:
    """Return the first of the names that a converter joined with semicolons, at most 40 characters."""
    first = name.split(";")[0]
    return first if len(first) <= 40 else f"...{first[-37:]}"


def counted(ops: dict[str, int]) -> str:
    """Return operators with their numbers, the most frequent first: "3 CONV_2D, SOFTMAX"."""
    return ", ".join(f"{n} {op}" if n > 1 else op for op, n in sorted(ops.items(), key=lambda x: (-x[1], x[0])))


def place(subgraph: int, index: int) -> str:
    """Return where an operator is: its index, after that of its subgraph where that is not the main one: "1.3"."""
    return f"{subgraph}.{index}" if subgraph else str(index)


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    whole: Sequence[int] = (),
    optional: Sequence[int] = (),
    folded: Sequence[int] = (),
) -> None:
    """Print a table, its cells escaped; where a terminal is too narrow, columns are left out and cells folded.

    Args:
        heads: of the columns.
        rows: the cells of each row.
        right: the columns whose cells end at the right, such as numbers; they are not folded.
        whole: others that are not folded, such as shapes.
        folded: those of `right` that are folded nevertheless.
        optional: the columns that may be left out, in this order.
    """
    lines = [[visible(cell) for cell in row] for row in (heads, *rows)]
    columns = Columns(list(zip(*lines, strict=True)), whole=({*right} - {*folded}) | {*whole})
    terminal = terminal_width(sys.stdout)
    shown = list(range(len(heads)))
    for k in optional:
        if (room := _room(terminal, shown)) is None or columns.need(shown) <= room:
            break
        shown.remove(k)
    widths = columns.widths(shown, _room(terminal, shown))

    def line(row: Sequence[str]) -> Iterator[str]:
        below = [fold(row[k], width, split=True) for k, width in zip(shown, widths, strict=True)]
        for parts in zip_longest(*below, fillvalue=""):
            spaces = [" " * (width - cells(part)) for part, width in zip(parts, widths, strict=True)]
            padded = [s + c if k in right else c + s for k, c, s in zip(shown, parts, spaces, strict=True)]
            yield f" {(' ' * _GAP).join(padded)} "

    total = sum(widths) + _GAP * (len(widths) - 1)
    blank = " " * (total + 2)
    text = [blank, *line(lines[0]), f" {'─' * total} ", *(part for row in lines[1:] for part in line(row)), blank]
    write_output("\n".join([*text, ""]))
    if missing := [lines[0][k] for k in range(len(heads)) if k not in shown]:
        print_line(f"not shown at this width: {', '.join(missing)}")


def _room(terminal: int | None, shown: Sequence[int]) -> int | None:
    """Return how many columns of a terminal the cells of a table may take; None where it is no terminal."""
    return None if terminal is None else terminal - 2 - _GAP * (len(shown) - 1)


def print_line(text: str) -> None:
    """Print one line, escaped; see `visible`."""
    write_output(visible(text) + "\n")


def print_text(text: str) -> None:
    """Print the text of a file, its lines and tabs as they are, the rest escaped."""
    write_output("".join(c if c in "\n\t" else visible(c) for c in text))


def print_pairs(lines: Pairs) -> None:
    """Print names and values in two columns, escaped; on a terminal, long values go on below their start.

    A command stays one line, which a terminal wraps and still copies as one.
    """
    width, terminal = max(len(key) for key, _ in lines) + 2, terminal_width(sys.stdout)
    for key, value in lines:
        room = None if value.startswith("microgen ") else terminal
        for line in hang(f"{visible(key):<{width}}", visible(value), room):
            write_output(line + "\n")


def print_json(document: Any) -> None:  # noqa: ANN401 - any plain data
    """Print one JSON document; what a terminal would act on is escaped as JSON does it."""
    import json

    from ..support.json import json_text

    text = json_text(document)
    write_output("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def write_output(text: str) -> None:
    """Write text to standard output as it is; see `until_closed`."""
    with until_closed(sys.stdout):
        sys.stdout.write(text)


@contextlib.contextmanager
def until_closed(stream: TextIO) -> Iterator[None]:
    """Ignore that the reader of a stream, such as `head`, has closed it: a command keeps its exit code."""
    try:
        yield
    except BrokenPipeError:
        discard(stream)


def discard(stream: TextIO) -> None:
    """Send what a stream still buffers nowhere: where it cannot be written, Python would fail at its exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
