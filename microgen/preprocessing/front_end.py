"""Log-mel frames as TFLM's audio front end computes them, in NumPy.

TFLM's front end (tensorflow/lite/experimental/microfrontend) works in fixed point: a Hann window, a real FFT,
mel-spaced triangles over the energies, a square root, optionally noise reduction and PCAN gain control, and a
logarithm scaled by 64. This is the same chain in floating point, with noise reduction and PCAN switched off:
window, mel scale (1127 ln(1 + f / 700)), filters, FFT size and output units are those of the C library, so a board
that runs it with `enable_pcan = 0` and noise reduction off (`min_signal_remaining = 1`) feeds the model what it
was trained on, up to fixed-point rounding: within 40 dB of a frame's loudest channel, 0.3 on average and 4 at most.
Below that the library's FFT, whose output has 16 bits, has a noise floor of its own.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# The front end takes 16-bit samples and scales its logarithm by 2^6.
_FULL_SCALE = 32768.0
_LOG_SCALE = 64.0


@dataclass(frozen=True)
class FrontEnd:
    """An audio front end.

    Attributes:
        sample_rate: in Hz.
        window_ms, step_ms: length of a frame and distance between two, in milliseconds.
        channels: mel channels.
        low_hz, high_hz: the band that they cover.
    """

    sample_rate: int = 16000
    window_ms: int = 30
    step_ms: int = 20
    channels: int = 40
    low_hz: float = 125.0
    high_hz: float = 7500.0

    @property
    def window(self) -> int:
        """Samples in a frame."""
        return self.window_ms * self.sample_rate // 1000

    @property
    def step(self) -> int:
        """Samples between the starts of two frames."""
        return self.step_ms * self.sample_rate // 1000

    def samples_of(self, frames: int) -> int:
        """Return how many samples a number of frames takes."""
        return self.window + (frames - 1) * self.step

    def log_mel(self, samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Compute log-mel frames.

        Args:
            samples: shape (n,), from -1 to 1; n is at least one window.

        Returns:
            Shape (frames, channels), in the units of the C library: 64 ln(x), about 0 to 900.
        """
        frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float64), self.window)[:: self.step]
        phase = 2 * np.pi / self.window * (np.arange(self.window) + 0.5)
        windowed = frames * _FULL_SCALE * (0.5 - 0.5 * np.cos(phase))
        size = 1 << (self.window - 1).bit_length()
        energy = np.abs(np.fft.rfft(windowed, size)) ** 2
        # The C library divides the spectrum by the FFT's size and multiplies the root by it again.
        magnitude = np.sqrt(energy @ _mel(self, size))
        return (_LOG_SCALE * np.log(np.maximum(magnitude, 1))).astype(np.float32)


@functools.lru_cache(maxsize=8)
def _mel(front: FrontEnd, size: int) -> npt.NDArray[np.float64]:
    """Return the filters, shape (bins, channels): triangles that are evenly spaced on the mel scale."""
    low, high = (1127 * np.log1p(f / 700) for f in (front.low_hz, front.high_hz))
    centers = np.linspace(low, high, front.channels + 2)
    bins = np.arange(size // 2 + 1)
    hertz = bins * front.sample_rate / size
    place = 1127 * np.log1p(hertz / 700)
    rising = (place[:, None] - centers[:-2]) / (centers[1:-1] - centers[:-2])
    falling = (centers[2:] - place[:, None]) / (centers[2:] - centers[1:-1])
    filters = np.clip(np.minimum(rising, falling), 0, None)
    filters[bins < int(1.5 + front.low_hz * size / front.sample_rate)] = 0
    return np.asarray(filters, np.float64)
