"""What tests need from the machine, with the reason for a skip where it is missing."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from microgen.boards import Cpu, load_cpu
from microgen.devices import host_build as hostbuild
from microgen.devices.emulator import missing_packages
from microgen.errors import SetupError
from microgen.runtimes import reference
from microgen.tflite import parse
from microgen.workers import tflm


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


def needs_cpu(cpu: str | Cpu) -> Cpu:
    """Return a CPU, itself or of this name in boards/cpus, that this machine compiles for and emulates."""
    found = load_cpu(cpu) if isinstance(cpu, str) else cpu
    if missing := missing_packages([found]):
        pytest.skip(f"not installed (Debian): {', '.join(missing)}")
    return found


def find_pico_sdk() -> Path | None:
    """Return the folder of the Pico SDK: the user's, Debian 13's, or the one that `make debian` unpacks."""
    places = (os.environ.get("PICO_SDK_PATH"), "/usr/src/pico-sdk", Path.home() / ".cache/pico-sdk-source/pico-sdk")
    return next((Path(p) for p in places if p and (Path(p) / "pico_sdk_init.cmake").is_file()), None)


def needs_host() -> None:
    obstacle = reference.obstacle()
    if obstacle:
        pytest.skip(obstacle)
    compiler()


@dataclass(frozen=True)
class LastWords:
    text: str


def crash(words: LastWords) -> LastWords:
    """A job for a worker that dies."""
    print(words.text, end="", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    return words


@dataclass(frozen=True)
class Arenas:
    """Models by name, and how many bytes each is thought to need, or needs."""

    models: dict[str, bytes]
    sizes: dict[str, int]


def smallest_arenas(predicted: Arenas) -> Arenas:
    """A job for a worker: the smallest arena of each of many models, all inputs 0."""
    sizes = {}
    for name, data in predicted.models.items():
        inputs = tuple(np.zeros((1, *t.shape), t.numpy_dtype) for t in parse(data).inputs)
        request = tflm.ArenaRequest(data, inputs, predicted.sizes[name])
        sizes[name] = tflm.measure_arena(request).arena_min_bytes
    return Arenas({}, sizes)


def other_program(name: str) -> str:
    """Return a program of tests/support/tools.txt, which has an environment of its own."""
    made = Path.home() / ".cache/microgen-tools/bin" / name
    found = str(made) if made.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed (make tools)")
    return found
