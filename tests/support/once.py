"""What takes long to make, made once for all processes that run tests at the same time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that all processes of one run of the tests have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(base: Path, name: str, make: Callable[[Path], object]) -> Path:
    """Return the file or folder `name` in `base`, which the first that asks for it makes.

    Args:
        base: a folder that all who want it share.
        name: of the file or folder.
        make: takes its path, at which nothing is yet.
    """
    made, done = base / name, base / f"{name}.done"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(made)
            done.touch()
    return made
