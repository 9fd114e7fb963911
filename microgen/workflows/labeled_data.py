"""Labeled data of `verify`: samples with the class of each, and the accuracy of the answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import datasets as calibrations
from .. import defaults
from .. import projects as project
from ..deployment.labels import output_classes
from ..errors import InputError
from ..support.metrics import answered_classes, class_count
from ..tflite import Tensor, TfliteModel
from ..verification import Engines, Samples, quantize_samples, real_values
from .float_answers import compared, confusion

_LABELS = "labels"


@dataclass(frozen=True)
class Labeled:
    """Samples, and the class of each.

    Attributes:
        inputs: one array per input in its dtype, samples first.
        classes: the output's element for each sample; None where it is not known.
        warnings: warnings for the user.
        real: the same samples in real units.
        names: the samples' names; empty where they have none.
    """

    inputs: Samples
    classes: npt.NDArray[np.int64] | None
    warnings: tuple[str, ...]
    real: tuple[npt.NDArray[Any], ...] = ()
    names: tuple[str, ...] = ()


def data_request(path: str | Path, opened: project.Project | None) -> calibrations.Request:
    """Ask for labeled data, to be read as the project's calibration data was."""
    source = opened.manifest.get("source", {}) if opened else {}
    low, high = source.get("value_range", defaults.VALUE_RANGE)
    return calibrations.request(path, (float(low), float(high)), source.get("sample_rate", defaults.SAMPLE_RATE))


def read_labeled(
    model: TfliteModel,
    path: str | Path,
    wanted: calibrations.Request,
    labels: tuple[str, ...],
    first: calibrations.ChannelsFirst,
) -> Labeled:
    """Read samples and the class of each.

    Args:
        model: what they are for.
        path: the data, for messages.
        wanted: how it is read; see `data_request`.
        labels: names of the first output's elements; empty: none.
        first: which inputs are stored with channels first.

    Raises:
        InputError: the data has no class for each sample, or does not go with the model.
    """
    names: tuple[str, ...] = ()
    targets: npt.NDArray[Any] | None
    is_owned = calibrations.is_owned(wanted)
    if wanted.has_arrays:
        ordered, targets = wanted.read_arrays([t.name for t in model.inputs])
        if targets is not None and targets.ndim and len(targets) == len(ordered[0]):
            targets = calibrations.class_numbers(targets)
    else:
        specs = [calibrations.InputSpec(t.name, t.shape[1:], "float32") for t in model.inputs]
        if is_owned:  # as their owner has them
            specs = first.owned_specs(specs)
        read = calibrations.resolve(wanted, specs, must_vary=False, every=True)
        ordered, targets, names = list(read.arrays), read.targets, read.classes
    if targets is None:
        raise InputError(
            f"{path}: has no class for each sample",
            f"give the classes as the array '{_LABELS}' of an .npz, the column 'label' of a CSV, or the subfolders "
            "of a folder",
        )
    inputs = quantize_samples(model, first.deployed_inputs(ordered) if is_owned else ordered)
    if targets.shape != (len(inputs[0]),):
        raise InputError(
            f"{path}: '{_LABELS}' must have one class for each of {len(inputs[0])} samples", "give one class per sample"
        )
    classes, warning = output_classes(targets, names, labels, model.outputs[0], str(path))
    if names and classes is not None and len(labels) != class_count(model.outputs[0].elements):
        shown = ", ".join(f"{k} = {name}" for k, name in enumerate(names[:4])) + (", ..." if len(names) > 4 else "")
        warning = (
            f"the outputs have no labels: the data's classes are taken in alphabetical order ({shown}); "
            "give the labels if the model's order is different"
        )
    real = tuple(
        values if values.dtype.kind == "f" else real_values(t, taken)
        for values, taken, t in zip(ordered, inputs, model.inputs, strict=True)
    )
    files = wanted.files()
    samples = tuple(files) if len(files) == len(inputs[0]) else ()
    return Labeled(inputs, classes, (warning,) if warning else (), real, samples)


def accuracy_of(
    output: Tensor, engines: Engines, labeled: Labeled, first: int, float_answers: npt.NDArray[np.int64] | None
) -> dict[str, Any]:
    """Return accuracy and confusion matrix (rows: the label, columns: TFLM's answer), and the float model's.

    Args:
        output: the first output.
        engines: the answers of LiteRT and TFLM.
        labeled: samples with known classes.
        first: the number of the first of them among the samples that the engines ran.
        float_answers: the float model's classes, int64 [samples]; None: there is no such model.
    """
    labels = labeled.classes
    assert labels is not None
    answers = answered_classes(real_values(output, engines.reference.outputs[0][first:]))
    classes = class_count(output.elements)
    accuracy: dict[str, Any] = {
        "samples": len(labels),
        "accuracy": float((answers == labels).mean()),
        "confusion": confusion(classes, labels, answers),
    }
    if engines.litert.outputs:
        theirs = answered_classes(real_values(output, engines.litert.outputs[0][first:]))
        accuracy["litert_accuracy"] = float((theirs == labels).mean())
    if float_answers is not None:
        accuracy["float"] = compared(classes, labels, float_answers, answers, labeled.names)
    return accuracy
