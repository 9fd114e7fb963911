"""Mel-frequency cepstral coefficients in integers, equal value by value to firmware/preprocessing/mfcc.c.

They are the discrete cosine transform of log-mel features, scaled as `tf.signal.mfccs_from_log_mel_spectrograms` does
(and HTK): c[k] = sqrt(2 / n) sum_i x[i] cos(pi k (i + 1 / 2) / n) for n channels, in the units of the features.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import emit, exact
from .log_mel import LogMel, Samples
from .settings import check_whole
from .tables import Ints

# 16384 is 1: the largest cosine, sqrt(2) for one channel, fits 16 bits.
COSINE_BITS = 14
# The first coefficient of more channels, all at the largest logarithm, leaves 16 bits.
_MAX_CHANNELS = 256


@dataclass(frozen=True)
class Mfcc:
    """Cepstral coefficients of an audio front end.

    Attributes:
        front: the front end, with its logarithm, of 256 channels at most.
        coefficients: how many are kept, from the first, which follows loudness.

    Raises:
        InputError: settings of which no coefficients of 16 bits can be made.
    """

    front: LogMel
    coefficients: int = 10

    def __post_init__(self) -> None:
        check_whole(coefficients=self.coefficients)
        if not self.front.log:
            raise InputError("log=False: coefficients need logarithms", "use a front end with log=True")
        if self.front.channels > _MAX_CHANNELS:
            raise InputError(f"channels={self.front.channels}: not supported", f"use at most {_MAX_CHANNELS}")
        if not 1 <= self.coefficients <= self.front.channels:
            raise InputError(
                f"coefficients={self.coefficients}: not supported",
                f"use 1 to {self.front.channels}, the number of channels",
            )

    @property
    def cosines(self) -> Ints:
        """The transform: [coefficients, channels], 16384 is 1."""
        return _cosines(self.coefficients, self.front.channels)

    def frames(self, samples: Samples) -> npt.NDArray[np.int16]:
        """Compute the coefficients of a signal, from a front end in its initial state.

        Args:
            samples: shape (n,), 16-bit; see `to_int16`.

        Returns:
            Shape (frames, coefficients); 64 is 1 of the natural logarithm.

        Raises:
            InputError: the samples are of another type or shape.
        """
        sums = self.front.frames(samples).astype(np.int32) @ self.cosines.T
        return ((sums + (1 << (COSINE_BITS - 1))) >> COSINE_BITS).astype(np.int16)

    def emit(self, name: str = "front_end") -> dict[str, str]:
        """Return the C files of front end and transform, by name: `name`, and `name`_mfcc.

        Args:
            name: of the files and of what they define; a C identifier.

        Raises:
            InputError: the name is none, a keyword of C or C++, or begins as the names of the code beside it do.
        """
        return self.front.emit(name) | emit.mfcc_files(self.cosines, f"{name}_mfcc")


@functools.lru_cache(maxsize=8)
@exact.with_40_digits
def _cosines(coefficients: int, channels: int) -> Ints:
    scale = (Decimal(2) / channels).sqrt() * (1 << COSINE_BITS)
    turns = 4 * channels  # cos(pi k (2 i + 1) / (2 n)) is that of k (2 i + 1) / (4 n) turns
    table = [
        [exact.half_up(exact.cos_turns(k * (2 * i + 1), turns) * scale) for i in range(channels)]
        for k in range(coefficients)
    ]
    return np.array(table, np.int32)
