"""What the figures were measured on, and with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from microgen import __version__


def machine() -> dict[str, str]:
    """Return processor, memory, system and load."""
    return {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _line("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "load at the start": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Return the versions of what microgen ran with."""
    found = {"microgen": __version__, "Python": platform.python_version(), "g++": _first(["g++", "--version"])}
    for name in ("ai-edge-litert", "tflite-micro", "tensorflow", "numpy"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _line(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines() if Path(path).is_file() else ():
        if line.startswith(key):
            return line.partition(":")[2].strip()
    return ""


def _first(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0]
    except OSError:
        return "not installed"
