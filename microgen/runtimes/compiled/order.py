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
    kept = _kept(program)
    for step in program.steps:
        if not isinstance(step, Conv):
            continue
        moved = replace(program, steps=_moved(program.steps, step))
        if moved.steps == program.steps:
            continue
        now = _kept(moved)
        if max(now.values()) <= max(kept.values()) and sum(now.values()) < sum(kept.values()):
            program, kept = moved, now
    return program


def _moved(steps: Sequence[Step], step: Conv) -> tuple[Step, ...]:
    """Return the steps with one of them right behind what it needs."""
    rest = [s for s in steps if s is not step]
    read = {v.index for v in step.inputs}
    made = [k for k, s in enumerate(rest) if any(v.index in read for v in s.outputs)]
    at = max(made, default=-1) + 1
    return (*rest[:at], step, *rest[at:])


def _kept(program: Program) -> Mapping[int, int]:
    return memory.alive(program, {})
