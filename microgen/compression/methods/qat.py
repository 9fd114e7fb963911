"""Quantization-aware training: the model learns with int8 in the loop, and its ranges with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import InputError
from ..base import Method, Step
from ..clusters import Books, clustered
from ..fine_tuning import fine_tune
from ..layers import RANGES, describe, is_pruned
from ..task import Task

_LEARNING_RATE = 1e-4
_BATCH = 100  # samples at once while ranges are observed
_INSTEAD = {
    "BatchNormalization": "put it between a convolution and its activation: Conv2D, BatchNormalization, ReLU",
    "Rescaling": "remove it from the model, and scale the data in the same way",
}


def check_model(model: Any) -> None:  # noqa: ANN401 - Keras has no types
    """Refuse what tensorflow-model-optimization cannot make quantization-aware: it is tried, layer after layer."""
    names = _names(model)
    if _can(model, names):
        return
    # A layer may need the ones before it, as batch norm needs its convolution.
    culprit = next(k for k in range(len(names)) if not _can(model, names[: k + 1]))
    layer = model.get_layer(names[culprit])
    instead = _INSTEAD.get(type(layer).__name__, "use another layer (docs/compression.md)")
    raise InputError(
        f"quantization-aware training does not support layer {describe(layer)}",
        f"{instead}; or quantize after training instead (microgen quantize)",
    )


def _names(model: Any) -> list[str]:  # noqa: ANN401
    import tf_keras

    return [layer.name for layer in model.layers if not isinstance(layer, tf_keras.layers.InputLayer)]


def _can(model: Any, names: Sequence[str]) -> bool:  # noqa: ANN401
    try:
        quantization_aware(model, names)
    except Exception:  # half a dozen kinds
        return False
    return True


def apply(model: Any, task: Task, step: Step) -> Any:  # noqa: ANN401
    """Train with fake quantization of weights and activations; what is pruned or clustered stays so (PQAT, CQAT).

    Jacob et al., "Quantization and training of neural networks for efficient integer-arithmetic-only inference", 2018.
    """
    wrapped = quantization_aware(model)
    calibrate(wrapped, task.representative)
    # The wrapped model has other layers and variables than the model; its kernels come in the same order.
    books = Books(clustered(wrapped))
    fine_tune(wrapped, task, METHOD.epochs, _LEARNING_RATE, callbacks=[books.callback()])
    return wrapped


def calibrate(model: Any, samples: npt.NDArray[Any]) -> None:  # noqa: ANN401
    """Set the ranges of a quantization-aware model to what its tensors reach on samples, as after-training does.

    tensorflow-model-optimization starts all ranges of activations at -6 to 6, and takes a thousandth of what a batch
    reaches into them: a short training would end with ranges that are neither.
    """
    import tensorflow as tf
    from tensorflow_model_optimization.python.core.quantization.keras import quant_ops

    def observe(values: Any, low: Any, high: Any, **options: Any) -> Any:  # noqa: ANN401
        low.assign(tf.minimum(low, tf.reduce_min(values)))
        high.assign(tf.maximum(high, tf.reduce_max(values)))
        return values

    def observe_weights(quantize: Any) -> Any:  # noqa: ANN401
        def observed(values: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401
            quantize(values, *args, **{**options, "is_training": True})
            return values

        return observed

    ranges = [w for w in model.weights if w.name.endswith(RANGES)]
    for limit in ranges:  # what TFLite quantizes contains zero
        limit.assign(tf.zeros_like(limit))
    others = {name: observe_weights(getattr(quant_ops, name)) for name in ("LastValueQuantize", "AllValuesQuantize")}
    # An inference in float: nothing is quantized, and batch norm and dropout stay as they are.
    with _replaced(quant_ops, MovingAvgQuantize=observe, **others):
        for batch in np.array_split(samples, -(-len(samples) // _BATCH)):
            model(batch, training=False)


@contextlib.contextmanager
def _replaced(module: ModuleType, **functions: Callable[..., Any]) -> Iterator[None]:
    """Let functions take the place of those of a module for a while."""
    originals = {name: getattr(module, name) for name in functions}
    try:
        for name, function in functions.items():
            setattr(module, name, function)
        yield
    finally:
        for name, original in originals.items():
            setattr(module, name, original)


def quantization_aware(model: Any, names: Sequence[str] | None = None) -> Any:  # noqa: ANN401
    """Return a model in which the layers of these names, or all, are quantization-aware.

    Autograph would translate the source of each function that builds it, which takes most of the time, and changes
    nothing: the layers of Keras have no Python statement that depends on a tensor.
    """
    import tensorflow as tf

    return tf.autograph.experimental.do_not_convert(_wrapped)(model, names)


def _wrapped(model: Any, names: Sequence[str] | None) -> Any:  # noqa: ANN401
    import tf_keras
    from tensorflow_model_optimization.quantization import keras as quantization

    wanted = _names(model) if names is None else names

    def annotate(layer: Any) -> Any:  # noqa: ANN401
        return quantization.quantize_annotate_layer(layer) if layer.name in wanted else layer

    annotated = tf_keras.models.clone_model(model, clone_function=annotate)
    with quantization.quantize_scope():
        return quantization.quantize_apply(annotated, _scheme(model))


def _scheme(model: Any) -> Any:  # noqa: ANN401
    from tensorflow_model_optimization.experimental import combine
    from tensorflow_model_optimization.quantization.keras import default_8bit

    if is_pruned(model) and not clustered(model):
        return combine.Default8BitPrunePreserveQuantizeScheme()
    return default_8bit.Default8BitQuantizeScheme()


METHOD = Method(
    name="qat",
    title="simulates int8 in training, and keeps zeros and clusters (quantization-aware training, PQAT, CQAT)",
    apply=apply,
    check=check_model,
    epochs=4,
    is_last=True,
)
