"""Loads a float model of any kind into a concrete function with a batch of 1. Runs in a worker."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...datasets import InputSpec
from ...errors import InputError, SetupError
from ..converted import LayerNames
from .file import QUANTIZE_WRAPPER, is_hdf5, read_keras_file
from .rules import Layer, check_layers, needs_carrying
from .weights import check_weights


@dataclass(frozen=True)
class Loaded:
    """A float model ready to be converted.

    Attributes:
        function: a concrete function that takes one sample of each input, with a batch of 1.
        keep_alive: what owns the variables.
        inputs: what a sample of each input is.
        layers: the names of its Keras layers, as far as they are known.
        has_loops: it has recurrent layers, which must not be frozen.
        is_quantization_aware: its ranges were learned in training, and none are measured.
        input_scale: what its first layer multiplies the input by, where that is a Rescaling; else 1.
        signatures: of a SavedModel, the one that is taken and then the others.
    """

    function: Any
    keep_alive: Any
    inputs: tuple[InputSpec, ...]
    layers: LayerNames
    has_loops: bool
    is_quantization_aware: bool = False
    input_scale: float = 1.0
    signatures: tuple[str, ...] = ()


def load(path: Path, scheme: str = "int8") -> Loaded:
    """Load a Keras file or a SavedModel.

    Args:
        path: the file; the folder of a SavedModel.
        scheme: what it will be quantized to.

    Raises:
        InputError: it cannot be loaded, has no fixed shapes, or layers that the converter crashes on.
        SetupError: tf_keras is missing and the model needs it.
    """
    return _saved_model(path) if path.is_dir() else from_keras(load_keras(path), scheme)


def from_keras(model: Any, scheme: str = "int8") -> Loaded:  # noqa: ANN401 - Keras has no types
    """Prepare a Keras 3 or tf_keras model; a Keras 3 model goes over tf_keras where only that converts well.

    Raises:
        InputError: as `load` does.
    """
    import tensorflow as tf

    layers = describe(model)
    check_layers(layers, scheme)
    inputs = tuple(InputSpec(_plain(t.name), tuple(t.shape[1:]), _dtype(t.dtype)) for t in model.inputs)
    _check_fixed(inputs)
    if is_keras3(model) and needs_carrying(layers):
        _needs_tf_keras()
        from .carry import to_tf_keras

        model = to_tf_keras(model, batch=1)
    signature = [tf.TensorSpec((1, *i.shape), i.dtype, name=i.name) for i in inputs]

    def call(*values: Any) -> Any:  # noqa: ANN401
        return model(values[0] if len(values) == 1 else list(values), training=False)

    function = tf.function(call, autograph=False).get_concrete_function(*signature)
    named = [layer for layer in layers if not layer.kind.endswith("Cell")]
    names = tuple(layer.name for layer in named)
    given = (layer.config.get("activation") for layer in named)
    activations = tuple(activation if isinstance(activation, str) else "" for activation in given)
    outputs = tuple(getattr(model, "output_names", None) or ())
    last = outputs if outputs and set(outputs) <= set(names) else names[-1:]
    fused = tuple(layer.name for layer in layers if layer.kind == "LSTM")
    layer_names = LayerNames(names, is_keras3(model), last, fused, activations)
    learned = any(layer.kind == QUANTIZE_WRAPPER for layer in layers)
    return Loaded(function, model, inputs, layer_names, bool(fused), learned, _input_scale(layers))


def _input_scale(layers: Sequence[Layer]) -> float:
    scale = layers[0].config.get("scale") if layers and layers[0].kind == "Rescaling" else None
    return float(scale) if isinstance(scale, (int, float)) else 1.0


def is_keras3(model: Any) -> bool:  # noqa: ANN401
    """Tell a Keras 3 model from a tf_keras one."""
    import keras

    return isinstance(model, keras.Model)


def describe(model: Any) -> tuple[Layer, ...]:  # noqa: ANN401
    """Return the layers of a model, nested ones included."""
    layers = []
    for layer in model._flatten_layers():
        kind = type(layer).__name__
        if layer is not model and kind != "InputLayer":
            layers.append(Layer(layer.name, kind, layer.get_config()))
    return tuple(layers)


def load_keras(path: Path) -> Any:  # noqa: ANN401
    """Load a .keras or .h5 file with the Keras that wrote it, uncompiled.

    Raises:
        InputError: it cannot be loaded, holds code, or has no input with a known shape.
        SetupError: tf_keras is missing and the model needs it.
    """
    file = read_keras_file(path)
    check_weights(path)
    if file.is_legacy:
        _needs_tf_keras()
        import tf_keras as framework
    else:
        import keras as framework
    scope = _scope() if file.is_quantization_aware else contextlib.nullcontext()
    with tempfile.TemporaryDirectory(prefix="microgen-") as folder:
        # Keras tells the formats apart by the end of a name, in small letters: a file that was read as one must not be
        # loaded as the other.
        named = Path(folder, "model.h5" if is_hdf5(path) else "model.keras")
        named.symlink_to(path.absolute())
        try:
            with scope:
                model = framework.models.load_model(named, compile=False, safe_mode=True)
        except Exception as error:
            lines = str(error).replace(str(named), path.name).strip().splitlines() or [type(error).__name__]
            raise InputError(
                f"{path.name}: {framework.__name__} {framework.__version__} cannot load it: {lines[0][:300]}",
                "is the file complete? Pass a model with custom layers from Python: microgen.quantize(model, data)",
            ) from None
    if not getattr(model, "built", True) or not getattr(model, "inputs", None):
        raise InputError(
            f"model '{model.name}' has no input with a known shape",
            "add a keras.Input or call it once, then save it again",
        )
    return model


def _saved_model(path: Path) -> Loaded:
    import tensorflow as tf

    check_weights(path)
    try:
        loaded = tf.saved_model.load(str(path))
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path.name}: not a SavedModel ({lines[0][:300]})", "export it again") from None
    offered = sorted(loaded.signatures, key=lambda name: (name != "serving_default", name))
    signature = loaded.signatures[offered[0]] if offered else None
    if signature is None:
        raise InputError(f"{path.name}: the SavedModel has no signature", "export it with model.export('folder')")
    specs = signature.structured_input_signature[1]
    inputs = tuple(InputSpec(name, tuple(spec.shape[1:]), spec.dtype.name) for name, spec in sorted(specs.items()))
    _check_fixed(inputs)

    def call(*values: Any) -> Any:  # noqa: ANN401
        result = signature(**{i.name: v for i, v in zip(inputs, values, strict=True)})
        return [result[name] for name in sorted(result)]

    function = tf.function(call, autograph=False).get_concrete_function(
        *[tf.TensorSpec((1, *i.shape), i.dtype, name=i.name) for i in inputs]
    )
    return Loaded(function, loaded, inputs, _layers_of(signature), False, signatures=tuple(offered))


def _layers_of(signature: Any) -> LayerNames:  # noqa: ANN401
    """Derive the Keras layers of a SavedModel from the names of its variables and operators.

    Keras names a variable "model/layer/kernel:0" or "layer/kernel:0", and an operator "model/layer/MatMul", where Keras
    3 adds a number to both scopes.
    """
    with_variables = {v.name.split("/")[-2] for v in signature.variables if "/" in v.name}
    definition = signature.graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    scopes = dict.fromkeys(node.name.split("/")[1] for node in nodes if node.name.count("/") >= 2)
    numbered = any(name not in scopes and f"{name}_1" in scopes for name in with_variables)
    names = tuple(dict.fromkeys(re.sub(r"_\d+$", "", scope) if numbered else scope for scope in scopes))
    return LayerNames(names, numbered, names[-1:] if len(signature.structured_outputs) == 1 else ())


def _check_fixed(inputs: Sequence[InputSpec]) -> None:
    for spec in inputs:
        if None in spec.shape:
            raise InputError(
                f"input '{spec.name}' has the dynamic shape {[None, *spec.shape]}",
                "TFLM needs fixed shapes: give keras.Input a fixed size (only the batch size may be unknown)",
            )


def _scope() -> Any:  # noqa: ANN401
    """Return a scope in which the layers of quantization-aware training are known."""
    import importlib.util

    if importlib.util.find_spec("tensorflow_model_optimization") is None:
        raise SetupError(
            "a quantization-aware model needs tensorflow-model-optimization, which is not installed",
            "pip install 'microgen[train]'",
        )
    from tensorflow_model_optimization.quantization.keras import quantize_scope

    return quantize_scope()


def _needs_tf_keras() -> None:
    import importlib.util

    if importlib.util.find_spec("tf_keras") is None:
        raise SetupError("this model needs tf_keras, which is not installed", "pip install 'microgen[train]'")


def _plain(name: str) -> str:
    return name.partition(":")[0]


def _dtype(dtype: Any) -> str:  # noqa: ANN401
    return dtype if isinstance(dtype, str) else str(dtype.name)
