"""How two arrays of answers differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def sample_differs(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Tell for each sample whether any byte differs."""
    a, b = (np.ascontiguousarray(x).reshape(len(x), -1).view(np.uint8) for x in (ours, theirs))
    return (a != b).any(axis=1) if a.shape == b.shape else np.ones(len(ours), np.bool_)


def largest(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return the largest absolute difference of two arrays; infinite where one is not a number."""
    kind = np.float64 if ours.dtype.kind == "f" else np.int64
    difference = np.abs(ours.astype(kind) - theirs.astype(kind))
    return float(np.nan_to_num(difference, nan=np.inf).max(initial=0))
