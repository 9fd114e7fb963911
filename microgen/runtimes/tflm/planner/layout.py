"""Where each buffer lies in the arena: the same choices that TFLM's greedy planner makes.

Source: `greedy_memory_planner.cc` of TensorFlow Lite Micro. Buffers are placed from the largest to the smallest,
each at the lowest offset where it does not meet a buffer that lives at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


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
    count = len(buffers)
    sizes, first, last = (np.array([getattr(b, n) for b in buffers], np.int64) for n in ("size", "first", "last"))
    offsets = np.zeros(count, np.int64)
    placed = np.zeros(count, np.intp)  # by offset
    keys = np.zeros(count, np.int64)
    done = 0

    def put(index: int, offset: int) -> None:
        nonlocal done
        offsets[index] = offset
        at = int(np.searchsorted(keys[:done], offset, "right"))
        for array, value in ((keys, offset), (placed, index)):
            array[at + 1 : done + 1] = array[at:done].copy()
            array[at] = value
        done += 1

    given = {index: offset for index, offset in enumerate(fixed) if offset >= 0}
    for index, offset in given.items():
        put(index, offset)
    for index in sorted(reversed(range(count)), key=lambda i: -buffers[i].size):
        if index in given:
            continue
        others = placed[:done]
        near = others[(first[others] <= last[index]) & (last[others] >= first[index])]
        # Where everything ends that lies at or below each of them, with 0 in front.
        ends = np.zeros(len(near) + 1, np.int64)
        np.maximum.accumulate(offsets[near] + sizes[near], out=ends[1:])
        gaps = np.flatnonzero(offsets[near] - ends[:-1] >= sizes[index])
        put(index, int(ends[gaps[0] if len(gaps) else -1]))
    return [int(offset) for offset in offsets]
