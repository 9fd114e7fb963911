"""What the elements of an output stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..tflite import TfliteModel


def read_labels(labels: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """Return labels given as such, or as a text file with one a line; nothing where there are none.

    Raises:
        InputError: the file is missing, not UTF-8 text, or empty.
    """
    if labels is None:
        return ()
    if not isinstance(labels, (str, Path)):
        return tuple(labels)
    path = Path(labels)
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file", "give a text file with one label a line") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({error})", "give one label a line") from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path}: has no labels", "give one label a line")
    return tuple(line.strip() for line in lines)


def check_labels(model: TfliteModel, labels: Sequence[str]) -> None:
    """Refuse labels that do not match the first output.

    Raises:
        InputError: their number is another.
    """
    classes = model.outputs[0].elements
    if labels and len(labels) != classes:
        raise InputError(
            f"{len(labels)} labels for the {classes} elements of output '{model.outputs[0].name}'",
            "give one label a line, in the order of the output's elements",
        )
