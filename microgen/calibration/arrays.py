"""Arrays of samples: what a model's input takes of them, and the files that they are stored in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError

Array = npt.NDArray[Any]

MAX_SAMPLES = 500
# What an array, or a column, of classes is called.
TARGET_NAMES = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True)
class InputSpec:
    """An input of a model: the shape of one sample (None where any size fits) and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


def load_arrays(path: Path, hint: str) -> dict[str, Array]:
    """Read the arrays of an .npz by name, those of a folder of .npy files by file, or that of one .npy, named "".

    Args:
        path: the file or folder.
        hint: what to do when it cannot be read.

    Raises:
        InputError: it is missing, or holds something else.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file", hint)
    try:
        if path.is_dir():
            return {p.stem: np.load(p, allow_pickle=False) for p in sorted(path.glob("*.npy"))}
        stored = np.load(path, allow_pickle=False)
        return {"": stored} if isinstance(stored, np.ndarray) else {k: stored[k] for k in stored.files}
    except Exception as error:  # zipfile, pickle and NumPy raise half a dozen kinds
        raise InputError(f"{path}: not an .npz or .npy of plain numbers ({error})", hint) from None


def in_order(arrays: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    """Return arrays in the order of the inputs: by name where these are the inputs' names, else as they are stored."""
    return [arrays[name] for name in names] if set(names) == set(arrays) else list(arrays.values())


def representative(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return which of so many samples represent them: all, or 500 by chance; in their order."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:MAX_SAMPLES])


def check_numbers(values: Array, what: str, hint: str) -> None:
    """Refuse an array that is not finite numbers, samples first.

    Raises:
        InputError: says why; `what` names the array.
    """
    if values.dtype.kind not in "fiub":
        raise InputError(f"{what} is {values.dtype}, not numbers", hint)
    if not values.ndim or not len(values):
        raise InputError(f"{what} has no samples", hint)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{what} has values that are NaN or infinite", "clean the data first")
