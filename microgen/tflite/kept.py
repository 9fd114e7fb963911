"""Caches results for the most recently used models: a command needs each result for many boards."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from .model import TfliteModel

_MODELS = 4
P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class _Key:
    """A key by identity, not equality: comparing large models takes as long as reading them."""

    def __init__(self, model: TfliteModel) -> None:
        self.model = model

    def __hash__(self) -> int:
        return hash((id(self.model.subgraphs), self.model.name))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Key)
            and self.model.subgraphs is other.model.subgraphs
            and self.model.data is other.model.data
            and self.model.name == other.model.name
        )


def kept_for_model(
    function: Callable[Concatenate[TfliteModel, P], ResultT],
) -> Callable[Concatenate[TfliteModel, P], ResultT]:
    """Cache the results of a function of a model. Callers must not change them. Exceptions are not cached."""

    def of_key(key: _Key, *args: Any, **kwargs: Any) -> ResultT:  # noqa: ANN401 - those of the function
        return function(key.model, *args, **kwargs)

    cached: Callable[..., ResultT] = functools.lru_cache(_MODELS)(of_key)

    def of_model(model: TfliteModel, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        return cached(_Key(model), *args, **kwargs)

    return functools.update_wrapper(of_model, function)
