"""What a compression method is, and how a chain of them is written: prune:0.8, qat."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InputError

if TYPE_CHECKING:
    from .task import Task

# A method by name, "prune" or "prune:0.8", or a whole Step.
StepSource: TypeAlias = "str | Step"


@dataclass(frozen=True)
class Amount:
    """How strongly a method compresses.

    Attributes:
        default: when none is given.
        low, high: the least and the greatest, both allowed.
        meaning: for people.
        is_whole: only whole numbers.
    """

    default: float
    low: float
    high: float
    meaning: str
    is_whole: bool = False


@dataclass(frozen=True)
class Step:
    """One method of a chain, with its amount and options."""

    method: str
    amount: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.method if self.amount is None else f"{self.method}:{self.amount:g}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data; a model is its name."""
        plain = (str, int, float, type(None))
        options = {k: v if isinstance(v, plain) else str(v.name) for k, v in self.options.items()}
        return {"method": self.method, "amount": self.amount, "options": options}


@dataclass(frozen=True)
class Method:
    """A compression method. Adding one is adding a file to `methods/` that defines METHOD.

    Attributes:
        name: as in --method.
        title: one line for people.
        apply: makes the compressed tf_keras model from a trained one, and fine-tunes it. Runs in a worker; may
            change the model that it is given.
        check: raises InputError, with the layer named, where the method cannot take a tf_keras model. Runs in a
            worker, before anything is trained.
        epochs: how long it trains when the user does not say.
        amount: None where the method has none.
        options: what else it takes, with the default of each, or its `Amount` where it is a number in a range.
        models: which of the options are models: a file's path or a Keras object.
        is_last: nothing can follow it in a chain.
    """

    name: str
    title: str
    apply: Callable[[Any, Task, Step], Any]
    check: Callable[[Any], None] = lambda model: None
    epochs: int = 4
    amount: Amount | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    is_last: bool = False


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
        raise InputError("no method is given", "give one or more: --method prune:0.8 (microgen compress --help)")
    given = {k: v for k, v in (options or {}).items() if v is not None}
    steps = [_read_step(source, given) for source in sources]
    unused = set(given) - {name for step in steps for name in step.options}
    if unused:
        raise InputError(
            f"none of the methods {', '.join(s.method for s in steps)} takes {', '.join(sorted(unused))}",
            "leave it out",
        )
    from .methods import load_method

    for step, following in itertools.pairwise(steps):
        if load_method(step.method).is_last:
            raise InputError(f"{following.method} cannot follow {step.method}", f"put {step.method} last")
    return tuple(steps)


def _read_step(source: StepSource, options: Mapping[str, Any]) -> Step:
    from .methods import load_method

    if isinstance(source, str):
        name, separator, text = source.partition(":")
        source = Step(name, _number(source, text) if separator else None)
    method = load_method(source.method)
    if method.amount is None and source.amount is not None:
        raise InputError(f"{method.name} takes no amount", f"write --method {method.name}")
    wanted = {**{k: v for k, v in options.items() if k in method.options}, **source.options}
    found = {name: _checked(f"{method.name}: {name}", wanted.get(name), spec) for name, spec in method.options.items()}
    return Step(method.name, _checked(method.name, source.amount, method.amount), found)


def _checked(what: str, value: Any, spec: Any) -> Any:  # noqa: ANN401
    """Return an amount or option, or its default; a number is checked to be in its range."""
    if not isinstance(spec, Amount):
        return spec if value is None else value
    value = spec.default if value is None else float(value)
    if not spec.low <= value <= spec.high or (spec.is_whole and value != round(value)):
        kind = "a whole number of " if spec.is_whole else ""
        raise InputError(f"{what} {value:g}: must be {kind}{spec.low:g} to {spec.high:g}", f"it is {spec.meaning}")
    return value


def _number(source: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{source}: '{text}' is not a number", "write the amount after the colon: prune:0.8")
    return value
