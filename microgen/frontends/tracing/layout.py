"""Finds the inputs and outputs of a graph that hold channels before height and width, as PyTorch and ONNX have them.

The kernels of microcontrollers have channels last. Such inputs and outputs are deployed so, which leaves no TRANSPOSE
at the ends of the model; the data is transposed for its owner (`microgen.datasets.ChannelsFirst`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class Step(Protocol):
    """A node of a graph, as far as the layout is concerned."""

    @property
    def kind(self) -> str:
        """ "elementwise", "spatial" where dimension 1 is channels, "" for others."""

    @property
    def reads(self) -> Sequence[str]:
        """What it reads that is computed or an input."""

    @property
    def writes(self) -> Sequence[str]:
        """What it writes."""


def channels_first(
    steps: Sequence[Step], inputs: Sequence[str], outputs: Sequence[str], ranks: Mapping[str, int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of the inputs and of the outputs that have channels before what is space.

    An input has where the first operator that asks for a layout, behind any that work value by value, has; an output
    has where the last one has.

    Args:
        steps: the graph.
        inputs, outputs: of it.
        ranks: the number of dimensions of inputs and outputs, with the batch, by name.
    """
    readers: dict[str, list[Step]] = {}
    writer: dict[str, Step] = {}
    for step in steps:
        for name in step.reads:
            readers.setdefault(name, []).append(step)
        for name in step.writes:
            writer[name] = step

    def forwards(name: str) -> list[tuple[Step, str]]:
        return [(step, out) for step in readers.get(name, ()) for out in step.writes]

    def backwards(name: str) -> list[tuple[Step, str]]:
        return [(writer[name], read) for read in writer[name].reads] if name in writer else []

    first = [k for k, name in enumerate(inputs) if ranks.get(name, 0) in (3, 4) and _reaches(name, forwards)]
    last = [k for k, name in enumerate(outputs) if ranks.get(name, 0) in (3, 4) and _reaches(name, backwards)]
    return tuple(first), tuple(last)


def _reaches(name: str, ahead: Callable[[str], list[tuple[Step, str]]]) -> bool:
    """Return whether an operator that has channels first comes before any other that is not elementwise."""
    waiting, seen = [name], {name}
    while waiting:
        for step, other in ahead(waiting.pop()):
            if step.kind == "spatial":
                return True
            if step.kind == "elementwise" and other not in seen:
                seen.add(other)
                waiting.append(other)
    return False
