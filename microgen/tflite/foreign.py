"""Sound .tflite files of other tools, which no TFLM of a board runs: named as what they are."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import InputError

# By how the code of a custom operator begins.
_TOOLS = {
    "ethos-u": (
        "was compiled by Vela for an Ethos-U, an accelerator that no board here has",
        "give the model that Vela was given",
    ),
    "XC_": ("was compiled by XMOS's optimiser for an xcore processor", "give the model that it was given"),
}


def check_origin(source: str, custom_codes: Iterable[str]) -> None:
    """Refuse a file that another tool made for a target of its own.

    Args:
        source: what to call the file.
        custom_codes: the codes of its custom operators.

    Raises:
        InputError: it names the tool.
    """
    for code in custom_codes:
        for start, (what, hint) in _TOOLS.items():
            if code.startswith(start):
                raise InputError(f"{source}: this model {what} (operator {code})", hint, operator=code)
