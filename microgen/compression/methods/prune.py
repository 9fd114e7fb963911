"""Magnitude pruning: the smallest weights become zero, while the others are trained on."""

from __future__ import annotations

from typing import Any

from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune
from ..layers import check_supported, rewrap
from ..task import Task

_LEARNING_RATE = 1e-3
# The share of the training at whose end the full sparsity is reached; the rest recovers what it cost.
_RAMP = 0.6
_UPDATES = 50  # masks are made anew this often within the ramp


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse layers that tensorflow-model-optimization does not know how to prune."""
    from tensorflow_model_optimization.python.core.sparsity.keras.prune_registry import PruneRegistry

    check_supported(model, PruneRegistry.supports, "pruned")


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Prune all kernels to the sparsity of the step with a polynomial (cubic) schedule, and fine-tune.

    Zhu and Gupta, "To prune, or not to prune", 2017: sparsity(t) = s (1 - (1 - t / ramp)^3).
    """
    from tensorflow_model_optimization.sparsity import keras as sparsity

    ramp = max(2, round(_RAMP * task.updates(METHOD.epochs)))
    schedule = sparsity.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=float(step.amount or 0),
        begin_step=0,
        end_step=ramp,
        frequency=max(1, ramp // _UPDATES),
    )

    def wrap(layer: Any) -> Any:  # noqa: ANN401
        if not layer.trainable_weights:
            return layer
        return sparsity.prune_low_magnitude(layer, pruning_schedule=schedule)

    wrapped = rewrap(model, wrap)
    fine_tune(wrapped, task, METHOD.epochs, _LEARNING_RATE, callbacks=[sparsity.UpdatePruningStep()])
    return sparsity.strip_pruning(wrapped)


METHOD = Method(
    name="prune",
    title="sets the smallest weights to zero (magnitude pruning, polynomial schedule)",
    apply=apply,
    check=check_model,
    epochs=8,
    amount=Amount(0.8, 0.05, 0.99, "share of each kernel's weights set to zero"),
    keeps_layers=True,
)
