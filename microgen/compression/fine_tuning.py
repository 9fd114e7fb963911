"""Trains a tf_keras model on a task. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .task import Task


def fine_tune(
    model: Any,  # noqa: ANN401 - Keras has no types
    task: Task,
    epochs: int,
    learning_rate: float,
    *,
    callbacks: Sequence[Any] = (),
    loss: Any = None,  # noqa: ANN401
    targets: npt.NDArray[Any] | None = None,
) -> None:
    """Train a model with Adam, its learning rate falling to zero as half a cosine.

    Args:
        model: a tf_keras model; it is changed, and left compiled.
        task: what to train on.
        epochs: of the method; the task's own number, where it has one, goes before it.
        learning_rate: at the beginning.
        callbacks: of the method.
        loss: instead of the task's.
        targets: instead of the task's.
    """
    import tf_keras

    epochs = task.epochs or epochs
    tf_keras.utils.set_random_seed(task.seed)
    rate = tf_keras.optimizers.schedules.CosineDecay(learning_rate, task.updates(epochs))
    callback = tf_keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: task.on_epoch())
    model.compile(tf_keras.optimizers.Adam(rate), loss or task_loss(task))
    model.optimizer.build(model.trainable_variables)  # what makes variables is traced twice
    model.fit(
        task.train_x,
        task.train_y if targets is None else targets,
        epochs=epochs,
        batch_size=task.batch_size,
        verbose=0,
        callbacks=[*callbacks, callback],
    )


def task_loss(task: Task) -> Any:  # noqa: ANN401
    """Return the Keras loss of a task."""
    import tf_keras

    if task.loss.endswith("crossentropy"):
        kind = "".join(part.capitalize() for part in task.loss.split("_"))
        return getattr(tf_keras.losses, kind)(from_logits=task.from_logits)
    return tf_keras.losses.get(task.loss)
