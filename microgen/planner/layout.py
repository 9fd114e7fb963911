"""Where each buffer lies in the arena: the same choices that TFLM's greedy planner makes.

Source: `greedy_memory_planner.cc` of TensorFlow Lite Micro. Buffers are placed from the largest to the smallest,
each at the lowest offset where it does not meet a buffer that lives at the same time.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Protocol


class Lifetime(Protocol):
    """What has a size in bytes and lives from one step of time to another, both included."""

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def first(self) -> int: ...  # noqa: D102
    @property
    def last(self) -> int: ...  # noqa: D102


def place(buffers: Sequence[Lifetime]) -> list[int]:
    """Return the offset of each buffer in bytes, in the order of the buffers.

    Equal sizes are placed last one first, as TFLM does it; the result is byte for byte TFLM's.
    """
    offsets = [0] * len(buffers)
    placed: list[int] = []  # by offset
    keys: list[int] = []
    for index in sorted(reversed(range(len(buffers))), key=lambda i: -buffers[i].size):
        wanted = buffers[index]
        candidate = 0
        for other in placed:
            there = buffers[other]
            if there.first > wanted.last or wanted.first > there.last:
                continue
            if offsets[other] - candidate >= wanted.size:
                break
            candidate = max(candidate, offsets[other] + there.size)
        offsets[index] = candidate
        at = bisect.bisect_right(keys, candidate)
        keys.insert(at, candidate)
        placed.insert(at, index)
    return offsets
