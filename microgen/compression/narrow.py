"""The same architecture with fewer channels, untrained: what a teacher teaches. Runs in a worker."""

from __future__ import annotations

from typing import Any

from ..errors import InputError, option
from .layers import rewrap

_WIDTHS = ("filters", "units")
_RATES = ("rate", "dropout", "recurrent_dropout")
_HINT = f"give your own smaller model: {option('student', 'FILE')}"


def narrowed(model: Any, share: float) -> Any:  # noqa: ANN401 - Keras has no types
    """Return an untrained tf_keras model with a share of each layer's filters or units, at least one.

    The layers that give the outputs their width keep it. Rates of dropout shrink with the widths: what is small
    overfits less.

    Raises:
        InputError: the model cannot be narrowed so.
    """
    kept = _output_layers(model)

    def narrow(layer: Any) -> Any:  # noqa: ANN401
        config = layer.get_config()
        return type(layer).from_config(config if layer.name in kept else _scaled(config, share))

    try:
        student = rewrap(model, narrow)
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"model '{model.name}' cannot be narrowed: {reason}", _HINT) from None
    if student.output_shape != model.output_shape:
        raise InputError(
            f"model '{model.name}' cannot be narrowed: its output would be {list(student.output_shape[1:])}, "
            f"not {list(model.output_shape[1:])}",
            _HINT,
        )
    return student


def _scaled(config: dict[str, Any], share: float) -> dict[str, Any]:
    """Scale the widths and the rate in a layer's configuration, wrapped layers included."""

    def scaled(key: str, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return _scaled(value, share)
        if key in _WIDTHS and value:
            return max(1, round(value * share))
        return value * share if key in _RATES and value else value

    return {k: scaled(k, v) for k, v in config.items()}


def _has_width(config: dict[str, Any]) -> bool:
    return any(k in _WIDTHS or (isinstance(v, dict) and _has_width(v)) for k, v in config.items())


def _output_layers(model: Any) -> set[str]:  # noqa: ANN401
    """Return the names of the last layers with a width before each output."""
    import tf_keras

    names: set[str] = set()
    waiting = [model.get_layer(name) for name in model.output_names]
    while waiting:
        layer = waiting.pop()
        if isinstance(layer, tf_keras.Model):
            names |= _output_layers(layer)
        elif _has_width(layer.get_config()):
            names.add(layer.name)
        else:
            for node in layer.inbound_nodes:
                before = node.inbound_layers
                waiting += before if isinstance(before, list) else [before]
    return names
