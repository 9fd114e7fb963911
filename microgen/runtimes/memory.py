"""Where the memory of a model lies while each of its operators runs, whatever runtime laid it out."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ALIGNMENT = 16  # of every buffer and of the arena, in bytes


def align(size: int, to: int = ALIGNMENT) -> int:
    """Round a number of bytes up."""
    return -(-size // to) * to


@dataclass(frozen=True)
class Buffer:
    """Memory that lives for some operators only.

    Attributes:
        name: the tensor's name, or the operator that asked for scratch memory.
        kind: "tensor", or "scratch" for what a kernel asks for while it runs.
        subgraph, index: the tensor, or the operator whose scratch it is.
        bytes: what was asked for; `size` is the same rounded up to `alignment`.
        first, last: the scopes in which it lives, both included.
        offset: where it lies in the arena.
        fixed: where the model's file says that it lies; -1 where the planner chooses.
        alignment: of its place and size, in bytes.
    """

    name: str
    kind: str
    subgraph: int
    index: int
    bytes: int
    first: int
    last: int
    offset: int = 0
    fixed: int = -1
    alignment: int = ALIGNMENT

    @property
    def size(self) -> int:
        """Bytes in the arena."""
        return align(self.bytes, self.alignment)


@dataclass(frozen=True)
class MemoryLayout:
    """The buffers of a model that share memory.

    Attributes:
        buffers: each with its place.
        scopes: the operator, as (subgraph, operator), of each scope of the lifetimes; None where a subgraph begins.
        peak: the operator during which the memory is full, as (subgraph, operator).
    """

    buffers: tuple[Buffer, ...]
    scopes: tuple[tuple[int, int] | None, ...]
    peak: tuple[int, int]

    def live(self, subgraph: int, operator: int) -> tuple[Buffer, ...]:
        """Return the buffers that are alive while an operator runs."""
        scopes = self._scopes_of.get((subgraph, operator), [])
        return tuple(b for b in self.buffers if any(b.first <= scope <= b.last for scope in scopes))

    def top(self, subgraph: int, operator: int) -> int:
        """Return how far the memory is used while an operator runs, in bytes."""
        return max((self._tops[scope] for scope in self._scopes_of.get((subgraph, operator), [])), default=0)

    def scratch(self, subgraph: int, operator: int) -> int:
        """Return how many bytes of scratch memory are alive while an operator runs."""
        return max((self._scratch[scope] for scope in self._scopes_of.get((subgraph, operator), [])), default=0)

    @functools.cached_property
    def _scopes_of(self) -> dict[tuple[int, int], list[int]]:
        found: dict[tuple[int, int], list[int]] = {}
        for scope, operator in enumerate(self.scopes):
            if operator is not None:
                found.setdefault(operator, []).append(scope)
        return found

    @functools.cached_property
    def _tops(self) -> list[int]:
        return tops(self.buffers, len(self.scopes))

    @functools.cached_property
    def _scratch(self) -> list[int]:
        return totals([b for b in self.buffers if b.kind == "scratch"], len(self.scopes))


def tops(buffers: Sequence[Buffer], scopes: int) -> list[int]:
    """Return for each of so many scopes how far the memory is used, in bytes."""
    result = np.zeros(scopes, np.int64)
    for b in buffers:
        alive = result[max(b.first, 0) : b.last + 1]
        np.maximum(alive, b.offset + b.size, out=alive)
    return [int(top) for top in result]


def totals(buffers: Sequence[Buffer], scopes: int) -> list[int]:
    """Return for each of so many scopes how many bytes are alive."""
    changes = [0] * (scopes + 1)
    for b in buffers:
        if 0 <= b.last < scopes:  # what nothing uses lives in no scope
            changes[max(b.first, 0)] += b.size
            changes[b.last + 1] -= b.size
    return list(itertools.accumulate(changes[:-1]))
