"""Signals for the audio front end: 16-bit samples, the same each time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def signals(count: int, rate: int = 16000) -> dict[str, npt.NDArray[np.int16]]:
    """Return signals of `count` samples by name."""
    rng = np.random.default_rng(20)
    i = np.arange(count)
    seconds = i / rate
    noise = rng.normal(0, 1, count)
    clicks = np.where(i % 1999 == 7, rng.choice([-32768, 32767], count), 0)
    made = {
        "speech": _speech(seconds, noise, rate),
        "noise": 3000 * noise,
        "quiet": rng.integers(-2, 3, count),
        "tone": 20000 * np.sin(2 * np.pi * 440 * seconds),
        "sweep": 32767 * np.sin(2 * np.pi * (50 + 0.2 * rate * i / (2 * count)) * seconds),
        "square": 32767 * np.sign(np.sin(2 * np.pi * 313 * seconds)),
        "clicks": clicks,
        "silence": np.zeros(count),
        "bursts": np.where(i // (rate // 5) % 2, 8000 * noise, noise),
        "lowest": np.full(count, -32768),
        "full scale": rng.choice([-32768, 32767], count),
    }
    return {name: np.clip(np.rint(x), -32768, 32767).astype(np.int16) for name, x in made.items()}


def _speech(seconds: npt.NDArray[np.float64], noise: npt.NDArray[np.float64], rate: int) -> npt.NDArray[np.float64]:
    """A voice of changing pitch with three formants, in syllables, with pauses and hiss."""
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.7 * seconds)
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = [(500 + 200 * np.sin(2 * np.pi * 1.1 * seconds)), 1500 + 400 * np.sin(2 * np.pi * 0.9 * seconds), 2600]
    voice = np.zeros(len(seconds))
    for k in range(1, 25):
        weight = sum(np.exp(-(((k * pitch - f) / 250) ** 2)) / (j + 1) for j, f in enumerate(formants))
        voice += weight * np.sin(k * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * seconds) + 0.3, 0, 1) * (np.sin(2 * np.pi * 0.25 * seconds) > -0.6)
    return 5000 * voice * syllables + (100 + 500 * (1 - syllables)) * noise
