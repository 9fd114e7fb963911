"""Block pruning: weights become zero in blocks that the compiled runtime skips, while the others are trained on.

A block is two output channels by four inputs, in the order in which the kernels of the compiled runtime read weights:
[kernel height, kernel width, input channels] of an output channel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ..base import Amount, Method, Step
from ..fine_tuning import fine_tune
from ..layers import leaves
from ..task import Task

CHANNELS, INPUTS = 2, 4  # of a block
_LEARNING_RATE = 1e-3
# As prune has them: where the full share is reached, and how often masks are made anew until then.
_RAMP, _UPDATES = 0.6, 50
# Weights of an output channel, below which a layer has too few blocks to choose from.
_LEAST = 16


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse a model that has no layer with blocks.

    Raises:
        InputError: there is none.
    """
    if not _layers(model):
        raise InputError(
            "cannot be pruned in blocks: no Conv or Dense layer has at least 16 weights per channel",
            "use another method (docs/compression.md)",
        )


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Prune blocks to the share of the step with a polynomial (cubic) schedule, as `prune` does, and fine-tune."""
    import tf_keras

    layers, share = _layers(model), float(step.amount or 0)
    ramp = max(2, round(_RAMP * task.updates(METHOD.epochs)))

    class Masks(tf_keras.callbacks.Callback):  # type: ignore[misc]
        """Keeps blocks zero after each update, more of them as the training goes on."""

        def __init__(self) -> None:
            super().__init__()
            self.updates = 0
            self.masks: dict[str, npt.NDArray[np.float32]] = {}

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401
            self.updates += 1
            if self.updates <= ramp and (self.updates % max(1, ramp // _UPDATES) == 0 or self.updates == ramp):
                now = share * (1 - (1 - self.updates / ramp) ** 3)
                self.masks = {layer.name: block_mask(layer.kernel.numpy(), now) for layer in layers}
            for layer in layers:
                if layer.name in self.masks:
                    layer.kernel.assign(layer.kernel * self.masks[layer.name])

    fine_tune(model, task, METHOD.epochs, _LEARNING_RATE, callbacks=[Masks()])
    return model


def block_mask(kernel: npt.NDArray[Any], share: float) -> npt.NDArray[np.float32]:
    """Return 0 for a share of a kernel's blocks, those with the smallest sum of squares, and 1 for the others.

    Args:
        kernel: weights, output channels last.
        share: 0 to 1.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(np.float64) ** 2
    rows, columns = -(-matrix.shape[0] // INPUTS), -(-matrix.shape[1] // CHANNELS)
    filled = np.pad(matrix, ((0, rows * INPUTS - matrix.shape[0]), (0, columns * CHANNELS - matrix.shape[1])))
    sums = filled.reshape(rows, INPUTS, columns, CHANNELS).sum((1, 3))
    kept = np.ones(sums.size, np.float32)
    kept[np.argsort(sums.reshape(-1), kind="stable")[: round(share * sums.size)]] = 0
    mask = kept.reshape(rows, columns).repeat(INPUTS, 0).repeat(CHANNELS, 1)
    return np.ascontiguousarray(mask[: matrix.shape[0], : matrix.shape[1]]).reshape(kernel.shape)


def _layers(model: Any) -> list[Any]:  # noqa: ANN401
    """Return the layers whose kernels have blocks."""
    import tf_keras

    kinds = (tf_keras.layers.Conv1D, tf_keras.layers.Conv2D, tf_keras.layers.Dense)
    others = (tf_keras.layers.DepthwiseConv1D, tf_keras.layers.DepthwiseConv2D, tf_keras.layers.Conv2DTranspose)
    found = [x for x in leaves(model) if isinstance(x, kinds) and not isinstance(x, others)]
    return [x for x in found if getattr(x, "groups", 1) == 1 and int(np.prod(x.kernel.shape[:-1])) >= _LEAST]


METHOD = Method(
    name="block-prune",
    title="sets blocks of two channels by four inputs to zero: fewer instructions on the compiled runtime",
    apply=apply,
    check=check_model,
    epochs=8,
    amount=Amount(0.6, 0.05, 0.95, "share of each kernel's blocks set to zero"),
    keeps_layers=True,
)
