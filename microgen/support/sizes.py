"""Numbers of bytes as users write them: 65536, 64K, 1M."""

from __future__ import annotations

import re

EXAMPLES = "65536, 64K or 1M"
_UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}


class Bytes(int):
    """A number of bytes that errors show as it was written.

    Attributes:
        written: the text that it was read from.
    """

    written: str


def number_of_bytes(text: str) -> int:
    """Read a number of bytes, as `Bytes`; K and M, or KB and MB, are powers of 1,024.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"([0-9]+)([KM]?)B?", text.strip().upper())
    if match is None:
        raise ValueError(f"{text}: not a number of bytes")
    number = Bytes(int(match[1]) * _UNITS[match[2]])
    number.written = text.strip()
    return number
