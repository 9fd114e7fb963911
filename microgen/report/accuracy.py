"""What people read of a model's accuracy beside its float twin's: confusion matrices, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .text import table

# A matrix of more classes is no table for a terminal; the page of --report has it.
_MOST_CLASSES = 12
_MOST_SAMPLES = 20


def class_names(classes: int, labels: Sequence[str]) -> list[str]:
    """Return a name for each class: its label, where there is one for each, else its number."""
    return list(labels) if len(labels) == classes else [str(k) for k in range(classes)]


def changed_line(twin: dict[str, Any]) -> str:
    """Say how many samples the quantized model answers otherwise than the float model."""
    if not twin["changed"]:
        return "no sample: both answer the same"
    rest = twin["changed"] - twin["lost"] - twin["gained"]
    parts = [(twin["lost"], "right in float alone"), (twin["gained"], "right in int8 alone"), (rest, "wrong in both")]
    count = f"{twin['changed']} sample{'' if twin['changed'] == 1 else 's'}"
    return f"{count}: {', '.join(f'{n} {what}' for n, what in parts if n)}"


def accuracy_tables(accuracy: dict[str, Any], labels: Sequence[str]) -> None:
    """Print both confusion matrices, each cell "float > quantized" where they differ, and the samples that changed."""
    twin, classes = accuracy["float"], len(accuracy["confusion"])
    names = class_names(classes, labels)
    if classes <= _MOST_CLASSES:
        for title, matrix in (("float", twin["confusion"]), ("int8, TFLM", accuracy["confusion"])):
            rows = [[name, *map(str, row)] for name, row in zip(names, matrix, strict=True)]
            table([f"{title}: label, answers", *names], rows, right=range(1, classes + 1))
    if changed := twin["changed_samples"][:_MOST_SAMPLES]:
        rows = [
            [s["name"] or str(s["sample"]), names[s["label"]], names[s["float"]], names[s["quantized"]]]
            for s in changed
        ]
        if (more := twin["changed"] - len(changed)) > 0:
            rows.append([f"and {more} more", "", "", ""])
        table(["changed sample", "label", "in float", "in int8"], rows)
