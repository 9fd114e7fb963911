"""What generated code is to be good at: the options that a user asked for, or the fastest that a budget allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from ...errors import InputError, nearest
from ..runtime import CodeOptions, Optimize
from . import size
from .compiler import CompiledModel
from .path import Options

_DEFAULT: Optimize = "balanced"
# From the fastest to the smallest.
_ORDER: tuple[Optimize, ...] = get_args(Optimize)


def choose(wanted: CodeOptions, compiled: Callable[[Options], CompiledModel]) -> Options:
    """Return how a model is compiled.

    Without a budget, that is what was asked for. With one, it is the fastest from there on (from "speed" on where
    nothing else was asked for) whose weights and code take no more: code is counted with the error of its estimate.

    Args:
        wanted: what the user asked for.
        compiled: compiles the model.

    Raises:
        InputError: there is no such option, or the smallest code takes more than the budget.
    """
    if wanted.optimize is not None and wanted.optimize not in _ORDER:
        raise InputError(
            "not a goal of the compiled runtime",
            nearest(wanted.optimize, _ORDER, f"one of {', '.join(_ORDER)}"),
            option="optimize",
            value=wanted.optimize,
        )
    if wanted.flash_budget is None:
        return Options(wanted.optimize or _DEFAULT)
    smallest = flash_bytes(compiled(Options("size")))
    if smallest > wanted.flash_budget:
        raise InputError(
            f"the model needs up to {smallest:,} bytes of flash when compiled for size",
            "raise the limit, or use a smaller model",
            option="flash_budget",
            value=wanted.flash_budget,
        )
    candidates = _candidates(wanted.optimize, wanted.flash_budget - smallest)
    return next(c for c in candidates if flash_bytes(compiled(c)) <= wanted.flash_budget)


def flash_bytes(compiled: CompiledModel) -> int:
    """Return an upper bound of what weights, kernels and their calls take, in bytes."""
    kernels = size.kernels_part([compiled])
    return compiled.weights_bytes + kernels.bytes + kernels.error_bytes


def _candidates(first: Optimize | None, spare: int) -> Iterator[Options]:
    """Yield options from the fastest to the smallest; `spare` is what weights may grow by at most."""
    for optimize in _ORDER[_ORDER.index(first) if first else 0 :]:
        if optimize != "size":
            yield Options(optimize)
            yield Options(optimize, spare)
            yield Options(optimize, spare // 2)
    yield Options("size")
