"""What people read of a model's accuracy beside its float twin's: confusion matrices, and what changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from .fold import cells, terminal_width
from .text import print_line, table

# A matrix of more classes is no table for a terminal; the page of --report has it.
_MOST_CLASSES = 12
_MOST_SAMPLES = 20


def class_names(classes: int, labels: Sequence[str]) -> list[str]:
    """Return a name for each class: its label, where there is one for each, else its number."""
    return list(labels) if len(labels) == classes else [str(k) for k in range(classes)]


def changed_line(twin: dict[str, Any]) -> str:
    """Say how many samples the quantized model answers otherwise than the float model."""
    if not twin["changed"]:
        return "none: both models give the same answers"
    rest = twin["changed"] - twin["lost"] - twin["gained"]
    parts = [(twin["lost"], "right only in float"), (twin["gained"], "right only in int8"), (rest, "wrong in both")]
    count = f"{twin['changed']} sample{'' if twin['changed'] == 1 else 's'}"
    return f"{count}: {', '.join(f'{n} {what}' for n, what in parts if n)}"


def accuracy_tables(accuracy: dict[str, Any], labels: Sequence[str]) -> None:
    """Print both confusion matrices, each cell "float > quantized" where they differ, and the samples that changed."""
    twin, classes = accuracy["float"], len(accuracy["confusion"])
    names = class_names(classes, labels)
    if classes <= _MOST_CLASSES:
        # Columns have the numbers of the classes where their names do not fit the terminal.
        width = terminal_width(sys.stdout)
        is_wide = width is not None and 3 * classes + sum(map(cells, names)) + max(map(cells, names)) + 8 > width
        heads = [str(k) for k in range(classes)] if is_wide else names
        for title, matrix in (("float", twin["confusion"]), ("int8", accuracy["confusion"])):
            rows = [
                [f"{k} {name}" if is_wide and heads != names else name, *map(str, row)]
                for k, (name, row) in enumerate(zip(names, matrix, strict=True))
            ]
            table([title, *heads], rows, right=range(1, classes + 1))
        print_line("rows: the label; columns: the model's answer")
    if changed := twin["changed_samples"][:_MOST_SAMPLES]:
        rows = [
            [s["name"] or str(s["sample"]), names[s["label"]], names[s["float"]], names[s["quantized"]]]
            for s in changed
        ]
        if (more := twin["changed"] - len(changed)) > 0:
            rows.append([f"and {more} more", "", "", ""])
        table(["changed sample", "label", "in float", "in int8"], rows)
