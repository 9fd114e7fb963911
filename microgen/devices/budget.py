"""Limits the time and bytes of one command to a firmware."""

from __future__ import annotations

import time

# A UART at 9,600 baud, the slowest that is in use, less what the firmware takes to answer.
_BYTES_PER_S = 900
# What the firmware's owner may print while a command is under way, and the longest line of it.
_OWN_BYTES = 2**22
_OWN_LINE = 2**16
_RETRIES = 4


class Budget:
    """Time and bytes of one command, all its retries together.

    Attributes:
        seconds: the time from its beginning.
        bytes: how many may still come.
        longest_line: how many bytes a line may have.
    """

    def __init__(self, seconds: float, expected_bytes: int) -> None:
        """Begin to count.

        Args:
            seconds: what a command of a few bytes may take.
            expected_bytes: what goes over the line for this one, both ways.
        """
        self.seconds = seconds + _RETRIES * expected_bytes / _BYTES_PER_S
        self.bytes = _OWN_BYTES + _RETRIES * expected_bytes
        self.longest_line = _OWN_LINE + expected_bytes
        self._end = time.monotonic() + self.seconds

    @property
    def has_passed(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self._end
