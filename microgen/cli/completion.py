"""What a shell offers for a half-typed value. It runs at each press of the tab key, so it imports late and little."""

from __future__ import annotations

from collections.abc import Iterable


def boards(incomplete: str) -> list[str]:
    """Return the boards whose name begins so."""
    from ..boards import board_names

    return _beginning(board_names(), incomplete)


def recipes(incomplete: str) -> list[str]:
    """Return the recipes whose name begins so."""
    from ..recipes import recipe_names

    return _beginning(recipe_names(), incomplete)


def methods(incomplete: str) -> list[str]:
    """Return the compression methods whose name begins so."""
    from ..compression.methods import method_names

    return _beginning(method_names(), incomplete)


def schemes(incomplete: str) -> list[str]:
    """Return the quantization schemes whose name begins so."""
    from ..quantization import SCHEMES

    return _beginning(SCHEMES, incomplete)


def recurrent(incomplete: str) -> list[str]:
    """Return the conversions of recurrent layers whose name begins so."""
    from ..frontends.frontend import RECURRENT

    return _beginning(RECURRENT, incomplete)


def runtimes(incomplete: str) -> list[str]:
    """Return the runtimes whose name begins so."""
    from ..runtimes import RUNTIMES

    return _beginning([*RUNTIMES.names, "auto"], incomplete)


def optimizations(incomplete: str) -> list[str]:
    """Return what generated code can be good at, as far as it begins so."""
    from typing import get_args

    from ..runtimes.runtime import Optimize

    return _beginning(get_args(Optimize), incomplete)


def projects(incomplete: str) -> list[str]:
    """Return the kinds of projects whose name begins so."""
    from ..projects import PROJECTS

    return _beginning(PROJECTS.names, incomplete)


def applications(incomplete: str) -> list[str]:
    """Return the applications whose name begins so."""
    from ..applications import APPLICATIONS

    return _beginning(APPLICATIONS.names, incomplete)


def tasks(incomplete: str) -> list[str]:
    """Return the tasks of MLPerf Tiny whose name begins so."""
    from ..applications.mlperf import TASKS

    return _beginning(TASKS, incomplete)


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
