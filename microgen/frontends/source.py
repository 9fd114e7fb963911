"""Finds the frontend for a model: a file, a folder or a Python object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, nearest_path
from . import DEFAULT_FRONTEND, FRONTENDS
from .frontend import Frontend, Source

if TYPE_CHECKING:
    from ..tflite import TfliteModel

# Models that no frontend takes, by the suffixes of their files.
_FOREIGN = {
    ".pb": "give the folder of the SavedModel",
    ".zip": "unpack it, and give the folder of the SavedModel that is in it",
}


def find(path: str | Path) -> tuple[Frontend, Source]:
    """Return the frontend that takes a path, and the path as its source.

    A file that no frontend knows is read as a .tflite, whose reader reports what is wrong with it.

    Raises:
        InputError: the path does not exist, or is a folder that is not a model.
    """
    suffix = Path(path).suffix.lower()
    source = Source(Path(path), _FOREIGN.get(suffix, f"give {accepted()}"))
    # Those that claim the suffix come first: the others would read the file to recognise it.
    for frontend in sorted(FRONTENDS, key=lambda f: suffix not in f.suffixes):
        if frontend.matches(source):
            return frontend, source
    if source.path.is_dir():
        raise InputError(f"{path}: a folder without a model", f"give {accepted()}")
    if not source.path.exists():
        raise InputError(f"{path}: no such file", nearest_path(source.path, f"give {accepted()}"))
    return FRONTENDS.get(DEFAULT_FRONTEND), source


def load(path: str | Path, name: str | None = None) -> TfliteModel:
    """Read a model that needs no conversion: a .tflite, or another file that holds one.

    Args:
        path: the file.
        name: a name for it; by default, the file's stem.

    Raises:
        InputError: the file is missing, unreadable or not a valid .tflite; the message says which and where.
    """
    frontend, source = find(path)
    model = frontend.read(source)
    if model is None:
        raise InputError(
            f"{path}: not a .tflite file, but {frontend.title}",
            "`microgen quantize` converts it to a .tflite, with calibration data",
        )
    return replace(model, name=name or source.path.stem)


def is_object(model: object) -> bool:
    """Return whether a frontend takes this Python object as a model."""
    return frontend_of(model) is not None


def save(model: Any, folder: Path, example: Any = None) -> tuple[Frontend, Source]:  # noqa: ANN401 - of frameworks
    """Save a model object, so that a worker can load it; return the frontend that takes the file, and the file.

    Args:
        model: the object.
        folder: where to.
        example: what it takes, where it does not say that itself.

    Raises:
        InputError: it cannot be saved.
    """
    frontend = frontend_of(model)
    assert frontend is not None
    return find(frontend.save(model, folder, example))


def name_of(model: Any) -> str:  # noqa: ANN401
    """Return the name of a model object, or of a path without its suffix."""
    frontend = frontend_of(model)
    return frontend.object_name(model) if frontend else Path(model).stem


def slug(stem: str) -> str:
    """Return a name for a firmware from a file's or a model's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:63] or "model"


def suffixes(frontend: Frontend) -> str:
    """Return the suffixes of a frontend's files for people, ".keras, .h5 or .hdf5"; its title where it has none."""
    return _either(frontend.suffixes) or frontend.title


def accepted() -> str:
    """Return the accepted formats for help and hints: "a .tflite or .keras file, or the folder of ..."."""
    named = list(dict.fromkeys(suffix for frontend in FRONTENDS for suffix in frontend.suffixes))
    others = [frontend.title for frontend in FRONTENDS if not frontend.suffixes]
    return ", or ".join([f"a {_either(named)} file", *others])


def _either(names: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def frontend_of(model: object) -> Frontend | None:
    """Return the frontend that takes this Python object as a model; None for another object."""
    return next((frontend for frontend in FRONTENDS if frontend.matches_object(model)), None)
