"""Kernels of few distinct values while a model trains.

A convolution's values are those of one book for the whole kernel, times a scale for each output channel: the channel's
largest weight. Quantization has these scales, too, so that all channels of the int8 kernel have the same few values.
Other kernels are quantized with one scale, and have one here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .layers import SPARSE, leaves

# A kernel is taken for clustered where each value occurs so often, and for one on int8's grid from so near on.
_OFTEN = 4
_NEAR = 1e-3
_MOST = 256
_LARGEST = 127  # of int8
_FIRST_ROUNDS = 50  # of Lloyd's algorithm; one after each update then
_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Kernel:
    """The variable of a kernel.

    Attributes:
        variable: of TensorFlow.
        signs: float32, what each output channel is multiplied by behind the layer: 1 or -1, of a shape that fits the
            kernel's; None for a kernel with one scale.
    """

    variable: Any
    signs: _Floats | None

    def scales(self, weights: _Floats) -> _Floats:
        """Return what weights are divided by, 1 where all are zero."""
        if self.signs is None:
            largest = np.abs(weights).max(keepdims=True)
        else:
            largest = np.abs(weights).max(axis=tuple(range(weights.ndim - 1)), keepdims=True) * self.signs
        return np.asarray(np.where(largest == 0, 1, largest), np.float32)


def kernels(model: Any) -> list[Kernel]:  # noqa: ANN401 - Keras has no types
    """Return the trainable kernels of a tf_keras model but depthwise ones, which have few weights a channel."""
    import tf_keras

    found = []
    for layer in leaves(model):
        inner = getattr(layer, "layer", layer)  # of a quantization wrapper
        is_conv = isinstance(inner, tf_keras.layers.Conv1D | tf_keras.layers.Conv2D) and not isinstance(
            inner, tf_keras.layers.Conv2DTranspose
        )
        for variable in layer.trainable_weights:
            name = variable.name.rpartition("/")[2]
            if name.endswith("kernel:0") and not name.startswith("depthwise"):
                found.append(Kernel(variable, _signs(layer, variable.shape[-1]) if is_conv else None))
    return found


def _signs(layer: Any, channels: int) -> _Floats:  # noqa: ANN401
    """Return the signs of the batch normalization that conversion folds into a layer."""
    following = [node.outbound_layer for node in layer.outbound_nodes]
    following = [getattr(x, "layer", x) for x in following]
    gamma = getattr(following[0], "gamma", None) if len(following) == 1 else None
    if gamma is None or len(gamma.shape) != 1 or gamma.shape[0] != channels:
        return np.ones(channels, np.float32)
    return np.where(gamma.numpy() < 0, -1, 1).astype(np.float32)


def clustered(model: Any) -> list[tuple[Kernel, int]]:  # noqa: ANN401
    """Return the kernels of a model that were clustered, by their weights, and how many values each has."""
    found = []
    for kernel in kernels(model):
        w = kernel.variable.numpy()
        for candidate in (kernel, Kernel(kernel.variable, None)):
            values = _values(w / candidate.scales(w), on_grid=candidate.signs is not None)
            if 0 < values <= min(_MOST, int(np.count_nonzero(w)) // _OFTEN):
                found.append((candidate, values))
                break
    return found


def _values(normalized: _Floats, *, on_grid: bool) -> int:
    """Return how many values other than zero there are; 0: more than can be told."""
    steps = normalized * _LARGEST
    if on_grid and np.abs(steps - np.rint(steps)).max() > _NEAR:
        return 0
    values = np.unique(np.rint(steps) if on_grid else normalized)
    return int(np.count_nonzero(values))


class Books:
    """Keeps kernels at few values: call `begin`, and `update` after each update of the weights.

    The values are found by Lloyd's algorithm on weights that the updates are added to (a straight-through estimator).
    A weight can thus move from one value to another. The values are whole multiples of 1/127 of the scale. The ends of
    the scale and zero are among them. Zeros of a pruned kernel stay.
    """

    def __init__(self, wanted: Sequence[tuple[Kernel, int]]) -> None:
        """Take kernels, and how many values each may have."""
        self._books = [_Book(kernel, count) for kernel, count in wanted]

    def begin(self) -> None:
        """Replace each weight by its nearest value."""
        for book in self._books:
            book.project(_FIRST_ROUNDS)

    def update(self) -> None:
        """Take over what an update changed."""
        for book in self._books:
            book.update()

    def callback(self) -> Any:  # noqa: ANN401 - Keras has no types
        """Return what calls both while a tf_keras model trains."""
        import tf_keras

        return tf_keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: self.begin(), on_batch_end=lambda batch, logs: self.update()
        )


class _Book:
    def __init__(self, kernel: Kernel, count: int) -> None:
        self._kernel = kernel
        self._weights: _Floats = kernel.variable.numpy()
        self._current = self._weights
        self._zeros = self._weights == 0 if (self._weights == 0).mean() >= SPARSE else None
        values = np.unique(self._weights / kernel.scales(self._weights))
        self._values = values if len(values) <= count else np.linspace(-1, 1, count)

    def update(self) -> None:
        self._weights = self._weights + (self._kernel.variable.numpy() - self._current)
        if self._zeros is not None:
            self._weights[self._zeros] = 0
        self.project(1)

    def project(self, rounds: int) -> None:
        scales = self._kernel.scales(self._weights)
        normalized = (self._weights / scales).astype(np.float64).reshape(-1)
        for _ in range(rounds):
            self._values = _lloyd(normalized, self._values)
        nearest = (np.rint(self._values * _LARGEST) / _LARGEST)[_nearest(normalized, self._values)]
        self._current = (nearest.reshape(self._weights.shape) * scales).astype(np.float32)
        self._kernel.variable.assign(self._current)


def _nearest(x: npt.NDArray[np.float64], values: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    return np.searchsorted((values[1:] + values[:-1]) / 2, x)


def _lloyd(x: npt.NDArray[np.float64], values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return sorted values after a round: the means of what is nearest to each, the scale's ends, and zero."""
    own = _nearest(x, values)
    count = np.bincount(own, minlength=len(values))
    means = np.bincount(own, x, minlength=len(values)) / np.maximum(count, 1)
    means = np.where(count == 0, values, means)
    # Each channel has one end of the scale or both.
    low, high = x.min() <= -1, x.max() >= 1
    means[0] = -1 if low else means[0]
    means[-1] = 1 if high else means[-1]
    middle = int(np.abs(means).argmin())
    if 0 < middle < len(means) - 1:
        means[middle] = 0
    return np.sort(means)
