"""A tf_keras model as the calls of its layers, and the same model built again with other layers in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

# Keras has no types: layers, tensors and models are Any here.
Layer: TypeAlias = Any
Model: TypeAlias = Any
Weights: TypeAlias = "list[npt.NDArray[Any]]"
# A layer and its weights.
Made: TypeAlias = "tuple[Layer, Weights]"


@dataclass(frozen=True)
class Call:
    """One call of a layer in a model's graph.

    Attributes:
        layer: the layer; it occurs in several calls where it is shared.
        inputs, outputs: the symbolic tensors that it takes and gives.
        args, kwargs: what it is called with, tensors included.
    """

    layer: Layer
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    args: Any
    kwargs: Any


def calls(model: Model) -> list[Call]:
    """Return the calls of a tf_keras Sequential or Functional model, in an order in which each has its inputs ready."""
    import tensorflow as tf

    by_depth = model._nodes_by_depth
    return [
        Call(
            node.layer,
            tuple(node.keras_inputs),
            tuple(tf.nest.flatten(node.outputs)),
            node.call_args,
            node.call_kwargs,
        )
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
        if not node.is_input
    ]


def width(tensor: Any) -> int:  # noqa: ANN401
    """Return the size of a tensor's last axis, its channels; 0 where it has none or an open one."""
    return int(tensor.shape[-1] or 0) if len(tensor.shape) > 1 else 0


def copy_of(layer: Layer, **changes: Any) -> Layer:  # noqa: ANN401
    """Return an unbuilt layer with the same configuration but for `changes`."""
    return type(layer).from_config({**layer.get_config(), **changes})


def rebuild(model: Model, make: Callable[[Layer], Sequence[Made]]) -> Model:
    """Build a model again, each of its layers replaced by a chain of others.

    Args:
        model: a tf_keras Sequential or Functional model; it is left alone.
        make: gives the chain for a layer; asked once a layer, also for one that is called several times.

    Returns:
        A tf_keras Functional model.
    """
    import tensorflow as tf
    import tf_keras

    inputs = new_inputs(model)
    known = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    chains: dict[int, Sequence[Made]] = {}
    for call in calls(model):
        if id(call.layer) not in chains:
            chains[id(call.layer)] = make(call.layer)
        chain = chains[id(call.layer)]
        args, kwargs = tf.nest.map_structure(lambda leaf: known.get(id(leaf), leaf), (call.args, call.kwargs))
        result = chain[0][0](*args, **kwargs)
        for layer, _ in chain[1:]:
            result = layer(result)
        for old, new in zip(call.outputs, tf.nest.flatten(result), strict=True):
            known[id(old)] = new
    outputs = [known[id(t)] for t in model.outputs]
    built = tf_keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=model.name)
    for chain in chains.values():
        for layer, weights in chain:
            layer.set_weights(weights)
    return built


def new_inputs(model: Model) -> list[Any]:
    """Return inputs like those of a tf_keras model, for another one."""
    import tf_keras

    return [
        tf_keras.Input(batch_shape=tuple(t.shape), dtype=t.dtype, name=name)
        for t, name in zip(model.inputs, model.input_names, strict=True)
    ]


def parameters(model: Model) -> int:
    """Return how many weights a model has."""
    return sum(int(np.prod(w.shape)) for w in model.weights)
