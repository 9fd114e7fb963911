"""What an application with a sensor made of its values, as `sensor_trace` in firmware/platform wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

_MOST_BYTES = 2**30
_LINE = re.compile(r"^(?:trace )?(frame|scores|means|score|detected|lost) (\d{1,18}) ((?:[0-9a-f]{2})*)$", re.M)
_BUSY = re.compile(r"^busy (\d{1,18})$", re.M)
_ONE = 65536


@dataclass(frozen=True)
class Detected:
    """One detection.

    Attributes:
        position: moments that had been read.
        label: what was detected.
        score: its mean score, 0 to 1.
    """

    position: int
    label: str
    score: float


@dataclass(frozen=True)
class Trace:
    """What was made of a sensor's values.

    Attributes:
        frame_positions: shape (frames,), the moments that had been read when each was complete; those that were lost
            do not count.
        frames: one entry per frame: the bytes that become the model's input.
        score_positions: shape (inferences,).
        scores, means: shape (inferences, classes), 0 to 1: of each inference, and smoothed.
        detected: in their order.
        lost: moments for which the queue had no room.
        busy_us: microseconds that the CPU is estimated to have worked; None if time is not that of a CPU.
        losses: shape (losses, 2): each time that some were lost, the position, and how many were by then.
    """

    frame_positions: npt.NDArray[np.int64]
    frames: tuple[bytes, ...]
    score_positions: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    means: npt.NDArray[np.float64]
    detected: tuple[Detected, ...]
    lost: int
    busy_us: int | None
    losses: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def passed(self, position: int) -> int:
        """Return how many moments had passed when so many had been read: with those that were lost until then."""
        known = int(np.searchsorted(self.losses[:, 0], position))
        return position + (int(self.losses[known - 1, 1]) if known else 0)


def read_trace(path: Path) -> Trace:
    """Read a trace.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        text = stream.read(_MOST_BYTES).decode("ascii", "replace")
    found: dict[str, list[tuple[int, bytes]]] = {name: [] for name in ("frame", "scores", "means", "score", "detected")}
    found["lost"] = []
    for match in _LINE.finditer(text):
        found[match[1]].append((int(match[2]), bytes.fromhex(match[3])))
    detected = tuple(
        Detected(position, label.decode("utf-8", "replace"), int.from_bytes(score, "little") / _ONE)
        for (position, label), (_, score) in zip(found["detected"], found["score"], strict=False)
    )
    busy = _BUSY.search(text)
    losses = [(position, int.from_bytes(data, "little")) for position, data in found["lost"]]
    return Trace(
        _positions(found["frame"]),
        tuple(data for _, data in found["frame"]),
        _positions(found["scores"]),
        _scores(found["scores"]),
        _scores(found["means"]),
        detected,
        max((lost for _, lost in losses), default=0),
        int(busy[1]) if busy else None,
        np.array(losses, np.int64).reshape(-1, 2),
    )


def _positions(entries: list[tuple[int, bytes]]) -> npt.NDArray[np.int64]:
    return np.array([position for position, _ in entries], np.int64)


def _scores(entries: list[tuple[int, bytes]]) -> npt.NDArray[np.float64]:
    if not entries:
        return np.zeros((0, 0))
    return np.stack([np.frombuffer(data, "<u4") for _, data in entries]).astype(np.float64) / _ONE
