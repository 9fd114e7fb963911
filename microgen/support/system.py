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
            "microgen does not run natively on Windows",
            f"install it in WSL 2, where everything works; {_GUIDE}",
        )


def missing_package(name: str) -> SetupError:
    """Return the error for a package that an engine needs and that cannot be imported.

    Args:
        name: by which it is imported.
    """
    machine = f"{sys.platform} {platform.machine()}"
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return SetupError(f"the Python package {name} is not installed", "pip install microgen installs it")
    return SetupError(
        f"the Python package {name} is not installed; it may not exist for this machine ({machine})",
        f"use Linux on x86-64, a container for linux/amd64 or a virtual machine; {_GUIDE}",
    )
