"""What a compression method is, and a step of a chain of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .task import Task


@dataclass(frozen=True)
class Amount:
    """How strongly a method compresses.

    Attributes:
        default: when none is given; None: the method finds it then.
        low, high: the least and the greatest, both allowed.
        meaning: for people.
        is_whole: only whole numbers.
    """

    default: float | None
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
        name: as users give it.
        title: one line for people.
        apply: makes the compressed tf_keras model from a trained one, and fine-tunes it. Runs in a worker; may
            change the model that it is given.
        check: raises InputError, with the layer named, where the method cannot take a tf_keras model. Runs in a
            worker, before anything is trained.
        epochs: how long it trains when the user does not say.
        amount: None where the method has none.
        options: what else it takes, with the default of each, or its `Amount` where it is a number in a range.
        models: which of the options are models: a file's path or a Keras object.
        instead: the option that takes the amount's place; a step has one of them. "" where the method has none.
        check_step: raises InputError where a step's options cannot be; runs when the chain is read.
        keeps_layers: its model has the layers that it was given, with other weights; what follows in a chain can be
            checked before it.
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
    instead: str = ""
    check_step: Callable[[Step], None] = lambda step: None
    keeps_layers: bool = False
    is_last: bool = False
