"""How a chain of compression methods is written: prune:0.8, qat."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ..errors import InputError, option
from .base import Amount, Step
from .methods import load_method

# A method by name, "prune" or "prune:0.8", or a whole Step.
StepSource: TypeAlias = "str | Step"


def read_steps(sources: Sequence[StepSource], options: Mapping[str, Any] | None = None) -> tuple[Step, ...]:
    """Read a chain of methods, and check it.

    Args:
        sources: the steps, in their order.
        options: options by name; each goes to the steps whose method has it.

    Raises:
        InputError: a method does not exist, an amount is out of its range, an option belongs to no step, or a step
            cannot follow another.
    """
    if not sources:
        raise InputError(
            "no method", f"give at least one, for example {option('methods', 'prune:0.8')}", option="methods"
        )
    given = {k: v for k, v in (options or {}).items() if v is not None}
    steps = [_read_step(source, given) for source in sources]
    unused = set(given) - {name for step in steps for name in step.options}
    if unused:
        raise InputError(
            f"none of the methods {', '.join(s.method for s in steps)} has the option {', '.join(sorted(unused))}",
            "omit it",
        )
    for step, following in itertools.pairwise(steps):
        if load_method(step.method).is_last:
            raise InputError(f"{following.method} cannot follow {step.method}", f"put {step.method} last")
    return tuple(steps)


def read_chain(
    methods: Sequence[str], amount: float | None = None, options: Mapping[str, Any] | None = None
) -> tuple[Step, ...]:
    """Read the steps of a command line: "prune:0.8" each, or one method and its amount beside it, and their options.

    Raises:
        InputError: as `read_steps` does, or an amount that belongs to no one method.
    """
    if amount is None:
        return read_steps(methods, options)
    if len(methods) != 1 or ":" in methods[0]:
        raise InputError(
            f"{option('amount', f'{amount:g}')} needs a single {option('methods')}",
            f"in a chain, use {option('methods', 'prune:0.8')}",
            option="amount",
        )
    return read_steps([Step(methods[0], amount)], options)


def _read_step(source: StepSource, options: Mapping[str, Any]) -> Step:
    if isinstance(source, str):
        name, separator, text = source.partition(":")
        source = Step(name, _number(source, text) if separator else None)
    method = load_method(source.method)
    if method.amount is None and source.amount is not None:
        raise InputError(f"{method.name} takes no amount", f"write {option('methods', method.name)}", option="amount")
    wanted = {**{k: v for k, v in options.items() if k in method.options}, **source.options}
    checked = {
        name: _checked(f"{method.name}: {name}", wanted.get(name), spec) for name, spec in method.options.items()
    }
    amount = source.amount
    if checked.get(method.instead) is None:
        amount = _checked(method.name, amount, method.amount)
    elif amount is not None:
        raise InputError(
            f"{method.name}:{amount:g} and {option(method.instead)} exclude each other",
            "give one of them",
            option=method.instead,
        )
    step = Step(method.name, amount, checked)
    method.check_step(step)
    return step


def _checked(what: str, value: Any, spec: Any) -> Any:  # noqa: ANN401
    """Return an amount or option, or its default; a number is checked to be in its range."""
    if not isinstance(spec, Amount):
        return spec if value is None else value
    value = spec.default if value is None else float(value)
    if value is None:
        return None
    if not spec.low <= value <= spec.high or (spec.is_whole and value != round(value)):
        kind = "a whole number of " if spec.is_whole else ""
        raise InputError(f"{what} {value:g}: must be {kind}{spec.low:g} to {spec.high:g}", f"it means: {spec.meaning}")
    return value


def _number(source: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{source}: '{text}' is not a number", "write the amount after the colon: prune:0.8")
    return value
