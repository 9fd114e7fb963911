"""What a model comes as: a file, a folder or a Python object."""

from __future__ import annotations

import re
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

TFLITE = "tflite"
KERAS = "keras"
H5 = "h5"
SAVED_MODEL = "saved-model"

_KNOWN = ("keras.", "tf_keras.", "tensorflow.", "tensorflow_model_optimization.")
_HINT = "give a .tflite, .keras or .h5, or the folder of a SavedModel"


@dataclass(frozen=True)
class Source:
    """A model on disk.

    Attributes:
        kind: "tflite", "keras", "h5" or "saved-model".
        path: the file or folder.
    """

    kind: str
    path: Path


def find(path: str | Path) -> Source:
    """Tell what kind of model a path holds.

    Raises:
        InputError: nothing is there, or nothing that is a model.
    """
    path = Path(path)
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return Source(SAVED_MODEL, path)
        raise InputError(f"{path}: a folder without a saved_model.pb", _HINT)
    if not path.exists():
        raise InputError(f"{path}: no such file", _HINT)
    # Anything else is read as a .tflite, whose reader says what is wrong with it.
    return Source({".keras": KERAS, ".h5": H5, ".hdf5": H5}.get(path.suffix.lower(), TFLITE), path)


def is_object(model: object) -> bool:
    """Tell whether this is a Keras 3 or tf_keras model object, without importing either."""
    return _framework(model) != ""


def save(model: Any, folder: Path) -> Source:  # noqa: ANN401 - Keras has no types
    """Save a Keras 3 or tf_keras model object, so that a worker can load it.

    A model with code of the caller's own, which a worker could not import or will not run from a file, is exported as
    a SavedModel.

    Raises:
        InputError: it cannot be saved.
    """
    framework = _framework(model)
    own = any(_has_own_code(layer) for layer in model._flatten_layers())
    kind = SAVED_MODEL if own else KERAS if framework == "keras" else H5
    path = folder / {SAVED_MODEL: "model", KERAS: "model.keras", H5: "model.h5"}[kind]
    try:
        if kind == SAVED_MODEL:
            model.export(str(path), **({"verbose": False} if framework == "keras" else {}))
        else:
            model.save(path)
    except Exception as error:
        raise InputError(
            f"model '{model.name}' cannot be saved: {error}", "call it once on data, so that its shapes are known"
        ) from None
    return Source(kind, path)


def name_of(model: Any) -> str:  # noqa: ANN401
    """Return the name of a Keras object, or of a path without its suffix."""
    return str(model.name) if is_object(model) else Path(model).stem


def slug(stem: str) -> str:
    """Return a name for a firmware from a file's or a model's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:63] or "model"


def _has_own_code(layer: object) -> bool:
    """Tell whether a layer is of another's class, or has a function of another's, as its activation, say."""
    functions = [value for value in vars(layer).values() if isinstance(value, types.FunctionType)]
    return type(layer).__name__ == "Lambda" or any(
        not str(code.__module__).startswith(_KNOWN) for code in (type(layer), *functions)
    )


def _framework(model: object) -> str:
    for name in ("keras", "tf_keras"):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, "Model") and isinstance(model, module.Model):
            return name
    return ""
