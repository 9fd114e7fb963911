"""How deep data from files may be nested: what walks through it calls itself a level deeper each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Nothing that this package reads is nested by more than a dozen.
_DEEPEST = 64


def parse_shallow(parse: Callable[[str], Any], text: str) -> Any:  # noqa: ANN401 - any plain data
    """Parse a text to dictionaries and lists.

    Args:
        parse: the parser, which raises ValueError on what it does not take.
        text: the text.

    Raises:
        ValueError: the parser's; or the data is nested too deeply.
    """
    try:
        data = parse(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {_DEEPEST} deep") from None
    level, depth = [data], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")
        level = [
            item
            for value in level
            if isinstance(value, (dict, list))
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    return data
