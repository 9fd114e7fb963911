"""What a manifest may say: it lies in a folder of the user's, and may have been edited.

Everything is optional, because projects of earlier versions record less; what is there is of the kind that its readers
expect. `required` is for what cannot be done without.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, get_args

from ..errors import InputError
from ..runtimes.runtime import Optimize

_AGAIN = "build the project again"
# More than any size, seed or speed, and a float64 still holds it exactly.
_LARGEST = 2**53
_MISSING = object()
# What a generated project may be compiled with beside its board's own flags.
_FLAG = re.compile(r"-O[0-3gsz]|-D\w+(=[\w.]*)?")


def is_inside(name: str) -> bool:
    """Return whether a path inside a project stays there."""
    path = PurePosixPath(name)
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_range(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_layout(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(numbers, list) and all(map(_is_whole, numbers)) for numbers in value.values()
    )


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _LARGEST and math.isfinite(value)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_objects(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_files(value: object) -> bool:
    return isinstance(value, dict) and all(is_inside(name) and _is_text(v) for name, v in value.items())


def _is_optimize(value: object) -> bool:
    return value is None or value in get_args(Optimize)


def _is_budget(value: object) -> bool:
    return value is None or _is_whole(value)


def _is_flags(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(flag, str) and _FLAG.fullmatch(flag) for flag in value)


_Check = Callable[[object], bool]
_KINDS: Mapping[str, tuple[_Check, str]] = {
    name: (check, what)
    for check, what, names in (
        (
            _is_text,
            "text",
            "microgen model.name model.sha256 frontend source.kind board upload runtime project application "
            "golden.sha256 verdict.status tflm.name tflm.version tflm.kernels compiled.name compiled.version "
            "compiled.kernels",
        ),
        (_is_texts, "a list of text", "labels user_files source.warnings"),
        (_is_switch, "true or false", "selftest_at_boot"),
        (
            _is_whole,
            "a whole number from 0",
            "monitor_speed source.sample_rate arena.host_min_bytes arena.bytes golden.count verdict.samples "
            "verdict.seed",
        ),
        (_is_range, "two numbers", "source.value_range"),
        (_is_layout, "lists of whole numbers from 0", "source.channels_first source.sequences"),
        (_is_object, "an object", "model source tflm compiled arena array golden verdict shared"),
        (_is_objects, "a list of objects", "further_models"),
        (_is_map, "an object of text", "application_options"),
        (_is_files, "an object of paths in the project", "files"),
    )
    for name in names.split()
}


# What any runtime may record of its code, in the object that has the runtime's name.
_CODE: Mapping[str, tuple[_Check, str]] = {
    "optimize": (_is_optimize, f"one of {', '.join(get_args(Optimize))}"),
    "flash_budget": (_is_budget, "a whole number from 0, or null"),
    "build_flags": (_is_flags, "a list of -O and -D flags"),
}


def check_manifest(manifest: Mapping[str, Any], title: str) -> None:
    """Refuse a manifest with a value of another kind than is expected.

    Args:
        manifest: the parsed file.
        title: what messages call it.

    Raises:
        InputError: names the value.
    """
    kinds = {**_of_runtime(manifest.get("runtime")), **_KINDS}
    for name in sorted(kinds, key=lambda name: name.count(".")):
        found = _find(manifest, name)
        check, what = kinds[name]
        if found is not _MISSING and not check(found):
            raise InputError(f"{title}: '{name}' is not {what}", "restore the file, or build into another folder")
    for further in manifest.get("further_models", ()):
        check_manifest(further, title)
        name = str(required(further, "model.name", title))
        if not is_inside(f"{name}.tflite") or "/" in name:
            raise InputError(f"{title}: 'model.name' is not a valid name", _AGAIN)


def _of_runtime(name: object) -> Mapping[str, tuple[_Check, str]]:
    """Return what is expected of the object in which a runtime of this name records its library and its code."""
    if not isinstance(name, str):
        return {}
    return {name: (_is_object, "an object"), **{f"{name}.{key}": kind for key, kind in _CODE.items()}}


def required(manifest: Mapping[str, Any], name: str, title: str) -> Any:  # noqa: ANN401 - JSON
    """Return a value of a checked manifest.

    Args:
        manifest: the parsed file.
        name: of the value; that of one in an object has the object's name and a dot before it.
        title: what messages call the file.

    Raises:
        InputError: it is missing.
    """
    found = _find(manifest, name)
    if found is _MISSING:
        raise InputError(f"{title}: has no '{name}'", _AGAIN)
    return found


def _find(manifest: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
    outer, _, inner = name.partition(".")
    found = manifest.get(outer, _MISSING)
    if not inner:
        return found
    return found.get(inner, _MISSING) if isinstance(found, dict) else _MISSING
