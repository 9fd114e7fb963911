"""Knowledge distillation: a smaller student learns from the data and from the answers of the model, its teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ...frontends.keras.carry import as_tf_keras
from ...frontends.keras.loading import load_keras
from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune, task_loss
from ..narrow import narrowed
from ..task import Task

LEARNING_RATE = 3e-3
_SMALLEST = 1e-30  # of a probability, so that its logarithm is finite


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401 - Keras has no types
    """Train a student on alpha times the task's loss and 1 - alpha times its distance to the teacher.

    For classes the distance is the cross-entropy of both softmaxes at a temperature, times its square (Hinton, Vinyals
    and Dean, "Distilling the knowledge in a neural network", 2015); for other targets the mean squared difference.
    """
    student = student_of(model, step)
    teacher = model.predict(task.train_x, batch_size=256, verbose=0)
    if task.is_classification:
        targets, loss = _class_targets(task, teacher), _class_loss(task, step)
    else:
        targets, loss = _value_targets(task, teacher), _value_loss(task, step)
    fine_tune(student, task, METHOD.epochs, LEARNING_RATE, loss=loss, targets=targets)
    return student


def student_of(model: Any, step: Step) -> Any:  # noqa: ANN401
    """Return the student of a step: the model in its file, or the teacher narrowed by the amount.

    Raises:
        InputError: it cannot be loaded or made, or takes or gives something else than the teacher.
    """
    path = step.options["student"]
    if path is None:
        return narrowed(model, float(step.amount or 0))
    student = as_tf_keras(load_keras(Path(path)))
    for what, ours, theirs in (
        ("takes", student.input_shape, model.input_shape),
        ("gives", student.output_shape, model.output_shape),
    ):
        if ours != theirs:
            raise InputError(
                f"{Path(path).name}: the student {what} {list(ours[1:])}, the teacher {list(theirs[1:])}",
                "give a student with the teacher's input and output",
            )
    return student


def _class_targets(task: Task, teacher: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return one-hot classes and the teacher's logits side by side: shape (samples, 2 * classes)."""
    logits = teacher if task.from_logits else np.log(np.maximum(teacher, _SMALLEST))
    hard = np.eye(teacher.shape[1], dtype=np.float32)[np.asarray(task.train_y).reshape(-1)]
    return np.concatenate([hard, logits.astype(np.float32)], axis=1)


def _class_loss(task: Task, step: Step) -> Any:  # noqa: ANN401
    import tensorflow as tf

    alpha, temperature = float(step.options["alpha"]), float(step.options["temperature"])

    def loss(targets: Any, outputs: Any) -> Any:  # noqa: ANN401
        logits = outputs if task.from_logits else tf.math.log(tf.maximum(outputs, _SMALLEST))
        hard, teacher = tf.split(targets, 2, axis=1)
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits
        soft = cross_entropy(tf.nn.softmax(teacher / temperature), logits / temperature) * temperature**2
        return alpha * cross_entropy(hard, logits) + (1 - alpha) * soft

    return loss


def _value_targets(task: Task, teacher: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return the targets and the teacher's answers stacked: shape (samples, 2, *output shape)."""
    shaped = np.asarray(task.train_y).reshape(teacher.shape)
    return np.stack([shaped, teacher], axis=1).astype(np.float32)


def _value_loss(task: Task, step: Step) -> Any:  # noqa: ANN401
    import tensorflow as tf

    alpha, own = float(step.options["alpha"]), task_loss(task)

    def loss(targets: Any, outputs: Any) -> Any:  # noqa: ANN401
        difference = tf.reduce_mean((targets[:, 1] - outputs) ** 2)
        return alpha * tf.reduce_mean(own(targets[:, 0], outputs)) + (1 - alpha) * difference

    return loss


METHOD = Method(
    name="distill",
    title="trains a smaller student on the data and on the model's outputs (knowledge distillation)",
    apply=apply,
    epochs=12,
    amount=Amount(0.5, 0.05, 1.0, "share of each layer's width in the student"),
    instead="student",
    models=("student",),
    options={
        "student": None,
        "temperature": Amount(4.0, 0.1, 100.0, "divisor of the logits before they are compared"),
        "alpha": Amount(0.3, 0.0, 1.0, "weight of the labels; the rest is the teacher's"),
    },
)
