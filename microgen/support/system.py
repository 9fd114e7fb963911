"""The systems that microgen runs on, and what it lacks on the others, in words."""

from __future__ import annotations

import platform
import sys

from ..errors import SetupError

_GUIDE = "see 'Install' in README.md"


def check_system() -> None:
    """Refuse a system that lacks what every part of microgen needs: processes that fork, locks of files.

    Raises:
        SetupError: this is Windows itself.
    """
    if sys.platform == "win32":
        raise SetupError(
            "microgen does not run on Windows itself",
            f"install it in WSL 2, the Linux of Windows, where all of it runs; {_GUIDE}",
        )


def missing_package(name: str) -> SetupError:
    """Return the error for a package that an engine needs and that cannot be imported.

    Args:
        name: by which it is imported.
    """
    machine = f"{sys.platform} {platform.machine()}"
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return SetupError(f"the Python package {name} is not installed", "pip install microgen brings it")
    return SetupError(
        f"the Python package {name} is not installed: there may be none for this machine ({machine})",
        f"use Linux on x86-64, a container for linux/amd64 or a virtual machine; {_GUIDE}",
    )
