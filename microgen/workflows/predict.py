"""Runs a user's own inputs through a project's firmware and gives its answers in real units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..datasets import ChannelsFirst
from ..devices import HOST
from ..projects import open_project
from ..projects.manifest import project_model
from ..verification import output_arrays, quantize_samples, real_values
from .device import open_device

Arrays: TypeAlias = "npt.NDArray[Any] | Sequence[npt.NDArray[Any]]"


@dataclass(frozen=True)
class Prediction:
    """What a firmware answered to one sample.

    Attributes:
        outputs: one array an output, in real units, without the batch dimension.
        label: the label of the first output's largest element; "" where the project has no labels.
        time_us: microseconds that the inference took on the device; None where a bad line lost only that.
    """

    outputs: tuple[npt.NDArray[np.float64], ...]
    label: str
    time_us: int | None


def predict(
    path: str | Path,
    samples: Arrays,
    *,
    model: str | None = None,
    on: str = HOST,
    baud: int = defaults.BAUD,
    record: Path | None = None,
) -> list[Prediction]:
    """Run samples through a project's firmware, on this machine, on an emulated CPU or on a board.

    The model's state, if it has any, is put back to its start before each sample.

    Args:
        path: the project's folder.
        samples: one array, or one an input, samples first: floats as in training, or integers of the input's dtype. An
            input that is not quantized, such as one of indices, accepts any numbers of its dtype. Images of a model
            of PyTorch or ONNX have their channels first, as there.
        model: the name of one of a firmware's models; None: the first.
        on, baud, record: see `microgen.workflows.device.open_device`.

    Returns:
        One prediction a sample, in their order.

    Raises:
        InputError: not a project, or samples that do not fit its model.
        SetupError, EngineError: see `microgen.workflows.device.open_device`.
    """
    opened = open_project(path).of(model)
    run = project_model(opened)
    labels = [str(label) for label in opened.manifest.get("labels", [])]
    first = ChannelsFirst.of(opened.manifest.get("source", {}))
    given = [samples] if isinstance(samples, np.ndarray) else list(samples)
    inputs = quantize_samples(run, first.deployed_inputs(given))
    predictions = []
    with open_device(opened, run, on, baud=baud, record=record) as client:
        for one in zip(*inputs, strict=True):
            raw = [np.ascontiguousarray(a).tobytes() for a in one]
            answer = client.infer(raw, len(run.outputs), output_bytes=sum(t.bytes for t in run.outputs))
            answered = [
                real_values(tensor, values)
                for tensor, values in zip(run.outputs, output_arrays(run, [answer.outputs]), strict=True)
            ]
            outputs = tuple(values[0] for values in first.owned_outputs(answered))
            best = int(outputs[0].argmax())
            predictions.append(Prediction(outputs, labels[best] if best < len(labels) else "", answer.time_us))
    return predictions
