"""How two arrays of answers differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_CHUNK = 2**20  # values that are compared at once: they take eight bytes each meanwhile


def sample_differs(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether any byte differs."""
    a, b = (np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8) for x in (ours, theirs))
    return (a != b).any(axis=1) if a.shape == b.shape else np.ones(len(ours), np.bool_)


def largest(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference of two arrays; infinite where one is no finite number, or sizes differ."""
    if ours.size != theirs.size:
        return float("inf")
    kind = np.float64 if ours.dtype.kind == "f" else np.int64
    result = 0.0
    flat = ours.reshape(-1), theirs.reshape(-1)
    for start in range(0, ours.size, _CHUNK):
        a, b = (x[start : start + _CHUNK].astype(kind) for x in flat)
        with np.errstate(invalid="ignore"):
            difference = np.where(a == b, 0, np.abs(a - b))
        result = max(result, float(np.nan_to_num(difference, nan=np.inf, posinf=np.inf).max()))
    return result


def differing_elements(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> int:
    """Count the elements that differ: all of them where the sizes do."""
    if ours.size != theirs.size:
        return max(ours.size, theirs.size)
    return int((ours.reshape(-1) != theirs.reshape(-1)).sum())
