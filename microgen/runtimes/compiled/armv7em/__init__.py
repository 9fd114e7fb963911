"""Code for CPUs with the DSP extension of Armv7E-M: Cortex-M4, M7, and M33 with it.

Which layers run on which kernel, what of it is unrolled, and which convolutions go by Winograd's algorithm, whose
weights are 3.6 times as large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .. import costs
from ..coding import Blocks, Coding, Indexed, Nibbles, Pairs
from ..pack import dense_beside_convs
from ..pack.matrix import rows_as_conv
from ..path import Code, Options, Program
from ..requantize import Uniform
from ..steps import Conv, Depthwise, FullyConnected, Pool, Sum
from ..values import Int64, Requantization
from . import constants, layers, streams
from .constants import Constants

__all__ = ["Armv7emPath"]

# What weights may grow by, in bytes, where nothing is asked for.
_EXTRA: Mapping[str, float] = {"speed": math.inf, "balanced": 15 * 1024, "size": 0}
# winograd_input.S reaches four positions of 16 bytes per four channels by an immediate.
_MOST_WINOGRAD_FOURS = 20
_MOST_COLUMNS = 170
# Shapes have 16 bits with a sign in the parameters of the kernels.
_MOST = 2**15 - 1


_Layer = Conv | Depthwise | FullyConnected


class Armv7emPath:
    """The layers with most multiplications on DSP instructions."""

    name = "armv7em"
    costs = costs.ARMV7EM

    def codes(self, program: Program, options: Options) -> Mapping[int, Code]:
        """Return the code of convolutions and fully connected layers, int8."""
        return _Plan(program, options).codes()


class _Plan:
    def __init__(self, program: Program, options: Options) -> None:
        self._options = options
        self._convs: dict[int, Conv] = {}
        self._coded: dict[int, Conv] = {}
        self._dense: dict[int, FullyConnected] = {}
        self._nibbles: dict[int, FullyConnected] = {}
        self._pairs: dict[int, FullyConnected] = {}
        self._depthwise: dict[int, Depthwise] = {}
        for step in program.steps:
            if isinstance(step, _Layer) and _is_int8(step):
                self._take(step)
        self._sums = [s for s in program.steps if isinstance(s, Sum) and s.loops.is_flat]
        self._pools = [s for s in program.steps if isinstance(s, Pool) and _is_pool(s)]
        taken: list[_Layer] = [
            *self._convs.values(),
            *self._coded.values(),
            *self._dense.values(),
            *self._depthwise.values(),
        ]
        self._macs = {s.index: _macs(s) for s in taken}

    def _take(self, step: _Layer) -> None:
        if isinstance(step, Conv | FullyConnected) and step.coding is not None:
            self._take_coded(step, step.coding)
            return
        if isinstance(step, Depthwise) and step.input.shape[-1] == 1:
            step = layers.as_conv(step)
        elif isinstance(step, FullyConnected) and step.batches > 1:
            step = rows_as_conv(step)
        if isinstance(step, Conv):
            if step.groups == 1 and 0 < step.filter[0].size <= _MOST and _fits(step.filter):
                self._convs[step.index] = step
        elif isinstance(step, FullyConnected):
            if step.filter.size and _fits(step.filter):
                self._dense[step.index] = step
        elif _is_small(step) and layers.depthwise_plane(step)[1] <= _MOST_COLUMNS:
            self._depthwise[step.index] = step

    def _take_coded(self, step: Conv | FullyConnected, coding: Coding) -> None:
        if isinstance(coding, Nibbles):
            step = replace(step, bias=coding.bias(step.bias))
            if isinstance(step, FullyConnected):
                self._nibbles[step.index] = step
                return
        elif isinstance(coding, Pairs):
            if isinstance(step, FullyConnected):
                self._pairs[step.index] = step
                return
        elif not isinstance(coding, Indexed | Blocks) or not _fits(step.filter):
            return
        if isinstance(step, Conv):
            self._coded[step.index] = step

    def codes(self) -> Mapping[int, Code]:
        codes = self._winograd()
        convs = {k: s for k, s in self._convs.items() if k not in codes}
        cheap: dict[int, Constants] = {}
        for kind in (Nibbles, Pairs, Blocks):  # these have kernels of their own
            cheap |= self._constants({k: s for k, s in self._coded.items() if isinstance(s.coding, kind)})
        cheap |= self._constants({**convs, **{k: s for k, s in self._coded.items() if isinstance(s.coding, Indexed)}})
        coded = {k: self._without_dead(s, cheap.pop(k)) for k, s in self._coded.items() if k in cheap}
        unroll = self._unroll({**convs, **self._coded}, 16 if self._options.optimize == "speed" else 8, 4)
        if self._is_dense_beside(convs, cheap):
            alike = {k: rows_as_conv(s) for k, s in self._dense.items()}
            cheap |= constants.each(_requantizations(alike))
            convs |= alike
            self._dense = {k: s for k, s in self._dense.items() if k not in cheap}
        for k, c in cheap.items():
            codes[k] = layers.conv(convs[k], c, unroll)
        for k, common in coded.items():
            if common is not None:
                codes[k] = self._coded_conv(self._coded[k], common, unroll)
        codes |= self._dense_codes()
        codes |= {k: layers.dense_nibbles(s) for k, s in self._nibbles.items()}
        codes |= {k: layers.dense_pairs(s) for k, s in self._pairs.items()}
        for k, c in self._constants(self._depthwise).items():
            depthwise = self._depthwise[k]
            unroll = _divisor(depthwise.output.shape[2] // 2, self._unroll({k: depthwise}, 4, 1))
            codes[k] = layers.depthwise(depthwise, c, unroll, self._unroll({k: depthwise}, 25, 1))
        for pool in self._pools:
            codes[pool.index] = layers.mean(pool) if _is_mean(pool) else layers.pool(pool)
        for step in self._sums:
            if code := layers.sum_(step, 2 if self._options.optimize == "size" else 8):
                codes[step.index] = code
        return codes

    @staticmethod
    def _coded_conv(step: Conv, c: Constants, unroll: int) -> Code:
        if isinstance(step.coding, Nibbles):
            return layers.conv_nibbles(step, c, unroll)
        if isinstance(step.coding, Pairs):
            return layers.conv_pairs(step, c, unroll)
        return layers.conv_blocks(step, c) if isinstance(step.coding, Blocks) else layers.conv_indexed(step, c, unroll)

    @staticmethod
    def _without_dead(step: Conv, c: Constants) -> Constants | None:
        """Return constants that work with the weights of all channels: books hold those of constant ones, too."""
        if not isinstance(c, Uniform) or not c.constant.any():
            return c
        return constants.each(_requantizations({0: step})).get(0)

    def _is_dense_beside(self, convs: Mapping[int, Conv], cheap: Mapping[int, Constants]) -> bool:
        """Tell whether a kernel of convolutions that is there already does for fully connected layers, too."""
        if self._options.optimize == "speed" or all(layers.immediate(c) for c in cheap.values()):
            return False
        return dense_beside_convs(list(convs.values()), list(self._dense.values()))

    def _constants(self, steps: Mapping[int, _Layer]) -> dict[int, Constants]:
        """Return constants for layers of one kind; for size, so that one kernel has them all."""
        found = constants.shared(_requantizations(steps))
        if self._options.optimize == "size" and len({layers.immediate(c) for c in found.values()}) > 1:
            return constants.each(_requantizations(steps))
        return found

    def _dense_codes(self) -> dict[int, Code]:
        """One kernel for all fully connected layers: it costs few instructions, and the bytes count."""
        steps = sum(-(-s.filter.shape[1] // 8) for s in self._dense.values())
        unroll = min(self._unroll(self._dense, 8, 1), _power(max(1, steps // max(4 * len(self._dense), 1))))
        cheap = self._constants(self._dense)
        shifts = {layers.immediate(c) for c in cheap.values()}
        if len(shifts - {0}) > 1:
            cheap, shifts = constants.each(_requantizations(self._dense)), {0}
        shift = max(shifts, default=0)
        kernel = layers.dot_kernel(shift, unroll, shift > 0 and 0 in shifts, self._is_widened(cheap))
        return {
            k: layers.dense(step, cheap[k], kernel) if k in cheap else layers.wide_dense(step, unroll)
            for k, step in self._dense.items()
        }

    def _is_widened(self, cheap: Mapping[int, Constants]) -> bool:
        """Tell whether rows are widened once, rather than by each four channels as they are read."""
        fours = {k: -(-self._dense[k].filter.shape[1] // 4) for k in cheap}
        as_read = sum(2 * n * -(-len(self._dense[k].filter) // 4) for k, n in fours.items())
        return bool(as_read > sum(2.5 * n + 10 for n in fours.values()))

    def _winograd(self) -> dict[int, Code]:
        """Spend the bytes that weights may grow by where they save most."""
        given = self._options.extra_weight_bytes
        left = _EXTRA[self._options.optimize] if given is None else given
        codes: dict[int, Code] = {}
        able = [s for s in self._convs.values() if _is_winograd(s)]
        for step in sorted(able, key=lambda s: -_saved(s) / _growth(s)):
            if _growth(step) > left or _saved(step) <= 0:
                continue
            if c := constants.winograd(step.requantization, step.bias):
                fours = step.filter.shape[3] // 4
                positions = 1 if self._options.optimize == "size" else _power(min(4, max(1, 16 // fours)))
                codes[step.index] = layers.winograd(step, c, positions)
                left -= _growth(step)
        return codes

    def _unroll(self, steps: Mapping[int, _Layer], most: int, least: int) -> int:
        """Return how much of a kernel is written out, by the share of multiplications that it has in the model."""
        share = sum(self._macs[k] for k in steps) / max(sum(self._macs.values()), 1)
        if self._options.optimize == "size" or (self._options.optimize == "balanced" and share < 1 / 40):
            return least
        return most


def _requantizations(steps: Mapping[int, _Layer]) -> dict[int, tuple[Requantization, Int64]]:
    return {k: (s.requantization, s.bias) for k, s in steps.items()}


def _is_int8(step: _Layer) -> bool:
    small = all(d <= _MOST for d in (*step.input.shape, *step.output.shape, *step.filter.shape))
    int8 = step.input.dtype == "int8" and step.output.dtype == "int8"
    return int8 and small and step.output.elements > 0 and step.input.data is None


def _fits(w: np.ndarray) -> bool:
    return streams.fits_pairs(w.astype(np.int64).reshape(len(w), -1))


def _is_small(step: Depthwise) -> bool:
    """Tell whether depthwise.inc has the shape: up to 3x3, columns next to each other or every second."""
    kh, kw, _ = step.filter.shape
    return kh <= 3 and kw <= 3 and step.dilations == (1, 1) and step.strides[1] <= 2 and step.strides[0] <= 64


def _is_pool(step: Pool) -> bool:
    """Tell whether pool.S has the shape: channels in fours, sums of halfwords."""
    size = step.kernel[0] * step.kernel[1]
    return step.input.shape[-1] % 4 == 0 and (step.kind == "max" or size <= 255)


def _is_mean(step: Pool) -> bool:
    """Tell whether one window is all of the image."""
    whole = (1, *step.kernel) == step.input.shape[:3] and step.output.elements == step.input.shape[-1]
    return step.kind == "average" and whole and step.padding == (0, 0)


def _is_winograd(step: Conv) -> bool:
    co, kh, kw, ci = step.filter.shape
    n, oh, ow, _ = step.output.shape
    alike = (kh, kw, *step.strides, *step.dilations, n, co % 2, ci % 4) == (3, 3, 1, 1, 1, 1, 1, 0, 0)
    return alike and ci // 4 <= _MOST_WINOGRAD_FOURS and min(oh, ow) >= 2


def _macs(step: _Layer) -> int:
    if isinstance(step, FullyConnected):
        return int(step.filter.size)
    _, oh, ow, _ = step.output.shape
    return int(step.filter.size * oh * ow)


def _growth(step: Conv) -> int:
    """Return by how many bytes weights grow."""
    co, _, _, ci = step.filter.shape
    return int(co * ci * (32 - 9))


def _saved(step: Conv) -> float:
    """Return about how many instructions Winograd's algorithm saves, by what the .inc files say."""
    co, _, _, ci = step.filter.shape
    _, oh, ow, _ = step.output.shape
    direct = oh * ow / 3 * co / 2 * (17 * 9 * ci / 4 + 38)
    tiles = -(-oh // 2) * -(-ow // 4)
    return float(direct - tiles * (co / 2 * (16 * (10 * ci / 4 + 4) + 206) + 80 * ci))


def _divisor(n: int, most: int) -> int:
    """Return the largest divisor of n that is at most `most`; 1 for 0."""
    return max((d for d in range(1, most + 1) if n and n % d == 0), default=1)


def _power(n: int) -> int:
    """Return the largest power of two up to n."""
    return 1 << (n.bit_length() - 1)
