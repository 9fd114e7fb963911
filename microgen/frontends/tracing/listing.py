"""What a conversion replaces in PyTorch while it runs: the listing of its operators."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def operators_listed_once() -> Iterator[None]:
    """Let PyTorch list the operators of its C++ library once, which it does for each namespace of each decomposition.

    That is a third of the time of a small model's conversion. PyTorch does not keep the list because a program may
    register more operators meanwhile. A conversion registers none.

    The function that lists them is PyTorch's own. If a later version does not have it, or gives it arguments or a
    result, the conversion takes longer.
    """
    name = "_materialize_cpp_cia_ops"
    try:
        utils = importlib.import_module("torch._export.utils")
        listed = getattr(utils, name)
    except (ImportError, AttributeError):
        yield
        return
    is_done = False

    def once(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        nonlocal is_done
        if not is_done or arguments or named:
            result = listed(*arguments, **named)
            is_done |= result is None and not arguments and not named
            return result
        return None

    setattr(utils, name, once)
    try:
        yield
    finally:
        setattr(utils, name, listed)
