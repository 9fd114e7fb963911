"""Makes an input that both interpreters answer differently as plain as possible. The job runs in a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass

from . import litert, tflm
from .difference import largest
from .samples import Array, Samples, sample_of


@dataclass(frozen=True)
class ShrinkRequest:
    """An operator, and an input on which the interpreters differ.

    Attributes:
        model: the operator alone, as a .tflite.
        inputs: one array per input, with one sample.
        zero_points: one per input.
        bound_lsb: the difference must stay beyond this.
        kernels: the OpResolverType with which LiteRT runs it.
        arena_bytes: an arena for TFLM.
        seconds: when to stop.
    """

    model: bytes
    inputs: Samples
    zero_points: tuple[int, ...]
    bound_lsb: float
    kernels: str
    arena_bytes: int
    seconds: float


@dataclass(frozen=True)
class ShrinkReply:
    """The plain input.

    Attributes:
        inputs: one array per input, without a number of samples.
        tflm, litert: one array per output, the answers of both.
        changed: how many elements are not at their zero point.
    """

    inputs: Samples
    tflm: Samples
    litert: Samples
    changed: int


def shrink(request: ShrinkRequest) -> ShrinkReply:
    """Set elements to the zero point of their input, as long as the difference stays beyond the bound.

    It is tried for ever smaller groups of elements (delta debugging, Zeller and Hildebrandt 2002).
    """
    interpreters = (
        tflm.Interpreter(request.model, request.arena_bytes),
        litert.Interpreter(request.model, request.kernels),
    )
    inputs = [array.copy() for array in sample_of(request.inputs, 0)]

    def answers() -> tuple[list[Array], list[Array]]:
        ours, theirs = (interpreter.infer(inputs) for interpreter in interpreters)
        return ours, theirs

    def is_beyond() -> bool:
        return any(largest(a, b) > request.bound_lsb for a, b in zip(*answers(), strict=True))

    stop = time.monotonic() + request.seconds
    for array, zero in zip(inputs, request.zero_points, strict=True):
        flat = array.reshape(-1)
        if flat.dtype.kind not in "iuf":
            continue
        group = flat.size
        while group and time.monotonic() < stop:
            for start in range(0, flat.size, group):
                before = flat[start : start + group].copy()
                if (before != zero).any() and time.monotonic() < stop:
                    flat[start : start + group] = zero
                    if not is_beyond():
                        flat[start : start + group] = before
            group //= 2
    changed = sum(int((a != z).sum()) for a, z in zip(inputs, request.zero_points, strict=True))
    ours, theirs = answers()
    return ShrinkReply(tuple(inputs), tuple(ours), tuple(theirs), changed)
