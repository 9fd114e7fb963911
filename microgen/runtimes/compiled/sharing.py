"""Constants that several layers have, byte for byte: stored once, under the name that the first of them gives."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace

from .path import Code, Constant


def share_constants(codes: Mapping[int, Code]) -> dict[int, Code]:
    """Return the code of all steps with each array in the first that needs it only.

    Args:
        codes: by `Step.index`, in the order of the steps.
    """
    names: dict[tuple[str, int, tuple[int, ...], bytes], str] = {}
    return {index: _with_names(code, names) for index, code in codes.items()}


def _with_names(code: Code, names: dict[tuple[str, int, tuple[int, ...], bytes], str]) -> Code:
    kept: list[Constant] = []
    renamed: dict[str, str] = {}
    for c in code.constants:
        key = (f"{c.ctype} {c.values.dtype}", c.alignment, c.values.shape, hashlib.sha256(c.values.tobytes()).digest())
        name = names.setdefault(key, c.name)
        if name == c.name:
            kept.append(c)
        else:
            renamed[c.name] = name
    if not renamed:
        return code

    def text(c_text: str) -> str:
        return re.sub(r"\w+", lambda word: renamed.get(word[0], word[0]), c_text)

    return replace(
        code, call=text(code.call), constants=tuple(kept), declarations=tuple(text(d) for d in code.declarations)
    )
