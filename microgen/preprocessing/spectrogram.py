"""A mel spectrogram in decibels, in integers, equal value by value to firmware/preprocessing/spectrogram.c.

It is a log-mel front end whose channels are divided by their width: what each says does not grow with the hertz that it
covers. With `mel="slaney"` these are the features of librosa's `melspectrogram` and `power_to_db`, on which MLPerf
Tiny's anomaly detection (and DCASE's baseline of 2020) is trained.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import emit, exact
from .log_mel import LogMel, Samples
from .settings import Settings
from .tables import SCALES, Ints

# So many units are a decibel: 64 are 1 of the natural logarithm of an amplitude.
DECIBEL = 64 * math.log(10) / 20
_UNIT = 64
_FULL_SCALE = 32768
_HERTZ = {"htk": exact.hertz_of_htk, "slaney": exact.hertz_of_slaney}


@dataclass(frozen=True)
class Spectrogram:
    """Levels of an audio front end's channels.

    Attributes:
        front: the front end, with its logarithm.

    Raises:
        InputError: it has no logarithm.
    """

    front: LogMel

    def __post_init__(self) -> None:
        if not self.front.log:
            raise InputError("log=False: levels are logarithms", "take a front end with log=True")

    @property
    def offsets(self) -> Ints:
        """What is added to each channel, shape (channels,): for its width, and for samples of 16 bits as of -1 to 1."""
        return _offsets(self.front)

    def frames(self, samples: Samples) -> npt.NDArray[np.int16]:
        """Compute the levels of a signal, from a front end in its initial state.

        Args:
            samples: shape (n,), 16-bit; see `to_int16`.

        Returns:
            Shape (frames, channels); 7.368 (`DECIBEL`) is one decibel of power in a hertz, of samples of -1 to 1.

        Raises:
            InputError: the samples are of another type or shape.
        """
        return (self.front.frames(samples) + self.offsets).astype(np.int16)

    def emit(self, name: str = "front_end") -> dict[str, str]:
        """Return the C files of front end and offsets, by name: `name`, and `name`_spectrogram.

        Args:
            name: of the files and of what they define; a C identifier.

        Raises:
            InputError: the name is none, a keyword of C or C++, or begins as the names of the code beside it do.
        """
        return self.front.emit(name) | emit.spectrogram_files(self.offsets, f"{name}_spectrogram")


@functools.lru_cache(maxsize=8)
@exact.with_40_digits
def _offsets(front: Settings) -> Ints:
    low, high = (Decimal(float(SCALES[front.mel](np.float32(f)))) for f in (front.low_hz, front.high_hz))
    edges = [_HERTZ[front.mel](low + (high - low) * k / (front.channels + 1)) for k in range(front.channels + 2)]
    # A triangle over a channel's energies has half its width as area: their mean is the sum times 2 / width.
    return np.array(
        [
            exact.half_up(_UNIT * ((2 / (end - start)).ln() / 2 - Decimal(_FULL_SCALE).ln()))
            for start, end in zip(edges, edges[2:], strict=False)
        ],
        np.int32,
    )
