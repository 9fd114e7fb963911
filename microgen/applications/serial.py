"""The serial commands: a computer asks, the firmware answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How the serial commands behave.

    Attributes:
        uint8_pixels: whether as many bytes as an int8 input has are uint8 pixels, of which 128 is taken.
        reconstruction_error: whether `results` is the mean squared error of the first output against the input.
        selftest_at_boot: whether the golden vectors run when the board starts.
    """

    uint8_pixels: bool = False
    reconstruction_error: bool = False
    selftest_at_boot: bool = False


DEFAULT_OPTIONS = Options()
