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


def place(buffers: Sequence[Lifetime], fixed: Sequence[int] = ()) -> list[int]:
    """Return the offset of each buffer in bytes, in the order of the buffers.

    Equal sizes are placed last one first, as TFLM does it; the result is byte for byte TFLM's.

    Args:
        buffers: what is to be placed.
        fixed: offsets that are given, -1 for none; these are placed first.
    """
    offsets = [0] * len(buffers)
    placed: list[int] = []  # by offset
    keys: list[int] = []

    def put(index: int, offset: int) -> None:
        offsets[index] = offset
        at = bisect.bisect_right(keys, offset)
        keys.insert(at, offset)
        placed.insert(at, index)

    given = {index: offset for index, offset in enumerate(fixed) if offset >= 0}
    for index, offset in given.items():
        put(index, offset)
    for index in sorted(reversed(range(len(buffers))), key=lambda i: -buffers[i].size):
        if index in given:
            continue
        wanted = buffers[index]
        candidate = 0
        for other in placed:
            there = buffers[other]
            if there.first > wanted.last or wanted.first > there.last:
                continue
            if offsets[other] - candidate >= wanted.size:
                break
            candidate = max(candidate, offsets[other] + there.size)
        put(index, candidate)
    return offsets
