"""The table of layers that do not convert (rules.toml), and the way from operators back to layers."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError, option
from ...support import toml


@dataclass(frozen=True)
class Layer:
    """A Keras layer: its name, its class, and the settings that a rule may ask for."""

    name: str
    kind: str
    config: Mapping[str, Any]


@functools.cache
def table() -> dict[str, Any]:
    """Return the contents of rules.toml."""
    return toml.load(Path(__file__).with_name("rules.toml"))


def check_layers(layers: Sequence[Layer], scheme: str) -> None:
    """Reject layers that the converter crashes on, or does not quantize to a scheme.

    Raises:
        InputError: names the layer, the reason and what to use instead.
    """
    for layer in layers:
        for rule in table()["layers"]:
            unless = rule.get("unless", {})
            if scheme != rule.get("scheme", scheme):
                continue
            allowed = bool(unless) and all(layer.config.get(k, v) == v for k, v in unless.items())
            if layer.kind in rule["names"] and not allowed:
                odd = [f"{k}={layer.config[k]!r}" for k, v in unless.items() if layer.config.get(k, v) != v]
                with_ = f" with {', '.join(odd)}" if odd else ""
                raise InputError(
                    f"layer '{layer.name}' ({layer.kind}){with_}: {rule['because']}",
                    f"use {rule['use']}",
                    layer=layer.name,
                )


def needs_carrying(layers: Sequence[Layer]) -> bool:
    """Return whether a Keras 3 model must be carried over to tf_keras to convert well."""
    return any(layer.kind in table()["carried"] for layer in layers)


def activation_of(tensor: str, of_layer: str = "") -> str:
    """Return the activation that a tensor is named after, "mish" for "model/dense/Mish"; "" for none.

    Args:
        tensor: its name.
        of_layer: the activation of its layer, "" if it is not known. Activations use one another: one of the table goes
            before the one that the tensor is named after.
    """
    scopes = re.split(r"[/;:]", tensor.lower())
    # A layer or an operator, with the number that makes its name unique.
    words = {re.sub(r"_?\d+$", "", scope) for scope in scopes}
    found = next((name for name in table()["activations"] if name in words), "")
    return of_layer if found and of_layer in table()["activations"] else found


def advice(operator: str, scheme: str = "int8", *, in_keras: bool = True) -> tuple[str, str]:
    """Return what an operator comes from and what to use instead; general words for one that is not in the table.

    Args:
        operator: its name.
        scheme: of the quantization.
        in_keras: whether the model came as a Keras model or SavedModel, not as a .tflite.
    """
    entry = table()["operators"].get(operator)
    is_too_wide = scheme == "int16x8" and operator in table()["int8_only"]
    to_int8 = f"quantize to int8 ({option('scheme', 'int8')})"
    if not in_keras and operator in table()["reconverted"]:
        origin = entry["from"] if entry else ""
        again = "use the Keras model (.keras, .h5) that it was converted from"
        return origin, f"{again}, and {to_int8}" if is_too_wide else again
    if entry is None:
        return "", "use only layers that TFLM supports in int8 (microgen inspect shows a model's operators)"
    use = f"use {entry['use']}"
    # ai-edge-quantizer leaves in float32 what it does not have, whatever the scheme.
    return entry["from"], f"{use}, or {to_int8}" if is_too_wide and in_keras else use
