"""Channel pruning: whole filters and neurons leave."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .. import channels
from ..base import Amount, Method, Step
from ..coupling import couple
from ..fine_tuning import fine_tune
from ..task import Task

_LEARNING_RATE = 1e-3
# Channels leave in as many steps as this, the rest is tuned after each; a single epoch after one step.
_STEPS = 3


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse a model in which no channel can leave."""
    channels.check_removable_channels(model, couple(model))


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Prune channels in steps and fine-tune after each."""
    epochs = task.epochs or METHOD.epochs

    def tune(pruned: Any, k: int, steps: int) -> None:  # noqa: ANN401
        fine_tune(pruned, replace(task, epochs=epochs * k // steps - epochs * (k - 1) // steps), 1, _LEARNING_RATE)

    return channels.channel_prune(model, float(step.amount or 0), tune, min(_STEPS, epochs))


METHOD = Method(
    name="channel-prune",
    title="removes whole filters and neurons: fewer multiply-accumulates, smaller arena",
    apply=apply,
    check=check_model,
    epochs=9,
    amount=Amount(0.5, 0.05, 0.99, "share of the multiply-accumulates to remove"),
    keeps_layers=True,
)
