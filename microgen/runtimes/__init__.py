"""Runtimes, the second of the four doors: what computes a model on a board.

A runtime is one package with one object (`runtime.Runtime`) and one entry below; nothing else in microgen names it.
"""

from ..defaults import RUNTIME as DEFAULT_RUNTIME
from ..support.registry import Registry
from .runtime import Runtime

__all__ = ["DEFAULT_RUNTIME", "RUNTIMES"]


def _tflm() -> Runtime:
    from .tflm.runtime import RUNTIME

    return RUNTIME


def _compiled() -> Runtime:
    from .compiled.runtime import RUNTIME

    return RUNTIME


RUNTIMES: Registry[Runtime] = Registry("runtime", {"tflm": _tflm, "compiled": _compiled})
