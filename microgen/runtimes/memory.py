"""Where the memory of a model lies while each of its operators runs, whatever runtime laid it out."""

from __future__ import annotations

from dataclasses import dataclass

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
        scopes = [i for i, scope in enumerate(self.scopes) if scope == (subgraph, operator)]
        return tuple(b for b in self.buffers if any(b.first <= scope <= b.last for scope in scopes))

    def top(self, subgraph: int, operator: int) -> int:
        """Return how far the memory is used while an operator runs, in bytes."""
        return max((b.offset + b.size for b in self.live(subgraph, operator)), default=0)
