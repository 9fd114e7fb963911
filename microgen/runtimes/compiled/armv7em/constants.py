"""Requantization for kernels whose shift is an immediate: one shift for as many layers as can share it."""

from __future__ import annotations

from collections.abc import Mapping

from .. import requantize
from ..requantize import PerChannel, Uniform
from ..values import Int64, Requantization

Constants = Uniform | PerChannel
# A sum of winograd.inc is 64 times that of the convolution.
_WINOGRAD_PRESCALE = 6


def shared(layers: Mapping[int, tuple[Requantization, Int64]]) -> dict[int, Constants]:
    """Return constants for layers that run on one kind of kernel, few different uniform shifts among them.

    Layers with no uniform shift have one per channel; those with neither are left out.

    Args:
        layers: the requantization and the bias of each.
    """
    first = {k: requantize.uniform(*layer) for k, layer in layers.items()}
    left = {k: c.shift for k, c in first.items() if c}
    out: dict[int, Constants] = {}
    while left:
        shift = min(left.values())
        for k in [k for k, own in left.items() if own >= shift]:
            c = first[k] if left[k] == shift else requantize.uniform(*layers[k], shift)
            if c is not None:
                out[k] = c
                del left[k]
    return out | each({k: layer for k, layer in layers.items() if k not in out})


def each(layers: Mapping[int, tuple[Requantization, Int64]]) -> dict[int, Constants]:
    """Return constants with a shift per channel; layers that have none are left out."""
    found = {k: requantize.per_channel(r) for k, (r, _) in layers.items()}
    return {k: c for k, c in found.items() if c}


def winograd(r: Requantization, bias: Int64) -> Constants | None:
    """Return the constants of a convolution on winograd.inc."""
    found = requantize.uniform(r, bias, prescale=_WINOGRAD_PRESCALE)
    return found or requantize.per_channel(r, _WINOGRAD_PRESCALE)
