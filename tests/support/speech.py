"""Sentences that espeak-ng says, as recordings."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgen.datasets.recording import resample
from tests.datasets.test_recording import write

RATE = 16000


def spoken(voice: str, text: str, *options: str) -> np.ndarray:
    """A sentence as samples of -1 to 1 at 16 kHz, without the silence around it."""
    command = ["espeak-ng", "--stdout", "-v", voice, *options, text]
    done = subprocess.run(command, capture_output=True, check=True)
    with wave.open(io.BytesIO(done.stdout)) as stream:
        samples = np.frombuffer(stream.readframes(2**24), "<i2") / 32768
        samples = resample(samples, stream.getframerate(), RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]


def conversation(voice: str, texts: Sequence[str], path: Path, *options: str) -> list[float]:
    """Write sentences with a second before, between and after them; return the seconds at which each has been said."""
    parts, ends = [np.zeros(RATE)], []
    for text in texts:
        parts.append(spoken(voice, text, *options))
        ends.append(sum(map(len, parts)) / RATE)
        parts.append(np.zeros(RATE))
    write(path, 32767 * np.concatenate(parts))
    return ends
