"""Draws what a firmware hears in a recording: python docs/images/listening.py [FOLDER]

espeak-ng says "the weather is nice today" and "okay nabu"; a project of pymicro-wakeword's okay_nabu for a Nano 33 BLE
listens to it in `microgen simulate --input`. Needs espeak-ng and pymicro-wakeword.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt
from drawing import save, text

import microgen
from microgen.workflows.simulate_input import Simulation

SAID = ("the weather is nice today", "okay nabu")
RATE = 16000
WIDTH, LEFT, LENGTH = 960, 150, 780
WAVE, FRAMES, SCORES, HEIGHT = 44, 140, 268, 410  # tops
CUTOFF = 0.85  # of okay_nabu.json


def record(path: Path) -> list[tuple[float, float]]:
    """Write the recording, and return when each sentence begins and ends, in seconds."""
    parts, places = [np.zeros(RATE // 2)], []
    for sentence in SAID:
        said = path.with_suffix(".part.wav")
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", said, sentence], check=True)
        with wave.open(str(said)) as stream:
            samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2").astype(float)
            steps = np.arange(0, len(samples) - 1, stream.getframerate() / RATE)
        begin = sum(map(len, parts)) / RATE
        parts += [np.interp(steps, np.arange(len(samples)), samples), np.zeros(RATE // 2)]
        places.append((begin, begin + len(steps) / RATE))
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(np.concatenate(parts).astype("<i2").tobytes())
    return places


def cells(levels: npt.NDArray[np.float64], seconds: float, color: str) -> list[str]:
    """Return frames, shape (frames, channels) of 0 to 1, as one path for each of six levels, low channels below."""
    frames = levels[: len(levels) // 3 * 3].reshape(-1, 3, levels.shape[1]).mean(1)
    steps = np.clip(np.round(frames * 6), 0, 6).astype(int)
    wide, high = LENGTH * 0.03 / seconds, 100 / levels.shape[1]
    paths = []
    for level in range(1, 7):
        places = [(LEFT + k * wide, FRAMES + 100 - (c + 1) * high) for k, c in np.argwhere(steps == level)]
        drawn = "".join(f"M{x:.1f} {y:.1f}h{wide:.1f}v{high:.1f}h-{wide:.1f}z" for x, y in places)
        paths.append(f'<path d="{drawn}" fill="{color}" opacity="{level / 6:.2f}"/>')
    return paths


def listen(folder: Path) -> tuple[npt.NDArray[np.float64], list[tuple[float, float]], Simulation]:
    """Return the samples of the recording, where its sentences are, and what the project makes of it."""
    found = importlib.util.find_spec("pymicro_wakeword")
    assert found is not None and found.origin is not None
    for name in ("okay_nabu.tflite", "okay_nabu.json"):
        shutil.copy(next(Path(found.origin).parent.rglob(name)), folder)
    heard = folder / "said.wav"
    places = record(heard)
    project = microgen.build(
        folder / "okay_nabu.tflite", "nano33ble", out=folder / "nabu", runtime="compiled", application="microphone"
    ).project
    with wave.open(str(heard)) as stream:
        samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2") / 32768
    return samples, places, microgen.simulate_input(project, heard)


def main() -> None:
    """Listen once, and draw it in both schemes."""
    with tempfile.TemporaryDirectory() as folder:
        samples, places, result = listen(Path(folder))
    trace = result.trace
    seconds = len(samples) / RATE
    frames = np.stack([np.frombuffer(f, np.int8) for f in trace.frames]).astype(float)
    frames = (frames - frames.min()) / np.ptp(frames)

    def at(second: float) -> float:
        return LEFT + LENGTH * second / seconds

    def draw(theme: dict[str, str]) -> str:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            'role="img" font-family="Segoe UI, Helvetica, Arial, sans-serif">',
            "<title>A recording, its features, the scores of a wake word model, and the detection</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="{theme["page"]}"/>',
        ]
        for y, name in ((WAVE + 40, "microphone"), (FRAMES + 52, "log-mel"), (SCORES + 52, "score")):
            parts.append(text(LEFT - 16, y, name, theme["text"], 14, "end", bold=True))
        for sentence, (begin, end) in zip(SAID, places, strict=True):
            parts.append(text((at(begin) + at(end)) / 2, WAVE - 16, f'"{sentence}"', theme["soft"], 13))
        columns = np.array_split(samples, LENGTH // 2)
        line = "".join(
            f"M{LEFT + 2 * k} {WAVE + 36 - 40 * c.max():.1f}V{WAVE + 36.5 - 40 * c.min():.1f}"
            for k, c in enumerate(columns)
        )
        parts.append(f'<path d="{line}" stroke="{theme["line"]}" stroke-width="1.4"/>')
        parts += cells(frames, seconds, theme["text"])
        low = SCORES + 100
        parts.append(f'<path d="M{LEFT} {low}H{LEFT + LENGTH}" stroke="{theme["line"]}"/>')
        cut = low - 96 * CUTOFF
        parts.append(f'<path d="M{LEFT} {cut:.1f}H{LEFT + LENGTH}" stroke="{theme["line"]}" stroke-dasharray="4 4"/>')
        parts.append(text(LEFT + 4, cut - 6, f"cutoff {CUTOFF}", theme["soft"], 12, "start"))
        curve = " ".join(
            f"{at(p / RATE):.1f},{low - 96 * m:.1f}"
            for p, m in zip(trace.score_positions, trace.means[:, 0], strict=True)
        )
        parts.append(f'<polyline points="{curve}" fill="none" stroke="{theme["key"]}" stroke-width="2"/>')
        for found in trace.detected:
            x = at(found.position / RATE)
            parts.append(f'<path d="M{x:.1f} {WAVE}V{low}" stroke="{theme["key"]}" stroke-dasharray="2 3"/>')
            parts.append(text(x, low + 22, f"detected: {found.label}", theme["key"], 14, "end", bold=True))
        parts.append(text(LEFT, low + 22, "0 s", theme["soft"], 12))
        parts.append(text(LEFT + LENGTH, low + 22, f"{seconds:.1f} s", theme["soft"], 12, "end"))
        return "\n".join([*parts, "</svg>", ""])

    save("listening", draw)


if __name__ == "__main__":
    main()
