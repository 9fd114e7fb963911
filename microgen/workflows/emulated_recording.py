"""A recording through a firmware on the emulated CPU of its board, in place of its sensor."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..datasets.recording import Recording
from ..devices import DeviceError
from ..devices.emulator import EmulatedBoard
from .device import Firmware, compile_emulated

# Moments that come at once, as a driver's buffer gives them, in milliseconds; and the most values of one.
_BLOCK_MS, _BLOCK_VALUES = 16, 512
_MOST_PRINTED = 2**24
_POLL_S = 5.0


def block(recording: Recording) -> tuple[int, int]:
    """Return the values of a moment, and how many moments come at once; 0 where each waits until it is read."""
    axes = recording.values.shape[1]
    if recording.is_polled:
        return axes, 0
    return axes, max(1, min(_BLOCK_MS * recording.rate_hz // 1000, _BLOCK_VALUES // axes))


def as_bytes(recording: Recording) -> bytes:
    """Return the values as a sensor gives them."""
    return recording.values.astype("<i2").tobytes()


def emulate(
    firmware: Firmware, work: Path, recording: Recording, on_step: Callable[[str], None] = lambda step: None
) -> tuple[bytes, Path]:
    """Run a firmware; return what it printed, and the file of its trace.

    firmware/platform/emulator/sensor.cc reads the recording.

    Raises:
        InputError, SetupError: it does not compile, or this machine cannot emulate it.
        DeviceError: it ended before the recording did.
    """
    image = compile_emulated(firmware, work)
    header = np.array(block(recording), "<u2").tobytes()
    (work / "sensor.in").write_bytes(header + as_bytes(recording))
    on_step("running it")
    board = EmulatedBoard(image, work)
    printed = bytearray()
    try:
        with contextlib.suppress(EOFError):
            while len(printed) < _MOST_PRINTED:
                printed += board.read(_POLL_S)
        reason = board.diagnosis()
    finally:
        board.close()
    if board.log.fault() is not None:
        raise DeviceError(f"the firmware ended before the recording did: {reason}", board.advice)
    return bytes(printed), board.log.path
