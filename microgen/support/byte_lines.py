"""Bytes as lines of a C initialiser, "  0x00,0x01,...", sixteen a line: written, and read back.

Models have millions of them. Each byte is looked up in a table of its two digits as one 16-bit number, and back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BYTES_PER_LINE = 16
_LINE = np.frombuffer(b"  " + b"0x00," * BYTES_PER_LINE + b"\n", np.uint8)
LINE_BYTES = _LINE.size  # of a whole line
_DIGITS = np.frombuffer("".join(f"{i:02x}" for i in range(256)).encode(), np.uint16)
# Other characters than those of digits are some value.
_VALUES = np.zeros(2**16, np.uint8)
_VALUES[_DIGITS] = np.arange(256)


def write(values: npt.NDArray[np.uint8]) -> bytes:
    """Return bytes as lines in ASCII; the last one may be shorter."""
    whole, rest = np.split(values, [len(values) // BYTES_PER_LINE * BYTES_PER_LINE])
    lines = np.tile(_LINE, (len(whole) // BYTES_PER_LINE, 1))
    _digits(lines)[:] = np.take(_DIGITS, whole.reshape(-1, BYTES_PER_LINE), mode="clip")
    last = "".join(f"0x{value:02x}," for value in rest.tolist())
    return lines.tobytes() + (f"  {last}\n".encode() if last else b"")


def read(text: bytes) -> npt.NDArray[np.uint8]:
    """Return the bytes of the whole lines that a text begins with, exactly as `write` writes them."""
    lines = np.frombuffer(text, np.uint8, len(text) // LINE_BYTES * LINE_BYTES).reshape(-1, LINE_BYTES)
    values = np.take(_VALUES, _digits(lines), mode="clip")
    written = write(values.reshape(-1))
    if text.startswith(written):
        return values.reshape(-1)
    right = (np.frombuffer(written, np.uint8).reshape(-1, LINE_BYTES) == lines).all(axis=1)
    return values[: np.argmin(right)].reshape(-1)


def _digits(lines: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Return a view of the digits in whole lines, [lines, characters], as numbers, [lines, values]."""
    numbers = lines[:, 2:-1].reshape(len(lines), BYTES_PER_LINE, 5)
    return numbers[:, :, 2:4].view(np.uint16)[:, :, 0]
