"""What the float model answers to labeled samples, beside the quantized one: for `verify`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import quantization, workers
from ..errors import InputError, option
from ..frontends.frontend import FLOAT32
from ..support.metrics import answered_classes
from ..tflite import Tensor, TfliteModel
from ..workers import LITERT, litert

_SHOWN = 1000  # changed samples that are named


def float_classes(path: str | Path, model: TfliteModel, samples: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """Return the class that a float model answers to each sample, in LiteRT.

    Args:
        path: the float model, of any kind that `build` takes.
        model: the quantized model that was made of it.
        samples: one array an input of the quantized model, samples first, in real units.

    Raises:
        InputError: it is no float model, or has other inputs or outputs than the quantized one.
        EngineError: the converter or LiteRT refused it.
    """
    made = quantization.quantize(path, scheme=FLOAT32).model
    ordered = _ordered(Path(path), made, model, samples)
    answers = workers.run(LITERT, litert.run, litert.RunRequest(made.data, tuple(ordered))).outputs[0]
    return answered_classes(answers)


def _ordered(
    path: Path, made: TfliteModel, model: TfliteModel, samples: Sequence[npt.NDArray[Any]]
) -> list[npt.NDArray[Any]]:
    """Return the samples in the order and shape of the float model's inputs: by name, else as they come."""
    places = {t.name: k for k, t in enumerate(model.inputs)}
    by_name = {t.name for t in made.inputs} == set(places)
    taken = [places[t.name] if by_name else k for k, t in enumerate(made.inputs)]
    same_inputs = len(made.inputs) == len(model.inputs) and all(
        math.prod(a.shape) == math.prod(model.inputs[k].shape) for a, k in zip(made.inputs, taken, strict=True)
    )
    if not same_inputs or made.outputs[0].elements != model.outputs[0].elements:
        raise InputError(
            f"{path}: a different model: {_edges(made)}, but the quantized one has {_edges(model)}",
            f"give the model that it was converted from with {option('float_model', 'PATH')}",
            option="float_model",
            path=path,
        )
    return [np.asarray(samples[k], t.dtype).reshape(-1, *t.shape) for t, k in zip(made.inputs, taken, strict=True)]


def _edges(model: TfliteModel) -> str:
    def shapes(tensors: Sequence[Tensor]) -> str:
        return ", ".join(str(list(t.shape)) for t in tensors)

    return f"{shapes(model.inputs)} to {shapes(model.outputs)}"


def confusion(classes: int, labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64]) -> list[list[int]]:
    """Return how often which answer was given: rows are labels, columns answers."""
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (labels, answers), 1)
    return [[int(count) for count in row] for row in matrix]


def compared(
    classes: int,
    labels: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    names: Sequence[str],
) -> dict[str, Any]:
    """Return accuracy and confusion matrix of the float model, and the samples that it answers otherwise, as JSON.

    Args:
        classes: how many there are.
        labels: the class of each sample.
        before, after: what the float and the quantized model answer.
        names: of the samples; empty: their numbers stand for them.
    """
    changed = np.flatnonzero(before != after)
    return {
        "accuracy": float((before == labels).mean()),
        "confusion": confusion(classes, labels, before),
        "changed": len(changed),
        "lost": int(((before == labels) & (after != labels)).sum()),
        "gained": int(((before != labels) & (after == labels)).sum()),
        "changed_samples": [
            {
                "sample": int(k),
                "name": names[k] if names else "",
                "label": int(labels[k]),
                "float": int(before[k]),
                "quantized": int(after[k]),
            }
            for k in changed[:_SHOWN]
        ],
    }
