"""Carries a Keras 3 model over to tf_keras, layer by layer: its configuration and its weights.

tf_keras is needed where the converter knows only its layers (a fused LSTM) and by tensorflow-model-optimization.
Runs in a worker: it needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...errors import InputError

# Set by Keras 3 alone, or of no influence on what a trained layer computes.
_DROPPED = ("_initializer", "_regularizer", "_constraint", "use_cudnn", "quantization_config")
_HINT = "build it with tf_keras and save it as .h5, or use layers that tf_keras has (docs/quantization.md)"


def unsupported(model: Any) -> list[str]:  # noqa: ANN401 - Keras has no types
    """Return the parts of a Keras 3 model that cannot be carried over, one line per layer; empty if all can."""
    import keras

    titles = []
    for layer in model._flatten_layers():
        if isinstance(layer, keras.Model):  # the model itself, and those in it
            functions = [n.operation for n in _nodes(layer) if not isinstance(n.operation, keras.layers.Layer)]
            titles += [f"'{f.name}' (the function keras.ops.{type(f).__name__.lower()})" for f in functions]
        elif not isinstance(layer, keras.layers.InputLayer) and _counterpart(layer) is None:
            titles.append(f"'{layer.name}' ({type(layer).__name__})")
    return titles


def to_tf_keras(model: Any, batch: int | None = None) -> Any:  # noqa: ANN401
    """Rebuild a Keras 3 Sequential or Functional model in tf_keras; outputs stay equal to the last bit.

    Args:
        model: a built Keras 3 model.
        batch: fixes the batch dimension; None keeps it.

    Returns:
        A tf_keras Functional model with the same layer names and weights.

    Raises:
        InputError: names the layers that tf_keras has no counterpart for, or that compute something else there.
    """
    obstacles = unsupported(model)
    if obstacles:
        raise InputError(f"cannot be carried over to tf_keras: {', '.join(obstacles)}", _HINT)
    carried = _Carrier(batch).model(model)
    _check_equal(model, carried)
    return carried


def as_tf_keras(model: Any) -> Any:  # noqa: ANN401
    """Return a model as a tf_keras one: a Keras 3 model is carried over, see `to_tf_keras`."""
    import keras

    return to_tf_keras(model) if isinstance(model, keras.Model) else model


class _Carrier:
    def __init__(self, batch: int | None) -> None:
        self._batch = batch

    def model(self, source: Any) -> Any:  # noqa: ANN401
        import tf_keras
        from keras import tree

        known: dict[int, Any] = {}
        layers: dict[int, tuple[Any, Any]] = {}
        inputs = []
        for tensor in source.inputs:
            made = tf_keras.Input(
                batch_shape=(self._batch or tensor.shape[0], *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name
            )
            inputs.append(made)
            known[id(tensor)] = made

        def there(value: Any) -> Any:  # noqa: ANN401
            return tree.map_structure(lambda leaf: known.get(id(leaf), leaf), value)

        for node in _nodes(source):
            operation = node.operation
            if id(operation) not in layers:
                layers[id(operation)] = (operation, self._layer(operation))
            target = layers[id(operation)][1]
            takes = inspect.signature(target.call).parameters
            # A default, such as Dropout's training=False, would else stay in the way of training the carried model.
            defaults = {k: p.default for k, p in inspect.signature(operation.call).parameters.items()}
            given = {k: v for k, v in node.arguments.kwargs.items() if v is not None and v is not defaults.get(k)}
            kwargs = {k: there(v) for k, v in given.items() if k in takes}
            result = target(*there(list(node.arguments.args)), **kwargs)
            for ours, theirs in zip(node.output_tensors, tree.flatten(result), strict=True):
                known[id(ours)] = theirs
        outputs = [known[id(tensor)] for tensor in _functional(source).outputs]
        carried = tf_keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0], name=source.name)
        for operation, target in layers.values():
            # Keras 3 counts the states of random generators among the weights.
            values = [w for w in operation.get_weights() if w.dtype != np.uint32]
            with _refused(operation):
                target.set_weights(values)
        return carried

    def _layer(self, layer: Any) -> Any:  # noqa: ANN401
        import keras

        if isinstance(layer, keras.Model):
            return self.model(layer)
        kind = _counterpart(layer)
        assert kind is not None, "unsupported() was asked first"
        takes: set[str] = set()
        for base in inspect.getmro(kind):
            if "__init__" in vars(base):
                takes |= set(inspect.signature(vars(base)["__init__"]).parameters)
        config = {k: v for k, v in layer.get_config().items() if k in takes and not k.endswith(_DROPPED)}
        config |= {"name": layer.name, "dtype": "float32"}
        for key in ("activation", "recurrent_activation"):
            if isinstance(getattr(layer, key, None), keras.layers.Layer):
                config[key] = self._layer(getattr(layer, key))
        if isinstance(layer, keras.layers.LeakyReLU):
            config["alpha"] = layer.negative_slope  # its name in tf_keras
        if isinstance(layer, keras.layers.BatchNormalization):
            config["fused"] = False  # Keras 3 computes it so, and the last bit differs
        config.pop("backward_layer", None)  # made from "layer", as in Keras 3; `_check_equal` sees another one
        if "layer" in config:
            config["layer"] = self._layer(layer.layer if hasattr(layer, "layer") else layer.forward_layer)
        with _refused(layer):
            return kind(**config)


@contextlib.contextmanager
def _refused(layer: Any) -> Iterator[None]:  # noqa: ANN401
    """Name the layer that tf_keras does not take as it is: with an activation, say, that only Keras 3 knows."""
    try:
        yield
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"layer '{layer.name}' ({type(layer).__name__}) cannot be carried over to tf_keras: {reason[:300]}", _HINT
        ) from None


def _counterpart(layer: Any) -> Any:  # noqa: ANN401
    import tf_keras

    return getattr(tf_keras.layers, type(layer).__name__, None)


def _functional(model: Any) -> Any:  # noqa: ANN401
    import keras

    return model._functional if isinstance(model, keras.Sequential) else model


def _nodes(model: Any) -> list[Any]:  # noqa: ANN401
    """Return the calls of a model's graph in an order in which each has its inputs ready."""
    by_depth = _functional(model)._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth] if not node.is_input]


def _check_equal(ours: Any, theirs: Any) -> None:  # noqa: ANN401
    """Run both on small values and on large ones: a layer of the same name may still compute something else."""
    import keras

    rng = np.random.default_rng(0)
    has_indices = any(isinstance(layer, keras.layers.Embedding) for layer in ours._flatten_layers())
    for low, high in ((0, 1), (0, 1) if has_indices else (-9, 9)):
        inputs = [
            rng.uniform(low, high, (1, *(d or 8 for d in tensor.shape[1:]))).astype(tensor.dtype)
            for tensor in ours.inputs
        ]
        given = inputs if len(inputs) > 1 else inputs[0]
        results = [[np.asarray(x) for x in keras.tree.flatten(m(given, training=False))] for m in (ours, theirs)]
        for a, b in zip(*results, strict=True):
            difference = float(np.abs(a - b).max())
            if not difference <= 1e-5 * max(1.0, float(np.abs(a).max())):
                raise InputError(f"'{ours.name}' computes something else in tf_keras (off by {difference:g})", _HINT)
