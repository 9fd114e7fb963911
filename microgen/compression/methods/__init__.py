"""The compression methods: each file here is one. Adding a method is adding a file that defines `METHOD`."""

from __future__ import annotations

import importlib
import pkgutil

from ...errors import InputError, nearest
from ..base import Method


def method_names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load_method(name: str) -> Method:
    """Return a method by name.

    Raises:
        InputError: there is none of this name; the hint suggests the nearest.
    """
    if name not in method_names():
        names = method_names()
        raise InputError(f"no method '{name}'", nearest(name, names, f"methods: {', '.join(names)}"))
    method = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").METHOD
    assert isinstance(method, Method)
    return method
