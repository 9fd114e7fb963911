"""C and C++ files that hold a .tflite as an array of bytes, as xxd and most TFLM examples write it.

The file is not compiled: comments, text and preprocessor lines are removed, and every `NAME[...] = {...}` whose values
are plain integers of one byte is taken as an array. Each step reads the text once, from front to back, so that the time
grows with the size of the file, whatever is in it.
"""

from __future__ import annotations

import errno
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError, nearest
from ..support.files import read_file
from .float_tflite.frontend import convert_model
from .frontend import ConvertOptions, Frontend, Source
from .tflite import is_float, take

if TYPE_CHECKING:
    from ..datasets import Request
    from ..tflite import TfliteModel
    from .converted import AlreadyQuantized, Converted

# An array takes five or six characters per byte of the model.
MAX_FILE_BYTES = 32 * 2**20
# A comment or text that is not closed ends with the file or the line, so that no search for an end is made twice.
# What is repeated takes memory until it ends, hence the bound.
_SKIPPED = re.compile(
    r"""
    //[^\n]*
    | /\*.*?(?:\*/|\Z)
    | "(?:[^"\\\n]+|\\.){0,65535}"?
    | '(?:[^'\\\n]+|\\.){0,65535}'?
    | ^[ \t]*\#(?:[^\n\\]+|\\.){0,65535}
    """,
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
# NAME[SIZE] ATTRIBUTES = {VALUES}; no part can take what another ends with, so that a failed match is not tried again.
_ARRAY = re.compile(r"\b([A-Za-z_]\w*)\s*\[[^\[\]{};]*\][^\[\]{};=]*(?:=\s*)?\{([^{};]*)\}")
_ITEM = re.compile(r"[^,]+")
_VALUE = re.compile(r"(-?)(?:0[xX]([0-9a-fA-F]{1,8})|0[bB]([01]{1,32})|(0[0-7]{0,8})|([1-9][0-9]{0,8}))[uUlL]{0,3}")


def byte_arrays(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the bytes of each array of bytes in C or C++ source text.

    Values of -128 to 255 are bytes; signed ones as their two's complement. Arrays of anything else are left out.
    """
    text = _SKIPPED.sub(_blank, text)
    for array in _ARRAY.finditer(text):
        if data := _bytes(text, *array.span(2)):
            yield array[1], data


def _blank(skipped: re.Match[str]) -> str:
    """Return what takes the place of a comment or preprocessor line, a space, or of text, which is no number."""
    return '""' if skipped[0][0] in "\"'" else " "


def _bytes(text: str, begin: int, end: int) -> bytes | None:
    """Return the bytes of an initialiser, text[begin:end]; None if it is not a list of bytes."""
    known: dict[str, int] = {}
    data = bytearray()
    place = begin
    for item in _ITEM.finditer(text, begin, end):
        literal = item[0]
        if literal not in known:
            if literal.isspace() and item.end() == end:
                break  # nothing stands behind the last comma
            value = _value(literal.strip())
            if value is None:
                return None
            known[literal] = value
        if item.start() != place:
            return None  # nothing stands between two commas
        place = item.end() + 1
        data.append(known[literal])
    return bytes(data)


def _value(word: str) -> int | None:
    """Return a C integer literal as a byte, None if it is not one."""
    literal = _VALUE.fullmatch(word)
    if literal is None:
        return None
    sign, *digits = literal.groups()
    value = next(int(d, base) for d, base in zip(digits, (16, 2, 8, 10), strict=True) if d is not None)
    value = -value if sign else value
    return value & 0xFF if -128 <= value <= 255 else None


class _CArray(Frontend):
    """See `Frontend`."""

    name = "c_array"
    title = "a C array"
    suffixes = (".h", ".c", ".cc", ".cpp")
    trust = "read as text in time proportional to its size, never compiled; its bytes are then treated as a `.tflite`"
    packages = ()
    extra = ""

    def matches(self, source: Source) -> bool:
        path, _ = _parts(source.path)
        return path.suffix.lower() in self.suffixes and path.is_file()

    def kind(self, source: Source) -> str:
        return "c-array"

    def needs_calibration(self, source: Source) -> bool:
        return is_float(_model(source))

    def convert(
        self, source: Source, calibration: Request | None, options: ConvertOptions
    ) -> Converted | AlreadyQuantized:
        model = _model(source)
        if not is_float(model):
            return take(model, source.path, calibration, options)
        assert calibration is not None
        return convert_model(model, source.path, calibration, options)

    def read(self, source: Source) -> TfliteModel:
        return _model(source)


FRONTEND = _CArray()


def _parts(path: Path) -> tuple[Path, str]:
    """Return the file and the array of FILE:ARRAY; the array is "" if none is named."""
    file, _, array = str(path).rpartition(":")
    return (Path(file), array) if file and array.isidentifier() and not path.exists() else (path, "")


@lru_cache(maxsize=1)  # what decides on the calibration data and what converts read it once
def _model(source: Source) -> TfliteModel:
    """Return the model in a file's array; FILE:ARRAY names one of several.

    Raises:
        InputError: the file has no such array, or several models, or the array is not a valid .tflite.
    """
    from ..tflite import parse

    path, name = _parts(source.path)
    arrays: dict[str, list[bytes]] = defaultdict(list)
    for array, data in byte_arrays(_text(path)):
        arrays[array].append(data)
    chosen = name or _only_model(path, arrays)
    if chosen not in arrays:
        raise InputError(f"{path}: no array of bytes is named '{chosen}'", nearest(chosen, arrays, _listed(arrays)))
    if len(arrays[chosen]) > 1:
        raise InputError(
            f"{path}: has {len(arrays[chosen])} arrays named '{chosen}'", "keep only one of them in the file"
        )
    return parse(arrays[chosen][0], source.path.stem, f"{path}:{chosen}")


def _only_model(path: Path, arrays: dict[str, list[bytes]]) -> str:
    from ..tflite.schema import FILE_IDENTIFIER

    models = [name for name, definitions in arrays.items() if any(data[4:8] == FILE_IDENTIFIER for data in definitions)]
    if not models:
        raise InputError(f"{path}: none of its arrays is a .tflite", _listed(arrays))
    if len(models) > 1:
        raise InputError(f"{path}: has the models {', '.join(models)}", f"choose one: {path}:{models[0]}")
    return models[0]


def _listed(arrays: dict[str, list[bytes]]) -> str:
    shown = ", ".join([*list(arrays)[:5], *(["..."] if len(arrays) > 5 else [])])
    return f"its arrays of bytes: {shown}" if shown else "it has no array of bytes: NAME[] = {0x1c, 0x00, ...}"


def _text(path: Path) -> str:
    try:
        return read_file(path, MAX_FILE_BYTES).decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError(
                f"{path}: too large for a C array of a model for a microcontroller", "use the .tflite"
            ) from None
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None
