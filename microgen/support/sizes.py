"""Numbers of bytes as users write them: 65536, 64K, 1M."""

from __future__ import annotations

import re

EXAMPLES = "65536, 64K or 1M"
_UNITS = {"": 1, "K": 1024, "M": 1024 * 1024}


def number_of_bytes(text: str) -> int:
    """Read a number of bytes; K and M, or KB and MB, are powers of 1,024.

    Raises:
        ValueError: it is none.
    """
    match = re.fullmatch(r"([0-9]+)([KM]?)B?", text.strip().upper())
    if match is None:
        raise ValueError(f"{text}: not a number of bytes")
    return int(match[1]) * _UNITS[match[2]]
