"""What recipes of spoken words share: voices of espeak-ng, and noise."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import EngineError, SetupError, last_words

RATE = 16000
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
# No voice is in two parts. The recipes were chosen by what they reach on the second; the third gives the final figure.
TRAIN_VARIANTS = ("m1", "m3", "m6", "m8", "f1", "f3", "f5")
VALID_VARIANTS = ("m4", "m7", "f4")
TEST_VARIANTS = ("m2", "m5", "f2")
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Saying:
    """What espeak-ng is to say, in a voice, at a speed in words a minute, at a pitch of 0 to 99."""

    text: str
    voice: str
    speed: int
    pitch: int


def require_espeak(recipe: str) -> None:
    """Raise SetupError where espeak-ng is not installed."""
    if shutil.which("espeak-ng") is None:
        raise SetupError(
            f"the recipe '{recipe}' needs espeak-ng to speak its words, which is not installed",
            "apt-get install espeak-ng (Debian, Ubuntu), or brew install espeak-ng",
        )


def draw(text: str, variants: tuple[str, ...], rng: np.random.Generator) -> Saying:
    """Return a text in a voice of these variants, speed and pitch drawn at random."""
    voice = f"{rng.choice(ACCENTS)}+{rng.choice(variants)}"
    return Saying(text, voice, int(rng.integers(110, 220)), int(rng.integers(20, 85)))


def speak_all(sayings: Iterable[Saying]) -> list[Samples]:
    """Have all of them said, some at a time; see `speak`."""
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(speak, sayings))


def speak(saying: Saying) -> Samples:
    """Return what was said as 16 kHz samples of -1 to 1, without the silence around it."""
    from scipy.signal import resample_poly

    settings = ["-v", saying.voice, "-s", str(saying.speed), "-p", str(saying.pitch)]
    command = ["espeak-ng", "--stdout", *settings, saying.text]
    done = subprocess.run(command, capture_output=True, check=False)
    try:
        with wave.open(io.BytesIO(done.stdout)) as stream:
            rate = stream.getframerate()
            raw = np.frombuffer(stream.readframes(len(done.stdout)), "<i2") / 32768
    except (wave.Error, EOFError):
        printed = last_words(done.stderr.decode("utf-8", "replace"))
        raise EngineError(
            "espeak-ng",
            f"produced no speech as {saying.voice} (exit code {done.returncode}): {printed}",
            "reinstall its package",
        ) from None
    samples = resample_poly(raw, RATE, rate)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return np.asarray(samples[loud[0] : loud[-1] + 1] if len(loud) else samples, np.float32)


def noise(length: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return noise of unit deviation, between white and brown."""
    spectrum = np.fft.rfft(rng.normal(0, 1, length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.uniform(0, 1)
    made = np.fft.irfft(spectrum, length)
    return np.asarray(made / made.std())
