"""Gives a firmware a recording in place of its sensor's values, over the serial commands.

The command `sensor` is one step after the other (docs/protocol.md). A step takes bytes until a frame is complete, works
them off, and says what came of it: the firmware is never given more than it can take, and nothing is lost on the way. A
step whose answer was damaged is asked for again, and told again, not taken twice.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from ..errors import DeviceError
from .client import Client
from .trace import Detected, Trace
from .transport import COMMAND_BYTES

# A command without its bytes: `#CRC TAG sensor N ` with ten digits each for tag and step.
_AROUND_BYTES = 38
_STEP_BYTES = (COMMAND_BYTES - _AROUND_BYTES) // 2
_ONE = 65536
_N = r"\d{1,18}"
_START = re.compile(rf"m-sensor-start-\[({_N}),({_N})\]")
_STATE = re.compile(rf"m-sensor-\[({_N}),({_N}),([0-9a-f]{{8}}),({_N})\]")
_FRAME = re.compile(rf"m-frame-\[({_N}),((?:[0-9a-f]{{2}})+)\]")
_SCORES = re.compile(rf"m-scores-\[((?:{_N},)+{_N})\]")
_DETECTED = re.compile(rf"m-detected-\[({_N})\]")


def stream(
    client: Client,
    values: npt.NDArray[np.int16],
    rate_hz: int,
    labels: Sequence[str],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Trace:
    """Send a recording and return what the firmware made of it.

    Args:
        client: of a firmware whose application reads a sensor.
        values: shape (moments, axes).
        rate_hz: moments per second, at which the firmware has to listen.
        labels: of the scores.
        on_progress: called with how many bytes of how many are worked off.

    Returns:
        The trace; its positions are moments from the start, and `busy_us` is what the firmware measured. Nothing is
        `lost`: the recording waits for the firmware.

    Raises:
        DeviceError: the line is too noisy, or the firmware is of another project, fails, or started anew.
    """
    data, axes = values.astype("<i2").tobytes(), values.shape[1]
    started = _found(_START, client.command("sensor start"))
    if (int(started[1]), int(started[2])) != (rate_hz, axes):
        raise DeviceError(
            f"it reads {started[2]} values at {started[1]} Hz, not {axes} at {rate_hz} Hz",
            "build and flash the project again",
        )
    made = _Made(labels)
    step = done = busy_us = idle = 0
    while True:
        part = data[done : done + _STEP_BYTES]
        answer = client.command(f"sensor {step} {part.hex()}".rstrip())
        state = _found(_STATE, answer)
        step, before = step + 1, done
        done = int(state[2])
        if int(state[1]) != step or not before <= done <= before + len(part):
            raise DeviceError(
                f"it is at step {state[1]}, not {step}", "close other programs that use the port, then run this again"
            )
        if int(state[3], 16) != zlib.crc32(data[:done]):
            raise DeviceError("it received different values from those sent", "check the cable, and run this again")
        busy_us = int(state[4])
        on_progress(done, len(data))
        idle = 0 if made.take(answer) or done > before else idle + 1
        if idle and done == len(data):
            break
        if idle > 1:  # once: it may have had to let go of a moment first
            raise DeviceError("it does not accept the rest of the recording", "build and flash the project again")
    client.command("sensor stop")
    return made.trace(busy_us)


class _Made:
    """What came of the steps so far."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._labels = labels
        self._frames: list[tuple[int, bytes]] = []
        self._scores: list[tuple[int, list[int]]] = []
        self._detected: list[Detected] = []

    def take(self, answer: list[str]) -> bool:
        """Read the answer to a step; return whether a frame was completed."""
        lines = [match for line in answer for match in (_FRAME.fullmatch(line),) if match]
        if not lines:
            return False
        position = int(lines[0][1])
        self._frames.append((position, bytes.fromhex(lines[0][2])))
        scores = [match for line in answer for match in (_SCORES.fullmatch(line),) if match]
        if scores:
            numbers = [int(number) for number in scores[0][1].split(",")]
            if len(numbers) != 2 * len(self._labels):
                raise DeviceError(f"it has {len(numbers) // 2} scores, not {len(self._labels)}", "flash the project")
            self._scores.append((position, numbers))
            for line in answer:
                if match := _DETECTED.fullmatch(line):
                    index = min(int(match[1]), len(self._labels) - 1)
                    self._detected.append(Detected(position, self._labels[index], numbers[2 * index + 1] / _ONE))
        return True

    def trace(self, busy_us: int) -> Trace:
        """Return all."""
        numbers = np.array([row for _, row in self._scores], np.float64).reshape(-1, 2 * len(self._labels)) / _ONE
        return Trace(
            np.array([position for position, _ in self._frames], np.int64),
            tuple(frame for _, frame in self._frames),
            np.array([position for position, _ in self._scores], np.int64),
            numbers[:, ::2],
            numbers[:, 1::2],
            tuple(self._detected),
            0,
            busy_us,
        )


def _found(pattern: re.Pattern[str], answer: list[str]) -> re.Match[str]:
    for line in answer:
        if match := pattern.fullmatch(line):
            return match
    raise DeviceError(f"unexpected answer {[line[:60] for line in answer[:3]]}", "build and flash the project again")
