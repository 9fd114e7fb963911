"""The firmware around a stand-in model, on every emulated CPU."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from microgen.boards import Cpu
from microgen.devices.client import Client
from microgen.devices.emulator import EmulatedBoard, Image, Program, build_image
from microgen.support import resources
from tests.support.tools import needs_cpu

CPUS = ("cortex-m0plus", "cortex-m3", "cortex-m4f", "cortex-m7", "cortex-m33", "rv32imc", "rv32imafc")
INPUT_BYTES, OUTPUT_BYTES = 490, 12
HERE = Path(__file__).parent
FIXTURES = HERE.parent.parent / "firmware" / "fixtures"


def program(*more: Path) -> Program:
    """The serial commands and golden vectors around the stand-in, or around other files."""
    firmware = resources.path("firmware")
    own = (p for name in ("applications/serial", "serial", "golden") for p in sorted((firmware / name).glob("*.c*")))
    files = (*own, *(more or (HERE / "stand_in.cc",)))
    folders = [firmware / name for name in ("model", "serial", "golden", "applications")]
    return Program(files, (*folders, FIXTURES, FIXTURES / "golden"))


def image(chosen: str | Cpu, work: Path, of: Program | None = None) -> Image:
    work.mkdir(parents=True, exist_ok=True)
    return build_image(needs_cpu(chosen), of or program(), work, clock_hz=64_000_000, operators=8)


@contextlib.contextmanager
def running(built: Image, work: Path):
    """A client of a firmware that runs, and its log."""
    work.mkdir(parents=True, exist_ok=True)
    board = EmulatedBoard(built, work)
    with Client(board) as client:
        client.connect()
        yield client, board.log


def answer(sample: bytes) -> bytes:
    """What the stand-in computes."""
    padded = np.zeros(-(-len(sample) // OUTPUT_BYTES) * OUTPUT_BYTES, np.uint64)
    padded[: len(sample)] = np.frombuffer(sample, np.uint8)
    return (padded.reshape(-1, OUTPUT_BYTES).sum(axis=0) * 7 % 256).astype(np.uint8).tobytes()


def sample(*first: int, fill: int = 0) -> bytes:
    return bytes([*first, *[fill] * (INPUT_BYTES - len(first))])


def only(built: Cpu, machine: str) -> Cpu:
    """The CPU with one of its machines."""
    return built.model_copy(update={"machines": tuple(m for m in built.machines if m.name == machine)})
