"""Low-rank factorization: layers become two thinner ones (SVD)."""

from __future__ import annotations

from typing import Any

from .. import low_rank
from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune
from ..task import Task

# Higher than other methods have: the factors are far from what training would have found.
_LEARNING_RATE = 4e-3


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse a model in which no layer is large enough for a split to save bytes."""
    low_rank.check_splits(model)


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Split layers, to the rank that keeps an energy where one is given, else by the budget; and fine-tune."""
    energy = step.options["energy"]
    if energy is None:
        energy = low_rank.energy_for(model, float(step.amount or 0))
    split = low_rank.factorize(model, float(energy))
    fine_tune(split, task, METHOD.epochs, _LEARNING_RATE)
    return split


METHOD = Method(
    name="low-rank",
    title="splits Dense and Conv layers into two thinner ones (SVD): fewer parameters",
    apply=apply,
    check=check_model,
    epochs=8,
    amount=Amount(0.4, 0.05, 0.95, "share of the parameters to remove"),
    instead="energy",
    options={"energy": Amount(None, 0.01, 1.0, "share of each layer's energy to keep, instead of an amount")},
)
