"""The worker's part of a compression: load, train, convert. Everything here needs TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Array, Calibration, InputSpec
from ..errors import InputError
from ..frontends.converted import Converted
from ..frontends.keras.archive import keras_bytes
from ..frontends.keras.carry import as_tf_keras
from ..frontends.keras.converter import convert_loaded, make_deterministic
from ..frontends.keras.file import QUANTIZE_WRAPPER
from ..frontends.keras.loading import from_keras, load_keras
from ..recipes import load_recipe
from ..workers import report_progress
from .base import Step
from .layers import RANGES
from .methods import load_method
from .task import Task, task_from_data, task_from_recipe

_LEARNED = (*RANGES, "optimizer_step:0")


@dataclass(frozen=True)
class CompressRequest:
    """A model to compress.

    Attributes:
        path: its file.
        steps: the chain of methods; empty: it is only converted.
        data: what `task.read_data` returned; None with a recipe.
        recipe: the recipe that it is trained with instead of `data`.
        epochs: of each method, instead of its own number.
        batch_size: of a training on `data`.
        seed: of everything random.
        per_channel_dense: as for `frontends.keras.converter.convert`.
        with_before: whether the model is also converted as it came.
    """

    path: Path
    steps: tuple[Step, ...]
    data: dict[str, Array] | None
    recipe: str | None
    epochs: int | None
    batch_size: int
    seed: int
    per_channel_dense: bool
    with_before: bool


@dataclass(frozen=True)
class ConvertedModel:
    """One state of the model.

    Attributes:
        converted: the model after its conversion.
        parameters, nonzero: how many parameters it has, and how many of them are not zero.
        test_float: what the float model answers to the held-out samples.
    """

    converted: Converted
    parameters: int
    nonzero: int
    test_float: Array


@dataclass(frozen=True)
class CompressReply:
    """A compressed model.

    Attributes:
        before, after: the model as it came, where that was asked for, and as it became.
        metric: the name of the metric that it is measured by.
        test_x, test_y: the held-out data.
        keras: the float model, as the bytes of a .keras file.
    """

    before: ConvertedModel | None
    after: ConvertedModel
    metric: str
    test_x: Array
    test_y: Array
    keras: bytes


@dataclass(frozen=True)
class InputRequest:
    """A model whose input is asked for.

    Attributes:
        path: its file.
    """

    path: Path


def input_job(request: InputRequest) -> InputSpec:
    """Return the input of a model, which has one. Runs in a worker.

    Raises:
        InputError: it cannot be loaded, or has several inputs.
    """
    model = as_tf_keras(load_keras(request.path))
    _check_model(model)
    return InputSpec(model.input_names[0], tuple(model.input_shape[1:]))


def compress_job(request: CompressRequest) -> CompressReply:
    """Take a model through a chain of methods, and convert what it was and what it became. Runs in a worker."""
    make_deterministic(request.seed)
    model = as_tf_keras(load_keras(request.path))
    _check_model(model)
    counter = _Counter()
    task = _task(request, model, counter)
    counter.total = sum(task.epochs or load_method(step.method).epochs for step in request.steps)
    for step in request.steps:  # as many as this model can tell of, before anything is trained
        method = load_method(step.method)
        method.check(model)
        if not method.keeps_layers:
            break
    before = _converted(model, task, request.per_channel_dense) if request.with_before else None
    for number, step in enumerate(request.steps):
        method = load_method(step.method)
        if number:  # the first method has checked the same model above
            method.check(model)
        model = method.apply(model, task, step)
    after = _converted(model, task, request.per_channel_dense)
    return CompressReply(before, after, task.metric.name, task.test_x, task.test_y, keras_bytes(model))


def _converted(model: Any, task: Task, per_channel_dense: bool) -> ConvertedModel:  # noqa: ANN401 - Keras has no types
    data = Calibration((task.representative,), origin="training data")
    converted = convert_loaded(from_keras(model), data, "int8", per_channel_dense=per_channel_dense)
    test_float = model.predict(task.test_x, batch_size=256, verbose=0)
    parameters, nonzero = _count(model)
    return ConvertedModel(converted, parameters, nonzero, test_float)


class _Counter:
    """Reports how many epochs of all steps are done."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0

    def __call__(self) -> None:
        self.done += 1
        report_progress(min(self.done, self.total), self.total)


def _task(request: CompressRequest, model: Any, on_epoch: _Counter) -> Task:  # noqa: ANN401
    options: dict[str, Any] = {"seed": request.seed, "epochs": request.epochs, "on_epoch": on_epoch}
    if request.recipe is not None:
        return task_from_recipe(load_recipe(request.recipe), model, **options)
    return task_from_data(request.data or {}, model, batch_size=request.batch_size, **options)


def _check_model(model: Any) -> None:  # noqa: ANN401
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InputError(
            f"model '{model.name}' has {len(model.inputs)} inputs and {len(model.outputs)} outputs",
            "compression supports models with one input and one output",
        )
    if any(type(layer).__name__ == QUANTIZE_WRAPPER for layer in model.layers):
        raise InputError(
            f"model '{model.name}' is already quantization-aware", "compress the float model, and put qat last"
        )
    from_keras(model)  # refuses what cannot be converted before anything is trained


def _count(model: Any) -> tuple[int, int]:  # noqa: ANN401
    """Return the number of a model's parameters, and of those that are not zero.

    What quantization-aware training adds, ranges and a step counter, is not the model's.
    """
    weights = {id(w): w for w in model.weights if not w.name.endswith(_LEARNED)}
    values = [w.numpy() for w in weights.values()]
    return sum(v.size for v in values), sum(int(np.count_nonzero(v)) for v in values)
