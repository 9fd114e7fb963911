"""Runs a user's own inputs through a project's firmware and gives its answers in real units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..datasets import ChannelsFirst, Sequences
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

    The model's state, if it has any, is put back to its start before each sample. A model of recurrent layers that runs
    one step per inference takes whole sequences, as in training; their steps run one after the other.

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
    source = opened.manifest.get("source", {})
    first, sequences, steps = ChannelsFirst.of(source), Sequences.of(source), 1
    given = [samples] if isinstance(samples, np.ndarray) else [np.asarray(values) for values in samples]
    if sequences:
        given[0], steps = sequences.deployed(np.asarray(given[0]), run.inputs[0].shape)
    inputs = quantize_samples(run, first.deployed_inputs(given))
    answers = []
    with open_device(opened, run, on, baud=baud, record=record) as client:
        for number, one in enumerate(zip(*inputs, strict=True)):
            raw = [np.ascontiguousarray(a).tobytes() for a in one]
            size, fresh = sum(t.bytes for t in run.outputs), number % steps == 0
            answers.append(client.infer(raw, len(run.outputs), fresh, output_bytes=size))
    answered = [
        real_values(tensor, values)
        for tensor, values in zip(run.outputs, output_arrays(run, [a.outputs for a in answers]), strict=True)
    ]
    owned = sequences.owned(first.owned_outputs(answered), steps)
    predictions = []
    for number, answer in enumerate(answers[steps - 1 :: steps]):
        outputs = tuple(values[number] for values in owned)
        best = int(outputs[0].reshape(-1, outputs[0].shape[-1])[-1].argmax()) if sequences else int(outputs[0].argmax())
        predictions.append(Prediction(outputs, labels[best] if best < len(labels) else "", answer.time_us))
    return predictions
