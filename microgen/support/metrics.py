"""How good a model's outputs are: what recipes are measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """A figure of merit.

    Attributes:
        name: for people.
        score: computes it from outputs, inputs and targets, samples first, in real units.
        higher_is_better: which way is good.
        each: the same of each sample, shape (samples,), where the score is their mean; None where it is not.
    """

    name: str
    score: Callable[[Array, Array, Array], float]
    higher_is_better: bool = True
    each: Callable[[Array, Array, Array], Array] | None = None

    def reaches(self, value: float, bound: float) -> bool:
        """Tell whether a value is as good as a bound."""
        return value >= bound if self.higher_is_better else value <= bound


def reconstruction_error(outputs: Array, inputs: Array) -> Array:
    """Return the mean squared difference of each sample to what an autoencoder made of it, shape (samples,)."""
    difference = outputs.reshape(len(outputs), -1) - inputs.reshape(len(inputs), -1)
    return np.asarray((difference**2).mean(axis=1))


def class_count(elements: int) -> int:
    """Return how many classes an output of so many elements tells apart: a single one, a sigmoid, two."""
    return max(elements, 2)


def answered_classes(outputs: Array) -> npt.NDArray[np.int64]:
    """Return the class that each sample's output answers: its largest element, or, of a single one, whether above 0.5.

    Args:
        outputs: samples first, in real units.
    """
    rows = outputs.reshape(len(outputs), -1)
    return np.asarray(rows.argmax(axis=1) if rows.shape[1] > 1 else rows[:, 0] > 0.5, np.int64)


def _right(outputs: Array, inputs: Array, targets: Array) -> Array:
    return np.asarray(answered_classes(outputs) == targets.reshape(-1))


def _absolute_error(outputs: Array, inputs: Array, targets: Array) -> Array:
    return np.asarray(np.abs(outputs.reshape(len(outputs), -1) - targets.reshape(len(outputs), -1)).mean(axis=1))


def _mean(each: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array, Array], float]:
    return lambda outputs, inputs, targets: float(each(outputs, inputs, targets).mean())


def _auc(outputs: Array, inputs: Array, targets: Array) -> float:
    """Return the area under the ROC curve of the reconstruction error: how often a fault ranks above a normal sample.

    Computed from ranks (Mann-Whitney U), ties counted half.
    """
    error = reconstruction_error(outputs, inputs)
    _, place, counts = np.unique(error, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    faulty = targets.reshape(-1) == 1
    n, m = int(faulty.sum()), int((~faulty).sum())
    return float((ranks[faulty].sum() - n * (n + 1) / 2) / (n * m))


# Without noise the ratio is infinite; larger ratios than this are not distinguished.
_MOST_DB = 120.0


def _sqnr_db(outputs: Array, inputs: Array, targets: Array) -> float:
    """Return the ratio of signal to quantization noise, 10 log10(sum t^2 / sum (t - o)^2), from -120 to 120 dB."""
    wanted = targets.reshape(-1).astype(np.float64)
    signal, noise = float((wanted**2).sum()), float(((wanted - outputs.reshape(-1)) ** 2).sum())
    if noise == 0:
        return _MOST_DB
    return float(np.clip(10 * np.log10(signal / noise), -_MOST_DB, _MOST_DB)) if signal else -_MOST_DB


ACCURACY = Metric("accuracy", _mean(_right), each=_right)
MEAN_ABSOLUTE_ERROR = Metric("mean absolute error", _mean(_absolute_error), False, _absolute_error)
AUC = Metric("AUC of the reconstruction error", _auc)
# Its targets are the outputs of the float model.
SQNR = Metric("SQNR at the output in dB", _sqnr_db)
METRICS = {metric.name: metric for metric in (ACCURACY, MEAN_ABSOLUTE_ERROR, AUC, SQNR)}
