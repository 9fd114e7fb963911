"""How the weights of each layer are stored: dense, as runs, as indices; by bytes, instructions and RAM.

A layer's weights are stored in another form than dense where that saves bytes, and where the model keeps to what
`Options.optimize` allows: the instructions that decoding adds, and 512 bytes of RAM. What saves most for each
instruction comes first; a form whose kernel takes more flash than it saves is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from . import coding, memory
from .coding import Coding, Indexed, Nibbles, Pairs
from .costs import Costs, is_winograd
from .memory import Layout
from .path import Code, Options, Program
from .steps import Conv, FullyConnected, Step
from .values import Int8

# What a model may need more than with dense weights.
EXTRA_RAM = 512
_GROWTH: Mapping[str, float] = {"speed": 0.02, "balanced": 0.10, "size": float("inf")}
# A byte is worth no more.
_MOST_INSTRUCTIONS = 250
# About what a kernel takes, and the least that is worth one. In fully connected layers the dense kernel leaves instead.
_KERNEL_BYTES: Mapping[tuple[type, type], int] = {
    (Conv, Nibbles): 1_500,
    (FullyConnected, Nibbles): 250,
    (FullyConnected, Pairs): 350,
}
_USUAL_KERNEL_BYTES = 700
_Layer = Conv | FullyConnected


@dataclass(frozen=True, eq=False)
class _Choice:
    """A form for a layer, against dense: bytes that it saves, instructions that it adds."""

    step: _Layer
    coded: Coding
    saved: int
    added: float

    @property
    def kernel(self) -> tuple[type, type]:
        return type(self.step), type(self.coded)


def choose(
    program: Program, codes: Mapping[int, Code], layout: Layout, costs: Costs, options: Options
) -> dict[int, Coding]:
    """Return how the weights of layers are stored that are not dense, by `Step.index`.

    Args:
        codes, layout: of the program with all weights dense.
    """
    layers = _able(program.steps)
    if not layers or options.storage == "dense":
        return {}
    if options.storage == "coded":
        return _everywhere(layers, costs)
    alive = memory.alive(program, codes)
    spare = layout.bytes + layout.state_bytes + EXTRA_RAM
    total = 0.0
    choices: list[_Choice] = []
    for step in layers:
        code = codes[step.index]
        is_fast = is_winograd(step, _weight_bytes(code))
        dense = costs.layer(step, None, is_winograd=is_fast)
        total += dense
        for coded in _codings(step, spare - alive[step.index] - code.scratch_bytes - 8, costs):
            saved = _weight_bytes(code) - coded.bytes - 8 * len(step.filter)
            added = costs.layer(step, coded) - dense
            if saved > 0 and added < _MOST_INSTRUCTIONS * saved:
                choices.append(_Choice(step, coded, saved, added))
    return {c.step.index: c.coded for c in _worth(_greedy(choices, total * _GROWTH[options.optimize]))}


def with_codings(program: Program, chosen: Mapping[int, Coding]) -> Program:
    """Return the program with its layers stored so."""
    steps = tuple(
        replace(s, coding=chosen[s.index]) if isinstance(s, Conv | FullyConnected) and s.index in chosen else s
        for s in program.steps
    )
    return replace(program, steps=steps)


def without_largest(chosen: Mapping[int, Coding], program: Program, codes: Mapping[int, Code]) -> dict[int, Coding]:
    """Return what was chosen without the layer that needs most RAM."""
    alive = memory.alive(program, codes)
    largest = max(chosen, key=lambda k: (alive[k] + codes[k].scratch_bytes, -k))
    return {k: c for k, c in chosen.items() if k != largest}


def _able(steps: Iterable[Step]) -> list[_Layer]:
    """Return the layers whose weights have other forms than dense."""
    layers = [s for s in steps if isinstance(s, Conv | FullyConnected)]
    layers = [s for s in layers if not isinstance(s, Conv) or s.groups == 1]
    return [s for s in layers if s.filter.size and s.output.elements and s.input.dtype == s.output.dtype == "int8"]


def _everywhere(layers: Sequence[_Layer], costs: Costs) -> dict[int, Coding]:
    """Return a form for each layer that has one, each in turn, with as small a buffer as there is."""
    chosen: dict[int, Coding] = {}
    for step in layers:
        found = list(_codings(step, 2**31, costs, everything=True))
        if found:
            coded = found[step.index % len(found)]
            small = isinstance(coded, Indexed) and coded.chunk > 4 and step.index % 4
            chosen[step.index] = replace(coded, chunk=4) if small and isinstance(coded, Indexed) else coded
    return chosen


def _weight_bytes(code: Code) -> int:
    return sum(c.bytes for c in code.constants)


def _codings(step: _Layer, free: int, costs: Costs, *, everything: bool = False) -> Iterator[Coding]:
    """Yield the forms that a layer's weights have; `free`: bytes of RAM that a buffer may take; everything:
    those that take more bytes, too."""
    w = _matrix(step)
    if (w == 0).mean() > 1 / 4 and (as_runs := coding.runs(w)):
        yield as_runs
    if isinstance(step, FullyConnected) and not _is_readable(step):
        return
    as_blocks = coding.blocks(w)
    if as_blocks.bytes < 0.9 * w.size or everything:
        yield as_blocks
    as_nibbles = coding.nibbles(w) if costs.nibble else None
    if as_nibbles and _fits_nibbles(step, as_nibbles):
        yield as_nibbles
    as_pairs = coding.pairs(w) if costs.pair else None
    if as_pairs and (isinstance(step, FullyConnected) or _is_shallow(step)):
        yield as_pairs
    as_indices = coding.indexed(w)
    if as_indices is None:
        return
    if isinstance(step, FullyConnected):
        yield as_indices
    elif chunk := _chunk(len(w), as_indices.fours, free):
        yield replace(as_indices, chunk=chunk)


def _fits_nibbles(step: _Layer, coded: Nibbles) -> bool:
    """Tell whether 4,096 times what the kernels add up fits int32."""
    r, bias = step.requantization, coded.bias(step.bias)
    most = max(np.abs(r.acc_low - bias).max(initial=0), np.abs(r.acc_high - bias).max(initial=0))
    return bool(most < 2**19) and (isinstance(step, FullyConnected) or _is_shallow(step))


def _is_shallow(step: Conv) -> bool:
    """Tell whether shapes fit the parameters of the kernels."""
    return max(*step.input.shape, *step.output.shape, int(step.filter[0].size)) < 2**15


def _is_readable(step: FullyConnected) -> bool:
    """Tell whether each row may be read up to whole fours: values are aligned to 8 bytes, constants are not."""
    return step.input.data is None and (step.batches == 1 or step.filter.shape[1] % 4 == 0)


def _chunk(channels: int, fours: int, free: int) -> int:
    """Return how many channels of a convolution are decoded at a time, 0 where there is no room for four."""
    each = 4 * fours + 8
    most = free // each // 4 * 4
    if channels % 2 or most < 4:
        return 0
    times = -(-channels // most)
    return (-(-channels // times) + 3) // 4 * 4 if times > 1 else channels


def _greedy(choices: Sequence[_Choice], most: float) -> list[_Choice]:
    """Return one form for each layer at most: what saves most for an instruction first."""
    taken: dict[int, _Choice] = {}
    added = 0.0
    for c in sorted(choices, key=lambda c: (-c.saved / max(c.added, 1.0), c.step.index)):
        before = taken.get(c.step.index)
        if before is not None and before.saved >= c.saved:
            continue
        more = c.added - (before.added if before else 0.0)
        worth = _MOST_INSTRUCTIONS * (c.saved - (before.saved if before else 0))
        if more <= worth and added + more <= most:
            taken[c.step.index] = c
            added += more
    return list(taken.values())


def _worth(chosen: Sequence[_Choice]) -> list[_Choice]:
    """Leave out the forms whose kernel takes what they save."""
    saved: dict[tuple[type, type], int] = {}
    for c in chosen:
        saved[c.kernel] = saved.get(c.kernel, 0) + c.saved
    return [c for c in chosen if saved[c.kernel] > _KERNEL_BYTES.get(c.kernel, _USUAL_KERNEL_BYTES)]


def _matrix(step: _Layer) -> Int8:
    """Return a layer's weights as [channels, elements]."""
    return step.filter.reshape(len(step.filter), -1)
