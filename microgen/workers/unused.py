"""Keeps TensorFlow and Keras from loading packages that they use only where these are installed, and microgen never."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

# For wrappers of scikit-learn, pictures, data frames and conversion from JAX: a third of the time that Keras takes to
# load.
_UNUSED = ("jax", "matplotlib", "pandas", "sklearn")
_BY = ("keras", "tensorflow")


class _Finder:
    """Finds none of these packages, where one of those imports it. For others the import goes on as ever."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`; raises ModuleNotFoundError where a package counts as missing."""
        if name in _UNUSED and _importer().partition(".")[0] in _BY:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return None


def _importer() -> str:
    """Return the name of the module whose import statement is under way."""
    frame = sys._getframe(2)
    while frame.f_back and "importlib" in frame.f_code.co_filename:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", ""))


def hide() -> None:
    """Hide the packages from now on, in this process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
