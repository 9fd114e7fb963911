"""Merging: the model and another one over the same input become one network, their outputs averaged or added."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import InputError, option
from .. import merge
from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune
from ..task import Task

_LEARNING_RATE = 5e-4


def check_step(step: Step) -> None:
    """Refuse a step without a second model, or with a join that gives more than one output."""
    join = step.options["join"]
    if join == merge.OUTPUTS:
        raise InputError("a compressed model has one output", "microgen merge keeps the outputs of both models")
    if join not in (merge.AVERAGE, merge.ADD):
        raise InputError(f"no join '{join}'", f"joins: {merge.AVERAGE}, {merge.ADD}", option="join")
    if not step.options["other"]:
        raise InputError("merge needs a second model", f"give it: {option('other', 'OTHER.keras')}", option="other")


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401 - Keras has no types
    """Merge; the network is trained on only where the user says how long."""
    pair = [model, merge.load(Path(step.options["other"]))]
    merged = merge.merge(pair, str(step.options["join"]), float(step.options["share"])).model
    if task.epochs:
        fine_tune(merged, task, task.epochs, _LEARNING_RATE)
    return merged


METHOD = Method(
    name="merge",
    title="merges two models with the same input into one, averaged or added "
    f"({option('other')}, {option('join')}, {option('share')})",
    apply=apply,
    epochs=0,
    models=("other",),
    check_step=check_step,
    options={
        "other": None,
        "join": merge.AVERAGE,
        "share": Amount(0.0, 0.0, 1.0, "largest difference between weights of a shared layer"),
    },
)
