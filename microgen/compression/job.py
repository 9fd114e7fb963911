"""The worker's part of a compression: load, train, convert. Everything here needs TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Calibration
from ..errors import InputError
from ..frontends.keras.archive import keras_bytes
from ..frontends.keras.carry import as_tf_keras
from ..frontends.keras.converter import convert, make_deterministic, reply
from ..frontends.keras.file import QUANTIZE_WRAPPER
from ..frontends.keras.loading import from_keras, load_keras
from ..recipes import load_recipe
from ..workers.process import Arrays, Values, report_progress
from .base import Step
from .layers import RANGES
from .methods import load_method
from .task import Task, task_from_data, task_from_recipe

_LEARNED = (*RANGES, "optimizer_step:0")
BEFORE, AFTER = "before", "after"


def compress_job(values: Values, arrays: Arrays) -> tuple[Values, Arrays]:
    """Take a model through a chain of methods, and convert what it was and what it became.

    Args:
        values: "kind" and "path" of the model, "steps" (the fields of each `Step`), "recipe" or None, "epochs" or
            None, "batch_size", "seed", "per_channel_dense", "with_before": whether the model is also converted as
            it came.
        arrays: without a recipe, what `task.read_data` returned.

    Returns:
        For each of "before" and "after", as values and as arrays prefixed "before_" and "after_", what
        `frontends.keras.converter.reply` returns, the "parameters" and those that are not zero, and "test_float", the
        model's answers to "test_x"; values "metric"; arrays "test_x", "test_y" and "keras".
    """
    make_deterministic(int(values["seed"]))
    model = as_tf_keras(load_keras(values["kind"], Path(values["path"])))
    _check_model(model)
    steps = [Step(**step) for step in values["steps"]]
    counter = _Counter()
    task = _task(values, arrays, model, counter)
    counter.total = sum(task.epochs or load_method(step.method).epochs for step in steps)
    for step in steps:  # as many as this model can tell of, before anything is trained
        method = load_method(step.method)
        method.check(model)
        if not method.keeps_layers:
            break
    results = _Results(task, bool(values["per_channel_dense"]))
    if values["with_before"]:
        results.add(BEFORE, model)
    for step in steps:
        method = load_method(step.method)
        method.check(model)
        model = method.apply(model, task, step)
    results.add(AFTER, model)
    return {**results.values, "metric": task.metric.name}, {
        **results.arrays,
        "test_x": task.test_x,
        "test_y": task.test_y,
        "keras": np.frombuffer(keras_bytes(model), np.uint8),
    }


class _Results:
    """Converts models and collects what is told of them."""

    def __init__(self, task: Task, per_channel_dense: bool) -> None:
        self._task = task
        self._per_channel_dense = per_channel_dense
        self.values: Values = {}
        self.arrays: Arrays = {}

    def add(self, which: str, model: Any) -> None:  # noqa: ANN401 - Keras has no types
        loaded = from_keras(model)
        data = [self._task.representative]
        answer, arrays = reply(
            loaded,
            Calibration(tuple(data), origin="training data"),
            convert(loaded, data, "int8", self._per_channel_dense),
        )
        arrays["test_float"] = model.predict(self._task.test_x, batch_size=256, verbose=0)
        count, nonzero = _count(model)
        self.values[which] = {**answer, "parameters": count, "nonzero": nonzero}
        self.arrays |= {f"{which}_{name}": values for name, values in arrays.items()}


class _Counter:
    """Tells the parent how many epochs of all steps are done."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0

    def __call__(self) -> None:
        self.done += 1
        report_progress(min(self.done, self.total), self.total)


def _task(values: Values, arrays: Arrays, model: Any, on_epoch: _Counter) -> Task:  # noqa: ANN401
    options: dict[str, Any] = {"seed": int(values["seed"]), "epochs": values["epochs"], "on_epoch": on_epoch}
    if values["recipe"] is not None:
        return task_from_recipe(load_recipe(values["recipe"]), model, **options)
    return task_from_data(arrays, model, batch_size=int(values["batch_size"]), **options)


def _check_model(model: Any) -> None:  # noqa: ANN401
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise InputError(
            f"model '{model.name}' has {len(model.inputs)} inputs and {len(model.outputs)} outputs",
            "compression takes models of one input and one output",
        )
    if any(type(layer).__name__ == QUANTIZE_WRAPPER for layer in model.layers):
        raise InputError(
            f"model '{model.name}' was trained quantization-aware already", "compress the float model, and put qat last"
        )
    from_keras(model)  # refuses what cannot be converted before anything is trained


def _count(model: Any) -> tuple[int, int]:  # noqa: ANN401
    """Return the number of a model's parameters, and of those that are not zero.

    What quantization-aware training adds, ranges and a step counter, is not the model's.
    """
    weights = {id(w): w for w in model.weights if not w.name.endswith(_LEARNED)}
    values = [w.numpy() for w in weights.values()]
    return sum(v.size for v in values), sum(int(np.count_nonzero(v)) for v in values)
