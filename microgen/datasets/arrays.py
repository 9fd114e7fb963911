"""Arrays of samples, and their assignment to a model's inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Array = npt.NDArray[Any]

MAX_SAMPLES = 500
# Names of an array, or a column, of classes.
TARGET_NAMES = ("labels", "label", "targets", "target", "y")
_HELD_OUT = ("_test", "_val")
# The largest class: up to here each whole number is a float64 and an int64.
_LARGEST_CLASS = 2**53

# Samples, whether they are read already or not.
_SamplesT = TypeVar("_SamplesT", bound=Sized)


@dataclass(frozen=True)
class InputSpec:
    """An input of a model: the shape of one sample (None if any size fits) and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class HeldArray:
    """An array in memory, samples first, which is read as a `StoredArray` is."""

    values: Array
    size: int = 0  # what is still to be read

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape, samples first."""
        return self.values.shape

    def read(self, hint: str, chosen: npt.NDArray[np.int64] | None = None) -> Array:
        """Return some samples, or all; see `StoredArray.read`."""
        return self.values if chosen is None else self.values[chosen]

    def blocks(self, hint: str) -> Iterator[Array]:
        """Yield all samples; see `StoredArray.blocks`."""
        yield self.values


@dataclass(frozen=True)
class Targets:
    """The classes or values that come with samples.

    Attributes:
        numbers: the class of each; None if they have none.
        names: of the classes, where they are known.
        are_values: it says values, as for a regression. All samples decide that, not the drawn ones: the seed must not.
    """

    numbers: npt.NDArray[np.int64] | None = None
    names: tuple[str, ...] = ()
    are_values: bool = False


def in_order(arrays: Mapping[str, _SamplesT], names: Sequence[str]) -> list[_SamplesT]:
    """Return arrays in the order of the inputs: by name where these are the inputs' names, else as they are stored."""
    return [arrays[name] for name in names] if set(names) == set(arrays) else list(arrays.values())


def representative(count: int, seed: int, most: int = MAX_SAMPLES) -> npt.NDArray[np.int64]:
    """Return which of so many samples represent them: all, or the most that are wanted by chance; in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:most])


def class_numbers(targets: Array) -> npt.NDArray[np.int64] | None:
    """Return the class of each sample, where targets are class numbers or one-hot rows; None if they are values."""
    flat = targets.reshape(len(targets), math.prod(targets.shape[1:]))
    if flat.shape[1] > 1:
        is_one_hot = ((flat == 0) | (flat == 1)).all() and (flat.sum(axis=1) == 1).all()
        return flat.argmax(axis=1).astype(np.int64) if is_one_hot else None
    is_whole = flat.dtype.kind in "iub" or (flat == np.round(flat)).all()
    if not is_whole or float(flat.max()) > _LARGEST_CLASS or float(flat.min()) < -_LARGEST_CLASS:
        return None
    return flat[:, 0].astype(np.int64)


def split_targets(arrays: Mapping[str, _SamplesT], names: Sequence[str]) -> tuple[list[_SamplesT], _SamplesT | None]:
    """Bring arrays into the order of a model's inputs; one more, named as labels are, holds the targets.

    Args:
        arrays: by name; where these are not the inputs' names, their own order counts.
        names: of the inputs.

    Raises:
        InputError: the number of arrays is wrong.
    """
    data = dict(arrays)
    if len(data) > len(names) + 1:  # of a whole data set, what is trained on
        data = {n: v for n, v in data.items() if n in names or not n.lower().endswith(_HELD_OUT)}
    extra = [n for n in data if n.lower().removesuffix("_train") in TARGET_NAMES and n not in names]
    targets = data.pop(extra[0]) if len(data) == len(names) + 1 and len(extra) == 1 else None
    if len(data) != len(names):
        raise InputError(
            f"the model has {_counted(len(names), 'input')} ({', '.join(names)}), the data "
            f"{_counted(len(data), 'array')} ({_some([n or 'without a name' for n in data])})",
            "store one array per input, under the inputs' names, and the classes under 'labels'",
        )
    ordered = in_order(data, names)
    if len({len(v) for v in ordered}) > 1:
        raise InputError("the inputs have different numbers of samples", "give every input the same number of samples")
    return ordered, targets


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def shape_hint(wanted: Sequence[int | None], shape: Sequence[int]) -> str:
    """Return a hint for samples whose shape differs from the input's."""
    if len(shape) > 1 and list(shape[1:]) == list(wanted[:-1]) and shape[0] == wanted[-1] and len({*shape}) > 1:
        axes = ", ".join(map(str, (*range(2, len(shape) + 1), 1)))
        return f"its channels are first; move them last with data.transpose(0, {axes}), not with reshape"
    if None not in wanted and math.prod(d or 0 for d in wanted) == math.prod(shape):
        return f"reshape them: data.reshape(-1, {', '.join(map(str, wanted))})"
    return "the first dimension of the data counts the samples"


def check_numbers(values: Array, what: str, hint: str) -> None:
    """Reject an array that is not finite numbers, samples first.

    Raises:
        InputError: says why; `what` names the array.
    """
    check_kind(values.dtype, values.shape, what, hint)
    check_finite(values, what)


def check_kind(dtype: np.dtype[Any], shape: Sequence[int], what: str, hint: str) -> None:
    """Reject an array of this dtype and shape where it is not numbers, samples first.

    Raises:
        InputError: says why; `what` names the array.
    """
    if dtype.kind not in "fiub":
        raise InputError(f"{what} is {dtype}, not numbers", hint)
    if not shape or not shape[0]:
        raise InputError(f"{what} has no samples", hint)
    if 0 in shape:
        raise InputError(f"{what} has the shape {list(shape)}, which holds no values", hint)


def check_finite(values: Array, what: str) -> None:
    """Reject numbers that are NaN or infinite.

    Raises:
        InputError: there are some; `what` names the array.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{what} has values that are NaN or infinite", "remove or replace these samples")
