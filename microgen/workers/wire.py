"""How the request and the reply of a job cross between processes: typed values in two files, without pickle.

What crosses is a frozen dataclass. Its fields may be JSON scalars, bytes, paths, NumPy arrays, tuples and mappings
(with text as keys) of them, dataclasses, each of these or None, and `Any` for plain JSON. Numbers and text go into
NAME.json, bytes and arrays into NAME.npz, where the JSON has their positions. Both directions follow the annotations,
so that a value that is not what its field declares is an error where it is written, with the name of the field. NumPy
is imported late: a command prepares its workers before it loads anything.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy.typing as npt

T = TypeVar("T")
_Blobs: TypeAlias = "list[npt.NDArray[Any]]"


def save(folder: Path, name: str, kind: type[T], value: T) -> None:
    """Write a value.

    Args:
        folder: where to.
        name: of both files, without their suffixes.
        kind: the declared type of the value.
        value: what to write.

    Raises:
        TypeError: a part of it is not of its declared type, or of a type that cannot cross.
    """
    import numpy as np

    blobs: _Blobs = []
    tree = _encode(kind, value, blobs, getattr(kind, "__name__", str(kind)))
    np.savez(folder / f"{name}.npz", **{f"a{k}": blob for k, blob in enumerate(blobs)})  # type: ignore[arg-type]
    (folder / f"{name}.json").write_text(json.dumps(tree))


def load(folder: Path, name: str, kind: type[T]) -> T:
    """Read a value of this type that `save` wrote."""
    import numpy as np

    tree = json.loads((folder / f"{name}.json").read_text())
    with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
        blobs = [stored[f"a{k}"] for k in range(len(stored.files))]
    return typing.cast("T", _decode(kind, tree, blobs))


def signature(target: Callable[[Any], Any]) -> tuple[type[Any], type[Any]]:
    """Return the types of the one argument and of the result of a job, as it declares them."""
    hints = typing.get_type_hints(target)
    reply = hints.pop("return")
    (request,) = hints.values()
    return request, reply


@functools.cache
def _fields(kind: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


def _encode(kind: Any, value: Any, blobs: _Blobs, where: str) -> Any:  # noqa: ANN401 - types and values of any kind
    import numpy as np

    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _encode(_not_none(args, where), value, blobs, where)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        _check_type(value, kind, where)
        return {n: _encode(k, getattr(value, n), blobs, f"{where}.{n}") for n, k in _fields(kind).items()}
    if kind is np.ndarray or origin is np.ndarray:
        _check_type(value, np.ndarray, where)
        if value.dtype.hasobject:
            raise TypeError(f"{where}: an array of Python objects cannot cross")
        return _put(value, blobs)
    if kind is bytes:
        _check_type(value, bytes, where)
        return _put(np.frombuffer(value, np.uint8), blobs)
    if origin is tuple:
        _check_type(value, tuple, where)
        kinds = [args[0]] * len(value) if args[1:] == (...,) else args
        pairs = enumerate(zip(kinds, value, strict=True))
        return [_encode(k, v, blobs, f"{where}[{i}]") for i, (k, v) in pairs]
    if origin in (dict, collections.abc.Mapping):
        _check_type(value, collections.abc.Mapping, where)
        return {_text(k, where): _encode(args[1], v, blobs, f"{where}[{k!r}]") for k, v in value.items()}
    if kind is Path:
        _check_type(value, Path, where)
        return str(value)
    if kind is float:
        _check_type(value, (float, int), where)
        return float(value)
    if kind in (bool, int, str):
        _check_type(value, kind, where)
        return value
    raise TypeError(f"{where}: a value of type {kind} cannot cross")


def _decode(kind: Any, tree: Any, blobs: _Blobs) -> Any:  # noqa: ANN401
    import numpy as np

    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if tree is None else _decode(_not_none(args, ""), tree, blobs)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind(**{name: _decode(k, tree[name], blobs) for name, k in _fields(kind).items()})
    if kind is np.ndarray or origin is np.ndarray:
        return blobs[tree]
    if kind is bytes:
        return blobs[tree].tobytes()
    if origin is tuple:
        kinds = [args[0]] * len(tree) if args[1:] == (...,) else args
        return tuple(_decode(k, t, blobs) for k, t in zip(kinds, tree, strict=True))
    if origin in (dict, collections.abc.Mapping):
        return {name: _decode(args[1], t, blobs) for name, t in tree.items()}
    return Path(tree) if kind is Path else tree


def _not_none(args: tuple[Any, ...], where: str) -> Any:  # noqa: ANN401
    kinds = [kind for kind in args if kind is not type(None)]
    if len(kinds) != 1:
        raise TypeError(f"{where}: a value of several types cannot cross")
    return kinds[0]


def _check_type(value: Any, kind: Any, where: str) -> None:  # noqa: ANN401
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError(f"{where}: {type(value).__name__} instead of its declared type")


def _text(key: Any, where: str) -> str:  # noqa: ANN401
    _check_type(key, str, where)
    return str(key)


def _put(array: npt.NDArray[Any], blobs: _Blobs) -> int:
    blobs.append(array)
    return len(blobs) - 1
