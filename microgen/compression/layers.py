"""What the methods ask of a tf_keras model's layers and weights. Runs in a worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from ..errors import InputError

# A kernel is taken for pruned from this share of zeros on.
SPARSE = 0.2
# How the names of the ranges end that quantization-aware training adds to a model.
RANGES = ("_min:0", "_max:0")


def leaves(model: Any) -> list[Any]:  # noqa: ANN401 - Keras has no types
    """Return the layers of a tf_keras model that are no models themselves, nested ones included."""
    import tf_keras

    layers = []
    for layer in model.layers:
        if isinstance(layer, tf_keras.Model):
            layers += leaves(layer)
        elif not isinstance(layer, tf_keras.layers.InputLayer):
            layers.append(layer)
    return layers


def rewrap(model: Any, wrap: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Return a tf_keras model with each layer, those of nested models included, as `wrap` returns it."""
    import tf_keras

    def each(layer: Any) -> Any:  # noqa: ANN401
        return rewrap(layer, wrap) if isinstance(layer, tf_keras.Model) else wrap(layer)

    return tf_keras.models.clone_model(model, clone_function=each)


def describe(layer: Any) -> str:  # noqa: ANN401
    """Return a layer's name and kind, for a message."""
    activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return f"'{layer.name}' ({type(layer).__name__}{'' if activation == 'linear' else ', ' + activation})"


def check_supported(model: Any, supports: Callable[[Any], bool], what: str) -> None:  # noqa: ANN401
    """Refuse a model with layers that have weights and that tensorflow-model-optimization does not know.

    Raises:
        InputError: names them; `what` says what cannot be done with them.
    """
    refused = [describe(layer) for layer in leaves(model) if layer.trainable_weights and not supports(layer)]
    if refused:
        raise InputError(
            f"cannot be {what}: layer{'s' if len(refused) > 1 else ''} {', '.join(refused)}",
            "use another layer, or another method (docs/compression.md)",
        )


def kernels(model: Any) -> list[npt.NDArray[Any]]:  # noqa: ANN401
    """Return the weights of two and more dimensions."""
    return [w for layer in leaves(model) for w in layer.get_weights() if w.ndim >= 2]


def is_pruned(model: Any) -> bool:  # noqa: ANN401
    """Tell whether kernels of a model were pruned: a fifth or more of one are zero."""
    return any((w == 0).mean() >= SPARSE for w in kernels(model))
