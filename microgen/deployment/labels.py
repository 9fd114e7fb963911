"""Labels: names of the elements of an output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError, nearest_path
from ..support.files import read_file
from ..support.metrics import class_count
from ..tflite import Tensor, TfliteModel

_LARGEST_BYTES = 2**20


def read_labels(labels: str | Path | Sequence[str] | None) -> tuple[str, ...]:
    """Return labels given as such, or as a text file with one per line; nothing if there are none.

    Raises:
        InputError: the file is missing, not UTF-8 text, or empty.
    """
    if labels is None:
        return ()
    if not isinstance(labels, (str, Path)):
        return tuple(labels)
    path = Path(labels)
    try:
        # Windows editors write a byte order mark.
        lines = read_file(path, _LARGEST_BYTES).decode("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file",
            nearest_path(path, "give a text file with one label per line"),
            option="labels",
            path=path,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: cannot be read as UTF-8 text ({error})", "give one label per line", option="labels", path=path
        ) from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path}: has no labels", "give one label per line", option="labels", path=path)
    return tuple(line.strip() for line in lines)


def check_labels(model: TfliteModel, labels: Sequence[str]) -> None:
    """Reject labels that do not match the first output.

    Raises:
        InputError: the number of labels is wrong.
    """
    classes = model.outputs[0].elements
    if labels and len(labels) != classes:
        raise InputError(
            f"{len(labels)} labels for the {classes} elements of output '{model.outputs[0].name}'",
            "give one label per line, in the order of the output's elements",
        )


def elements_of(numbers: npt.NDArray[np.int64], names: Sequence[str], labels: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the element of the output for each sample whose class has a name among the labels.

    Args:
        numbers: the class of each sample: its place in `names`.
        names: of the data's classes, each a label.
        labels: of the output's elements.
    """
    return np.array([labels.index(name) for name in names], np.int64)[numbers]


def output_classes(
    numbers: npt.NDArray[np.int64], names: Sequence[str], labels: Sequence[str], output: Tensor, source: str
) -> tuple[npt.NDArray[np.int64] | None, str]:
    """Map the classes of data to the elements of an output.

    Classes with a name (subfolders, a column of a CSV) are the elements with that label; without labels they are taken
    in alphabetical order, as Keras reads folders. Classes without a name are numbers of elements.

    Args:
        numbers: the class of each sample: its place in `names`, or the element where there are none.
        names: of the data's classes; empty if these are numbers.
        labels: of the output's elements; empty if they are not known.
        output: of the model. A single element tells two classes apart, 0 and 1.
        source: the data's name for messages.

    Returns:
        The element that should be largest for each sample, or None if the names do not match; and why, or "".

    Raises:
        InputError: a class number is not an element's index.
    """
    count = class_count(output.elements)
    if names and len(labels) == count:
        if not set(names) <= set(labels):
            return (
                None,
                f"the data names the classes {_some(names)}, the labels are {_some(labels)}: accuracy not computed",
            )
        return elements_of(numbers, names, labels), ""
    if names and len(names) != count:
        outputs = "1 output for two" if output.elements == 1 else f"{output.elements} outputs"
        return None, f"the data names {len(names)} classes, the model has {outputs}: accuracy not computed"
    if not ((numbers >= 0) & (numbers < count)).all():
        raise InputError(
            f"{source} has classes {int(numbers.min())} to {int(numbers.max())}, output '{output.name}' has "
            f"{output.elements} element{'' if output.elements == 1 else 's'}, for the classes 0 to {count - 1}",
            "number the classes from 0, in the order of the output's elements",
        )
    return numbers, ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
