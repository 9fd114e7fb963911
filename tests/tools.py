"""What tests need from the machine, with the reason for a skip where it is missing."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

from microgen.dut import hostbuild
from microgen.errors import SetupError


def compiler() -> list[str]:
    try:
        return hostbuild.compiler()
    except SetupError as error:
        pytest.skip(error.message)


def needs(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed (Debian: {package})")
    return found


def needs_host() -> None:
    obstacle = hostbuild.host_obstacle()
    if obstacle:
        pytest.skip(obstacle)
    compiler()


def crash(values, arrays):
    """A job for a worker that dies."""
    print("last words")
    os.kill(os.getpid(), signal.SIGSEGV)
