"""Reads the description of a .keras or .h5 file, and rejects files that would run code when Keras loads them.

A Keras file names the Python classes that make its layers, and may hold Python bytecode. Keras 3 rejects most of that
(`safe_mode`); Keras 2, which reads older files, runs the bytecode of an .h5 and imports any module that a file names.
So the description is checked first, by the same rules for all: classes of Keras, no bytecode, no functions as layers
other than those of `functions.PURE`.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from .functions import refused_function

# The layer of tensorflow-model-optimization around each layer that was trained quantization-aware.
QUANTIZE_WRAPPER = "QuantizeWrapperV2"
_FRAMEWORKS = ("keras", "tf_keras")
# Where in Keras the classes of a model are. Elsewhere are some that read and write files (callbacks, utils, saving).
_ROOMS = {
    "activations", "constraints", "dtype_policies", "engine", "initializers", "layers", "losses", "metrics",
    "mixed_precision", "models", "ops", "optimizers", "quantizers", "random", "regularizers",
}  # fmt: skip
_QUANTIZATION = "tensorflow_model_optimization.python.core.quantization.keras."
# No description of a model for a microcontroller is near this size; an archive may claim any.
_CONFIG_BYTES = 64 * 2**20
# The layers of tensorflow-model-optimization that are taken off before a model is used.
_WRAPPERS = {
    "PruneLowMagnitude": ("pruning", "tfmot.sparsity.keras.strip_pruning(model)"),
    "ClusterWeights": ("clustering", "tfmot.clustering.keras.strip_clustering(model)"),
}
_NOT_KERAS = "save it again with model.save('model.keras')"
_TRUSTED = "use Keras's own layers; if you trust the file, load it and pass the object: microgen.quantize(model, data)"


@dataclass(frozen=True)
class KerasFile:
    """The description of a file.

    Attributes:
        is_legacy: whether Keras 2 wrote it.
        config: the description of the model.
        is_quantization_aware: whether the model learned its ranges in training.
    """

    is_legacy: bool
    config: Any
    is_quantization_aware: bool = False


def is_hdf5(path: Path) -> bool:
    """Return whether a Keras file is an HDF5 file, by its name: a .keras is an archive."""
    return path.suffix.lower() != ".keras"


def read_keras_file(path: Path) -> KerasFile:
    """Read the description of a .keras or .h5 file; nothing in it is run.

    Raises:
        InputError: it is no Keras model, or holds or names code that is not Keras's.
    """
    try:
        version, config = _hdf5(path) if is_hdf5(path) else _archive(path)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError, NotImplementedError, RecursionError) as error:
        raise InputError(f"{path.name}: not a Keras model ({error})", _NOT_KERAS) from None
    _refuse_foreign_classes(path.name, config)
    return KerasFile(version.startswith("2"), config, f'"{QUANTIZE_WRAPPER}"' in json.dumps(config))


def _archive(path: Path) -> tuple[str, Any]:
    with zipfile.ZipFile(path) as archive:
        documents = {}
        for name in ("metadata.json", "config.json"):
            size = archive.getinfo(name).file_size
            if size > _CONFIG_BYTES:
                raise ValueError(f"its {name} has {size:,} bytes")
            documents[name] = json.loads(archive.read(name))
    return str(documents["metadata.json"]["keras_version"]), documents["config.json"]


def _hdf5(path: Path) -> tuple[str, Any]:
    import h5py

    with h5py.File(path) as stored:
        if "model_config" not in stored.attrs:
            raise InputError(f"{path.name}: has weights, but no model", "save it whole: model.save()")
        version, config = (_text(stored.attrs.get(name, "2")) for name in ("keras_version", "model_config"))
    return version, json.loads(config)


def layers_of(config: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return the name and class of each layer in the description of a model, nested ones included."""
    layers: list[tuple[str, str]] = []
    inner = config.get("config") if isinstance(config, dict) else None
    for layer in inner.get("layers", []) if isinstance(inner, dict) else []:
        own = layer.get("config") if isinstance(layer, dict) else None
        if isinstance(own, dict):
            layers.append((str(own.get("name", "")), str(layer.get("class_name", "")).rpartition(">")[2]))
            layers += layers_of(layer)
    return layers


def _text(value: Any) -> str:  # noqa: ANN401 - HDF5 stores either
    return value if isinstance(value, str) else bytes(value).decode()


def _refuse_foreign_classes(file: str, config: Any) -> None:  # noqa: ANN401 - JSON
    """Walk a description and reject what is not made of Keras's own classes."""
    waiting = [(config, "", False)]
    while waiting:
        value, layer, is_layer = waiting.pop()
        if isinstance(value, list):
            waiting += [(item, layer, is_layer) for item in value]
            continue
        if not isinstance(value, dict):
            continue
        inner = value.get("config")
        if "class_name" in value:
            if is_layer:
                layer = str(value.get("name") or (inner.get("name") if isinstance(inner, dict) else "") or layer)
            _check_class(file, layer, value, is_layer)
        waiting += [(item, layer, key == "layers") for key, item in value.items()]


def _check_class(file: str, layer: str, value: dict[str, Any], is_layer: bool) -> None:
    kind, module = str(value["class_name"]), value.get("module")
    inner = value.get("config")
    config = inner if isinstance(inner, dict) else {}
    where = f"{file}: layer '{layer}'" if layer else file
    if kind.rpartition(">")[2] == "Lambda" or kind == "__lambda__":
        raise InputError(
            f"{where} is Python code in the file (Lambda), which microgen does not run", _TRUSTED, layer=layer or None
        )
    if (wrapper := _WRAPPERS.get(kind.rpartition(">")[2])) is not None:
        what, remedy = wrapper
        raise InputError(f"{where} is a wrapper of {what} for training only", f"save {remedy}", layer=layer or None)
    refused = refused_function(kind.rpartition(">")[2], config)
    if refused:
        raise InputError(
            f"{where} would call {refused} when Keras loads it, which conversion does not need",
            _TRUSTED,
            layer=layer or None,
        )
    if isinstance(config.get("vocabulary"), str):
        raise InputError(
            f"{where} would read the file '{config['vocabulary']}' as its vocabulary", _TRUSTED, layer=layer or None
        )
    if kind == "function" and not is_layer:
        is_known = module in (None, "builtins") or (_is_keras(module) and "activations" in str(module).split("."))
        kind = str(value["config"]) if isinstance(value.get("config"), str) else kind
    else:
        # Functions have small letters, and what starts with underscores is a plain value: a slice, a tuple.
        is_class = kind[:1].isupper() and (module is None or _has_classes(module))
        is_known = is_class or (kind.startswith("__") and module is None)
    if not is_known:
        name = f"{module}.{kind}" if module else kind
        raise InputError(f"{where} names {name}, which is not a class of Keras", _TRUSTED, layer=layer or None)


def _is_keras(module: object) -> bool:
    return str(module).partition(".")[0] in _FRAMEWORKS


def _has_classes(module: object) -> bool:
    is_keras = _is_keras(module) and (str(module) in _FRAMEWORKS or not _ROOMS.isdisjoint(str(module).split(".")))
    return is_keras or str(module).startswith(_QUANTIZATION)
