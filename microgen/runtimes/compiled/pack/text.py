"""C text of parameter structures."""

from __future__ import annotations

from collections.abc import Mapping

from ....errors import InputError

_LIMIT = 65535
# Fields that have 16 bits in the structures of the kernels.
_NARROW = frozenset({
    "batches", "groups", "channels", "rows", "columns", "in_h", "in_w", "in_c", "out_h", "out_w", "out_c",
    "kernel_h", "kernel_w", "stride_h", "stride_w", "dilation_h", "dilation_w", "pad_h", "pad_w", "pixel",
    "scratch", "chunk", "fours",
})  # fmt: skip


def struct(ctype: str, name: str, fields: Mapping[str, int | str]) -> str:
    """Return the definition of a constant structure; fields are numbers or C text.

    Raises:
        InputError: a number does not fit the 16 bits that shapes have.
    """
    return f"static const {ctype} {name} = {{{_inner(name, fields)}}};"


def fields(values: Mapping[str, int | str]) -> str:
    """Return the inner text of a structure that is part of another."""
    return _inner("a structure", values)


def _inner(name: str, fields: Mapping[str, int | str]) -> str:
    for field, value in fields.items():
        if isinstance(value, int) and abs(value) > _LIMIT and field in _NARROW:
            raise InputError(f"{name}: {field} is {value}, which does not fit 16 bits", "use the tflm runtime")
    return ", ".join(f".{field} = {value}" for field, value in fields.items())
