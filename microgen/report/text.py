"""What all reports share: figures, names and tables for people."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import visible

if TYPE_CHECKING:
    from rich.console import Console

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


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Print a table, its cells escaped; cells are folded only on a terminal that is too narrow for it."""
    from rich.cells import cell_len
    from rich.console import Console

    heads, *rows = ([visible(cell) for cell in row] for row in (heads, *rows))
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    total = sum(widths) + _GAP * (len(widths) - 1)
    console = Console()
    if console.is_terminal and total + 2 > console.width:
        write_output(_folded(console, heads, rows, right))
        return

    def line(cells: Sequence[str]) -> str:
        spaces = [" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)]
        padded = [s + c if i in right else c + s for i, (c, s) in enumerate(zip(cells, spaces, strict=True))]
        return f" {(' ' * _GAP).join(padded)} "

    blank = " " * (total + 2)
    write_output("\n".join([blank, line(heads), f" {'─' * total} ", *map(line, rows), blank, ""]))


def _folded(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """Return the same table, as wide as a terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(heads):
        grid.add_column(Text(head), justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    with console.capture() as capture:
        console.print(grid)
    return capture.get()


def print_line(text: str) -> None:
    """Print one line, escaped; see `visible`."""
    write_output(visible(text) + "\n")


def print_text(text: str) -> None:
    """Print the text of a file, its lines and tabs as they are, the rest escaped."""
    write_output("".join(c if c in "\n\t" else visible(c) for c in text))


def print_pairs(lines: Pairs) -> None:
    """Print names and values in two columns, escaped."""
    width = max(len(key) for key, _ in lines) + 2
    for key, value in lines:
        print_line(f"{key:<{width}}{value}")


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
        # What the stream still buffers must go somewhere, or Python fails at its exit.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
