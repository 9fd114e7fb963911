"""A recording in place of a sensor, at the firmware's sampling rate."""

from __future__ import annotations

import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..preprocessing.log_mel import to_int16
from .audio import mixed
from .limits import check_regular

Samples = npt.NDArray[np.float64]
LONGEST_S = 3600
_WIDEST = 4
# A program that writes to a pipe does not know how much it will write, and claims at least this.
_ENDLESS_BYTES = 0x7FFFF000
_FULL_SCALE = 1 - 2**-15
_SILENT = 4 / 32768
_ZERO_CROSSINGS = 24  # of the resampling filter, to each side
_AT_A_TIME = 2**16


@dataclass(frozen=True)
class Recording:
    """The values that a sensor would have delivered.

    Attributes:
        values: shape (moments, axes), 16-bit.
        rate_hz: moments per second.
        notes: changes and defects, for people.
        is_polled: whether each moment waits until the firmware reads it, as a camera's rows do.
        images: how many it has; 0 if it is none of images.
    """

    values: npt.NDArray[np.int16]
    rate_hz: int
    notes: tuple[str, ...] = ()
    is_polled: bool = False
    images: int = 0

    @property
    def summary(self) -> str:
        """What it is, for people."""
        if self.images:
            return f"{self.images:,} image{'s' if self.images > 1 else ''} in {self.seconds:.2f} s"
        return f"{self.seconds:.2f} s at {self.rate_hz:,} Hz"

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.values) / self.rate_hz


def read_sound(path: Path, rate: int) -> Recording:
    """Read a WAV file of PCM as one channel of 16-bit samples.

    Args:
        path: the file, an hour at most.
        rate: in Hz, of the samples; a file of another one is resampled.

    Raises:
        InputError: it is not such a file, or has no samples.
    """
    check_regular(path, "give a WAV file")
    notes: list[str] = []
    try:
        with wave.open(str(path), "rb") as stream:
            found, channels, width = stream.getframerate(), stream.getnchannels(), stream.getsampwidth()
            claimed = stream.getnframes()
            if width > _WIDEST or found < 1:
                raise InputError(f"{path}: has {8 * width} bits per sample at {found} Hz", "convert it to 16-bit PCM")
            if claimed * width * channels < _ENDLESS_BYTES and claimed > LONGEST_S * found:
                raise InputError(
                    f"{path}: has {claimed / found:,.0f} s, at most {LONGEST_S:,} s are read", "shorten it"
                )
            data = stream.readframes(LONGEST_S * found)
    except InputError:
        raise
    except Exception as error:  # a damaged file raises what it is not: wave.Error, EOFError, struct.error
        raise InputError(f"{path}: not a WAV file of PCM ({error})", "convert it to 16-bit PCM", path=path) from None
    frame = width * channels
    samples = mixed(data[: len(data) // frame * frame], width, channels)
    if not len(samples):
        raise InputError(f"{path}: has no samples", "record it again", path=path)
    if len(samples) < claimed and claimed * frame < _ENDLESS_BYTES:
        notes.append(
            f"truncated: {claimed / found:.2f} s according to its header, {len(samples) / found:.2f} s in the file"
        )
    if channels > 1:
        notes.append(f"mixed: {channels} channels into one")
    loud = int(np.count_nonzero(np.abs(samples) >= _FULL_SCALE))
    if loud > 2:
        notes.append(f"clipped: {loud:,} samples are at full scale")
    if float(np.abs(samples).max()) < _SILENT:
        notes.append("silent: no sample exceeds 4 of 32768")
    if found != rate:
        notes.append(f"resampled: from {found:,} to {rate:,} Hz")
        samples = resample(samples, found, rate)
    return Recording(to_int16(samples)[:, None], rate, tuple(notes))


def resample(samples: Samples, rate: int, wanted: int) -> Samples:
    """Return samples at another rate, by a windowed sinc; what is above half of the lower rate is taken away.

    Args:
        samples: shape (n,).
        rate, wanted: in Hz.

    Returns:
        Shape (m,), of the same duration.
    """
    divisor = math.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    band = min(1.0, wanted / rate) * 0.97
    reach = math.ceil(_ZERO_CROSSINGS / band)
    offsets = np.arange(-reach, reach + 1)
    # One row a position between two samples: there are `up` of them.
    distance = offsets[None, :] - np.arange(up)[:, None] / up
    taper = np.where(np.abs(distance) <= reach, 0.5 + 0.5 * np.cos(np.pi * distance / reach), 0)
    kernels = band * np.sinc(band * distance) * taper
    kernels /= kernels.sum(axis=1, keepdims=True)
    padded = np.pad(samples, reach + 1)
    count = -(-len(samples) * up // down)
    out = np.empty(count)
    for start in range(0, count, _AT_A_TIME):
        place = np.arange(start, min(start + _AT_A_TIME, count)) * down
        near = padded[(place // up)[:, None] + offsets + reach + 1]
        out[start : start + len(place)] = np.einsum("ij,ij->i", near, kernels[place % up])
    return out
