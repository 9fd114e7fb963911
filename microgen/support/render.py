"""Renders a deployment into the files of a project: templates/ for what varies, firmware/ as it is."""

from __future__ import annotations

import functools
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from . import byte_lines, resources
from .cache import Cache, cache_folder, digest

_BYTES_AT_ONCE = byte_lines.BYTES_PER_LINE * 2**14
# Stands in a rendered text for an array of bytes that is written there afterwards.
_BLOB = "\0bytes {}\0"


def _blob(context: Any, data: bytes) -> str:  # noqa: ANN401 - of jinja2
    context["blobs"].append(data)
    return _BLOB.format(len(context["blobs"]) - 1)


def _with_blobs(text: str, blobs: Sequence[bytes]) -> bytes:
    """Return a rendered text with its arrays, in memory for one copy of them."""
    out = io.BytesIO()
    for i, part in enumerate(re.split("\0bytes (\\d+)\0", text)):
        if i % 2 == 0:
            out.write(part.encode())
            continue
        values = np.frombuffer(blobs[int(part)], np.uint8)
        for start in range(0, len(values), _BYTES_AT_ONCE):
            out.write(byte_lines.write(values[start : start + _BYTES_AT_ONCE]))
    return out.getvalue()


def c_string(text: str) -> str:
    """Return a C string literal with the UTF-8 bytes of `text`.

    Whatever is not plain printable ASCII, and what could end the literal, start an escape or a trigraph, is
    written as a three-digit octal escape, which cannot swallow the character behind it.
    """
    special = b'"\\?'
    body = "".join(chr(b) if 32 <= b < 127 and b not in special else f"\\{b:03o}" for b in text.encode("utf-8"))
    return f'"{body}"'


def c_identifier(model: str) -> str:
    """Return what a model of this name is called in C, where a firmware has several.

    It is neither a keyword, nor a macro of a board's headers, nor the name of a file of the firmware.
    """
    text = re.sub(r"[^a-z0-9]", "_", model.lower())
    return f"{'m' if text[:1].isdigit() else ''}{text}_model"


def c_float(value: float) -> str:
    """Return a C++17 float literal with exactly this float32 value."""
    return f"{float(np.float32(value)).hex()}f"


def c_comment(text: str) -> str:
    """Return text that cannot end or continue a `//` comment, not even by a trigraph."""
    return "".join(c if c.isprintable() and c.isascii() and c not in "\\?" else "." for c in text)


def ini_value(text: object) -> str:
    """Return text for one value of platformio.ini, on one line.

    Raises:
        InputError: it holds what starts a comment there and cannot be escaped.
    """
    folded = " ".join(str(text).split())
    if re.search(r"(^|\s)[;#]", folded):
        raise InputError(f"'{folded}' cannot be written into platformio.ini", "remove ; and # after a space")
    # PlatformIO reads the file with Python's configparser, which interpolates %.
    return folded.replace("%", "%%")


def cmake_string(text: object) -> str:
    """Return a quoted argument of CMake with this text, on one line."""
    return '"' + re.sub(r'(["\\$])', r"\\\1", " ".join(str(text).split())) + '"'


def properties_value(text: object) -> str:
    """Return a value of Arduino's library.properties: UTF-8 on one line, in which nothing needs to be escaped."""
    return " ".join(str(text).split())


def yaml_string(text: object) -> str:
    """Return a double-quoted scalar of YAML with this text, on one line."""
    folded = " ".join(str(text).split())
    escaped = (f"\\{c}" if c in '"\\' else c if c.isprintable() else f"\\U{ord(c):08x}" for c in folded)
    return f'"{"".join(escaped)}"'


def python_string(text: str) -> str:
    """Return a Python string literal."""
    return json.dumps(text)


def markdown(text: str) -> str:
    """Return text on one line, with the characters that Markdown or HTML would act on there escaped."""
    folded = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]#|])", r"\\\1", folded)


def number(value: int) -> str:
    """Return a whole number with commas between its thousands."""
    return f"{value:,}"


def _template_cache() -> Any:  # noqa: ANN401 - of jinja2
    """Return a cache of compiled templates: to compile those of one project takes 50 ms."""
    from jinja2 import BytecodeCache, __version__
    from jinja2.bccache import Bucket

    cache = Cache(cache_folder("templates"))
    # A template is compiled with the environment below and, where they are applied to constants, with its filters.
    circumstances = digest(__version__, sys.version, Path(__file__).read_bytes())

    class Templates(BytecodeCache):
        def load_bytecode(self, bucket: Bucket) -> None:
            if (data := cache.load(digest(circumstances, bucket.key, bucket.checksum))) is not None:
                bucket.bytecode_from_string(data)

        def dump_bytecode(self, bucket: Bucket) -> None:
            cache.store(digest(circumstances, bucket.key, bucket.checksum), bucket.bytecode_to_string())
            cache.prune()

    return Templates()


@functools.cache
def _environment() -> Any:  # noqa: ANN401 - jinja2 is imported only when something is rendered
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.path("templates")),
        undefined=jinja2.StrictUndefined,
        # HTML is escaped as such. C, INI and Markdown: each value passes its own filter below.
        autoescape=jinja2.select_autoescape(("html.j2",)),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.bytecode_cache = _template_cache()
    environment.filters["c_bytes"] = jinja2.pass_context(_blob)
    for filter_ in (
        c_string,
        c_float,
        c_comment,
        cmake_string,
        ini_value,
        markdown,
        properties_value,
        python_string,
        yaml_string,
        number,
    ):
        environment.filters[filter_.__name__] = filter_
    return environment


def preload(folder: str) -> None:
    """Load the templates of every project and those of a folder: it takes longer than to render them.

    To be called while something else is waited for.
    """
    environment = _environment()
    for name in environment.list_templates(["j2"]):
        if name.startswith(f"{folder}/") or ("/" not in name and not name.endswith(".html.j2")):
            environment.get_template(name)


def render(template: str, **values: object) -> bytes:
    """Render one template.

    Args:
        template: its file name in templates/.
        values: what it names; a name that is missing is an error.
    """
    blobs: list[bytes] = []
    return _with_blobs(str(_environment().get_template(template).render(**values, blobs=blobs)), blobs)
