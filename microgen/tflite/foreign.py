"""Recognises valid .tflite files that other tools made for their own targets and that no TFLM runs."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InputError

# By the prefix of a custom operator's code.
_TOOLS = {
    "ethos-u": (
        "was compiled by Vela for an Ethos-U, an accelerator that none of these boards has",
        "use the model before Vela",
    ),
    "XC_": ("was compiled by XMOS's optimiser for an xcore processor", "use the model before that compilation"),
}


def check_origin(source: str, custom_codes: Iterable[str]) -> None:
    """Reject a file that another tool made for its own target.

    Args:
        source: the file's name for messages.
        custom_codes: the codes of its custom operators.

    Raises:
        InputError: it names the tool.
    """
    for code in custom_codes:
        for start, (what, hint) in _TOOLS.items():
            if code.startswith(start):
                raise InputError(f"{source}: this model {what} (operator {code})", hint, operator=code)
