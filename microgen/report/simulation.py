"""What people read of a firmware that was given a recording in place of its sensor: lines, and a page."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..devices.emulator import EMULATOR
from ..support.files import write_file
from ..support.render import render
from .models import why_lost
from .text import Pairs

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..workflows.simulate_input import Simulation

# The picture, in SVG units: a second, the least and the most that all take, and the height of each part.
_SECOND, _NARROWEST, _WIDEST = 160, 640, 16_000
_TOP, _WAVE, _IMAGE, _SCORES, _GAP, _AXIS = 14, 110, 160, 120, 12, 26
_COLORS = ("#2f6fb5", "#e08a1e", "#1d7a3e", "#b3261e", "#7b4fb0", "#0f8b8d", "#8a5a00", "#c2478a", "#5c6670", "#6b8e23")
_DECIMALS = 2
_MOST_PRINTED = 8  # lines of the firmware on a terminal


def simulation_lines(result: Simulation) -> Pairs:
    """Return what people read of a recording that was simulated."""
    recording, trace = result.recording, result.trace
    lines = [("input", f"{result.path}: {recording.summary}")]
    lines += [("warning", note) for note in recording.notes]
    lines += [("firmware", line) for line in result.printed[:_MOST_PRINTED]]
    if (more := len(result.printed) - _MOST_PRINTED) > 0:
        lines.append(("firmware", f"... and {more} more lines"))
    lines += [
        ("detected", f"{d.label} at {result.seconds(d.position):.2f} s, score {d.score:.2f}") for d in trace.detected
    ]
    if not trace.detected:
        lines.append(("detected", f"nothing{_highest(result)}"))
    if result.load is not None:
        known = "estimated" if result.on == EMULATOR else "measured by the board"
        lines.append(("CPU", f"busy {100 * result.load:.0f} % of the time, {known}"))
    if trace.lost:
        share = 100 * trace.lost / len(recording.values)
        lines.append(("lost", f"{trace.lost:,} values of the sensor, {share:.1f} %: {why_lost(result.load)}"))
    return lines


def _highest(result: Simulation) -> str:
    """Return the largest mean score of the labels that can be detected."""
    means = result.trace.means
    if not means.size:
        return ""
    highest = dict(zip(result.labels, means.max(axis=0), strict=True))
    if scores := {label: score for label, score in highest.items() if label not in result.ignored}:
        label = max(scores, key=lambda name: scores[name])
        return f"; the highest mean score was {scores[label]:.2f}, of {label}"
    return ""


def write_simulation(path: str | Path, result: Simulation) -> None:
    """Write what `microgen.simulate_input` found as one HTML page, as a whole or not at all.

    Args:
        path: the file.
        result: what was found.

    Raises:
        InputError: it cannot be written there.
    """
    page = render(
        "simulation.html.j2",
        version=__version__,
        name=result.name,
        d=result.to_json(),
        summary=result.recording.summary,
        p=_picture(result),
        why_lost=why_lost(result.load),
    )
    write_file(Path(path), page, "choose another path for the report")


def _picture(result: Simulation) -> dict[str, Any]:
    """Return the geometry of sensor, features, scores and detections over time."""
    seconds = max(result.recording.seconds, 1e-6)
    width = min(max(round(seconds * _SECOND), _NARROWEST), _WIDEST)
    scale = width / seconds
    image_top = _TOP + _WAVE + _GAP
    top = image_top + _IMAGE + _GAP
    bottom = top + _SCORES
    trace, axes = result.trace, result.recording.values.shape[1]
    times = [result.seconds(int(p)) * scale for p in trace.score_positions]
    means = [[bottom - _SCORES * float(m) for m in column] for column in trace.means.T] if trace.means.size else []
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 3600) if s * scale >= 50)
    return {
        "width": width,
        "height": bottom + _AXIS,
        "wave_top": _TOP,
        "waves": [
            {"path": _wave(values, width), "title": f"axis {k}", "opacity": 1 if axes == 1 else 0.4}
            for k, values in enumerate(() if result.recording.is_polled else result.recording.values.T)
        ],
        "image": _image(result, scale, image_top),
        "score_top": top,
        "score_bottom": bottom,
        "cutoff": round(bottom - _SCORES * result.cutoff, _DECIMALS),
        "scores": [
            {"label": label, "color": _COLORS[k % len(_COLORS)], "path": _line(times, column)}
            for k, (label, column) in enumerate(zip(result.labels, means, strict=False))  # there may be none
        ],
        "ticks": [
            {"x": round(k * step * scale, _DECIMALS), "text": f"{k * step:g} s"} for k in range(int(seconds / step) + 1)
        ],
        "hits": [{"x": round(result.seconds(d.position) * scale, _DECIMALS), "label": d.label} for d in trace.detected],
    }


def _line(xs: list[float], ys: list[float]) -> str:
    points = [f"{round(x, _DECIMALS):g} {round(y, _DECIMALS):g}" for x, y in zip(xs, ys, strict=True)]
    return "M" + " L".join(points) if points else ""


def _wave(values: npt.NDArray[np.int16], width: int) -> str:
    """Return the outline of what lies between the smallest and the largest value of each column of the picture."""
    columns = min(width, len(values))
    starts = [k * len(values) // columns for k in range(columns)]
    parts = [values[a:b] for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]
    largest = max(int(abs(values.astype(int)).max()), 1)
    middle, unit = _TOP + _WAVE / 2, _WAVE / 2 / largest
    xs = [k * width / columns for k in range(columns)]
    upper = [middle - unit * int(part.max()) for part in parts]
    lower = [middle - unit * int(part.min()) + 0.5 for part in parts]
    return _line([*xs, *reversed(xs)], [*upper, *reversed(lower)]) + " Z"


def _image(result: Simulation, scale: float, top: int) -> dict[str, Any]:
    """Return the features as a picture, one pixel a number, and where it lies."""
    frames = result.frames
    ends = [result.seconds(int(p)) * scale for p in result.trace.frame_positions]
    if not len(frames):
        return {"x": 0, "y": top, "width": 0, "height": _IMAGE, "data": "data:,"}
    step = (ends[-1] - ends[0]) / max(len(ends) - 1, 1)
    low, high = int(frames.min()), int(frames.max())
    shades = (frames.astype(int) - low) * 255 // max(high - low, 1)
    pixels = shades.T[::-1].astype("uint8")
    data = base64.b64encode(_png(pixels)).decode()
    return {
        "x": round(ends[0] - step, _DECIMALS),
        "y": top,
        "width": round(max(ends[-1] - ends[0] + step, 1), _DECIMALS),
        "height": _IMAGE,
        "data": f"data:image/png;base64,{data}",
    }


def _png(grey: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture [height, width] as PNG; not compressed, so that every zlib gives the same bytes."""
    height, width = grey.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data) for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    )
