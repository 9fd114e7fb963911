"""TFLM on this machine: the library inside the tflite-micro package, which compiled firmware is run with."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from pathlib import Path

from ...support import resources
from ...support.host import HostBuild

# The declarations in firmware/runtimes/tflm/host are those of exactly this build of TFLM.
TFLM_WHEEL = "0.dev20261023182759"


def tflm_library() -> Path | None:
    """Return TFLM's library inside the tflite-micro wheel, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("tflite_micro")
    for place in (spec.submodule_search_locations or []) if spec else []:
        library = Path(place) / "python" / "tflite_micro" / "_runtime.so"
        if library.is_file():
            return library
    return None


def host_obstacle() -> str:
    """Say why firmware cannot run on this machine; "" when it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"the tflite-micro wheel is for Linux x86-64, this is {sys.platform} {platform.machine()}"
    if tflm_library() is None:
        return "the tflite-micro package is not installed"
    version = importlib.metadata.version("tflite-micro")
    if version != TFLM_WHEEL:
        return f"tflite-micro {version} is installed, the declarations are for {TFLM_WHEEL}"
    return ""


def host_build() -> HostBuild:
    """Return what is compiled with a project for this machine: declarations of TFLM, and the test that they fit it."""
    host = resources.path("firmware") / "runtimes" / "tflm" / "host"
    return HostBuild(
        sources=(host / "selftest.cc",),
        includes=(host,),
        library=tflm_library(),
        obstacle=host_obstacle(),
    )
