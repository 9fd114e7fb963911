"""Weight clustering: each kernel keeps a few distinct values, which are trained on."""

from __future__ import annotations

from typing import Any

from ...errors import InputError
from ..base import Amount, Method, Step
from ..clusters import Books, kernels
from ..fine_tuning import fine_tune
from ..task import Task

_LEARNING_RATE = 3e-4
_LEAST = 3  # values: both ends of the scale, and zero


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse a model that has no kernel.

    Raises:
        InputError: there is none.
    """
    if not kernels(model):
        raise InputError(
            "cannot be clustered: no trainable layer has a kernel", "use another method (docs/compression.md)"
        )


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Cluster all kernels, and fine-tune; zeros of a pruned model stay zero."""
    books = Books([(kernel, int(step.amount or 0)) for kernel in kernels(model)])
    fine_tune(model, task, METHOD.epochs, _LEARNING_RATE, callbacks=[books.callback()])
    return model


METHOD = Method(
    name="cluster",
    title="limits each kernel to a few distinct values (weight clustering)",
    apply=apply,
    check=check_model,
    epochs=4,
    amount=Amount(16, _LEAST, 256, "number of distinct values per kernel", is_whole=True),
    keeps_layers=True,
)
