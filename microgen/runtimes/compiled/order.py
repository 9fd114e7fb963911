"""The order of steps: convolutions run as early as they can where less memory is kept then.

The shortcut of a residual block comes after its branch in most models. Run before it, a shortcut that makes its input
smaller frees memory for the whole branch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from . import memory
from .path import Program
from .steps import Conv, Step


def early(program: Program) -> Program:
    """Return the program with its convolutions moved up where that keeps fewer bytes, and the most never more."""
    places, kept = _Places(program.steps), None
    for step in program.steps:
        if not isinstance(step, Conv) or (earliest := places.earliest(step)) == places.now(step):
            continue
        rest = [s for s in program.steps if s is not step]
        moved = replace(program, steps=(*rest[:earliest], step, *rest[earliest:]))
        kept, now = kept or _kept(program), _kept(moved)
        if max(now.values()) <= max(kept.values()) and sum(now.values()) < sum(kept.values()):
            program, kept, places = moved, now, _Places(moved.steps)
    return program


class _Places:
    """Where steps are among the others."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = {step.index: k for k, step in enumerate(steps)}
        self._made = {v.index: k for k, step in enumerate(steps) for v in step.outputs}

    def now(self, step: Step) -> int:
        """Return the place of a step."""
        return self._steps[step.index]

    def earliest(self, step: Step) -> int:
        """Return the place right after the last step that makes one of its inputs."""
        return max(self._made.get(v.index, -1) for v in step.inputs) + 1


def _kept(program: Program) -> Mapping[int, int]:
    return memory.alive(program, {})
