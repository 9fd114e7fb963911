"""What tests need from the machine, with the reason for a skip where it is missing."""

from __future__ import annotations

import os
import shutil
import signal

import numpy as np
import pytest

from microgen.devices import host_build as hostbuild
from microgen.errors import SetupError
from microgen.tflite import parse
from microgen.workers import jobs


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
    print(values.get("words", "last words"), end="", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def smallest_arenas(values, arrays):
    """A job for a worker: the smallest arena of each of many models, all inputs 0; the values say where to begin."""
    found = {}
    for name, data in arrays.items():
        model = parse(data.tobytes())
        fed = {f"in{k}": np.zeros((1, *t.shape), t.numpy_dtype) for k, t in enumerate(model.inputs)}
        reply, _ = jobs.tflm_arena({"predicted_bytes": values[name]}, {"model": data, **fed})
        found[name] = reply["arena_min_bytes"]
    return found, {}
