"""What recipes of spoken words share: voices of espeak-ng, and noise."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import sys
import wave
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import EngineError, SetupError, last_words
from . import _espeak

RATE = 16000
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
# No voice is in two parts. The recipes were chosen by what they reach on the second; the third gives the final figure.
TRAIN_VARIANTS = ("m1", "m3", "m6", "m8", "f1", "f3", "f5")
VALID_VARIANTS = ("m4", "m7", "f4")
TEST_VARIANTS = ("m2", "m5", "f2")
# What is said beside the words that are to be heard.
SENTENCES = (
    "the weather is nice today and we go out", "what time is it in new york", "i will call you back in ten minutes",
    "please turn on the light in the kitchen", "we had dinner with our friends last night",
    "the train to the city leaves at half past seven", "could you bring me a glass of water",
    "they have lived in this house for twenty years", "my sister plays the piano every evening",
    "that was the best film i have seen this year", "open the window it is too warm in here",
    "the children are playing in the garden", "how far is the next petrol station",
    "remember to buy milk bread and some apples", "he said that he would be here by noon",
    "the meeting was moved to thursday afternoon", "a small dog ran across the empty street",
    "you can leave the keys on the table", "nobody knows why the lake is so blue",
    "set a timer for fifteen minutes", "play some music from the eighties", "hello how are you doing today",
    "okay let us start with the first question", "hey do you want to come with us",
)  # fmt: skip
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Saying:
    """What espeak-ng is to say, in a voice, at a speed in words a minute, at a pitch of 0 to 99."""

    text: str
    voice: str
    speed: int
    pitch: int


@dataclass(frozen=True)
class Spoken:
    """What espeak-ng said: 16-bit samples, and how many there are in a second."""

    rate: int
    data: bytes


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
    """Return what was said, each as 16 kHz samples of -1 to 1, without the silence around it.

    Raises:
        EngineError: espeak-ng does not speak.
    """
    wanted = list(sayings)
    with ThreadPoolExecutor(4) as pool:
        spoken = from_library(wanted) or pool.map(from_program, wanted)
        return list(pool.map(_trimmed, spoken))


def from_library(sayings: list[Saying]) -> list[Spoken] | None:
    """Have all of them said by espeak-ng's library; None where it is missing, or does not say one of them."""
    asked = json.dumps([[s.text, s.voice, s.speed, s.pitch] for s in sayings])
    done = subprocess.run([sys.executable, "-I", _espeak.__file__], input=asked.encode(), capture_output=True)
    if done.returncode:
        return None
    numbers = struct.Struct(_espeak.LENGTH)
    (rate,), at = numbers.unpack_from(done.stdout), numbers.size
    spoken = []
    for _ in sayings:
        begin = at + numbers.size
        at = begin + numbers.unpack_from(done.stdout, at)[0]
        spoken.append(Spoken(rate, done.stdout[begin:at]))
    return spoken


def from_program(saying: Saying) -> Spoken:
    """Have one said by the program espeak-ng.

    Raises:
        EngineError: it does not speak; the message has its own words.
    """
    settings = ["-v", saying.voice, "-s", str(saying.speed), "-p", str(saying.pitch)]
    command = ["espeak-ng", "--stdout", *settings, saying.text]
    done = subprocess.run(command, capture_output=True, check=False)
    try:
        with wave.open(io.BytesIO(done.stdout)) as stream:
            return Spoken(stream.getframerate(), stream.readframes(len(done.stdout)))
    except (wave.Error, EOFError):
        printed = last_words(done.stderr.decode("utf-8", "replace"))
        raise EngineError(
            "espeak-ng",
            f"produced no speech as {saying.voice} (exit code {done.returncode}): {printed}",
            "reinstall its package",
        ) from None


def _trimmed(spoken: Spoken) -> Samples:
    from scipy.signal import resample_poly

    samples = resample_poly(np.frombuffer(spoken.data, "<i2") / 32768, RATE, spoken.rate)
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return np.asarray(samples[loud[0] : loud[-1] + 1] if len(loud) else samples, np.float32)


def noise(length: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return noise of unit deviation, between white and brown."""
    spectrum = np.fft.rfft(rng.normal(0, 1, length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20) ** rng.uniform(0, 1)
    made = np.fft.irfft(spectrum, length)
    return np.asarray(made / made.std())
