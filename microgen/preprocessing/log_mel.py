"""Log-mel features in integers, equal value by value to firmware/preprocessing/logmel.c.

The chain is that of TensorFlow Lite's audio front end (tensorflow/lite/experimental/microfrontend), which microWakeWord
and TFLM's examples use: a Hann window, a real FFT of 16 bits, mel-spaced triangles over the energies, a square root,
noise reduction, PCAN gain control (Wang et al., "Trainable Frontend For Robust and Far-Field Keyword Spotting", 2017)
and a logarithm scaled by 64. With `LogMel()` the values are those of the package pymicro-features, times 25.6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import emit, fft, levels
from .settings import Settings, check_whole
from .tables import SCALES, Tables, interpolated_gain, tables

Samples = npt.NDArray[np.int16]
_MIN_WINDOW, _MAX_WINDOW = 16, 8192
_MAX_CHANNELS = 512
# So many frames are computed at a time: their intermediate results stay in a CPU's cache.
_AT_A_TIME = 64


@dataclass(frozen=True)
class LogMel(Settings):
    """An audio front end.

    Attributes:
        sample_rate: in Hz.
        window_ms, step_ms: length of a frame and distance between two, in milliseconds; the step is at most a window.
        channels: mel channels, 1 to 512.
        low_hz, high_hz: the band that they cover; the upper end is at most half the sample rate.
        noise_reduction: subtract an estimate of each channel's noise.
        even_smoothing, odd_smoothing: how fast the estimate follows, 0 to 1, of channels 0, 2, ... and 1, 3, ...
        min_signal_remaining: the part of a channel that is left at least, 0 to 1.
        pcan: normalize each channel by its noise estimate (per-channel amplitude normalization).
        pcan_strength, pcan_offset: the exponent, and what is added to the estimate.
        log: 64 ln(x) at the end; without it, values are amplitudes, 65535 at most.
        mel: the scale, "htk": 1127 ln(1 + f / 700), or "slaney": linear below 1 kHz, logarithmic above (M. Slaney,
            "Auditory Toolbox", 1998), which librosa has.

    Raises:
        InputError: settings that exclude each other, or of which no integer tables can be made.
    """

    def __post_init__(self) -> None:
        check_whole(
            sample_rate=self.sample_rate, window_ms=self.window_ms, step_ms=self.step_ms, channels=self.channels
        )
        nyquist = self.sample_rate / 2
        samples = f"take {_MIN_WINDOW} to {_MAX_WINDOW} samples; window_ms={self.window_ms} makes {self.window}"
        for name, allowed, hint in (
            ("sample_rate", self.sample_rate >= 1, "give it in Hz"),
            ("window_ms", _MIN_WINDOW <= self.window <= _MAX_WINDOW, samples),
            (
                "step_ms",
                1 <= self.step <= self.window,
                f"take one sample to a whole window, window_ms={self.window_ms}",
            ),
            ("channels", 1 <= self.channels <= _MAX_CHANNELS, f"take 1 to {_MAX_CHANNELS}"),
            ("low_hz", 0 <= self.low_hz < nyquist, f"take 0 Hz to half the sample rate, {nyquist:g}"),
            ("high_hz", self.low_hz < self.high_hz <= nyquist, f"take {self.low_hz:g} to {nyquist:g} Hz"),
            ("even_smoothing", 0 <= self.even_smoothing <= 1, "take 0 to 1"),
            ("odd_smoothing", 0 <= self.odd_smoothing <= 1, "take 0 to 1"),
            ("min_signal_remaining", 0 <= self.min_signal_remaining <= 1, "take 0 to 1"),
            ("pcan_strength", 0 <= self.pcan_strength <= 10, "take 0 to 10"),
            ("pcan_offset", 0 < self.pcan_offset <= 1e9, "take a positive number"),
            ("mel", self.mel in SCALES, f"take {' or '.join(SCALES)}"),
        ):
            if not allowed:
                raise InputError(f"{name}={getattr(self, name)}: not supported", hint)
        if self.pcan:
            _check_gains(self, tables(self))

    def frames(self, samples: Samples) -> npt.NDArray[np.uint16]:
        """Compute the features of a signal, from a front end in its initial state.

        Args:
            samples: shape (n,), 16-bit; see `to_int16`.

        Returns:
            Shape (frames, channels); no frame where n is less than a window.

        Raises:
            InputError: the samples are of another type or shape.
        """
        samples = np.asarray(samples)
        if samples.dtype != np.int16:
            raise InputError(f"samples of type {samples.dtype}", "to_int16() converts values from -1 to 1")
        if samples.ndim != 1:
            raise InputError(f"samples of shape {list(samples.shape)}", "give one channel: a single dimension")
        if len(samples) < self.window:
            return np.zeros((0, self.channels), np.uint16)
        windows = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.step]
        parts = [self._amplitudes(windows[i : i + _AT_A_TIME]) for i in range(0, len(windows), _AT_A_TIME)]
        return levels.features(np.concatenate(parts), self, tables(self))

    def emit(self, name: str = "front_end") -> dict[str, str]:
        """Return the C files of this front end, by name: its tables, its state and its macros.

        Args:
            name: of the files and of what they define; a C identifier.

        Raises:
            InputError: the name is none, a keyword of C or C++, or begins as the names of the code beside it do.
        """
        return emit.files(self, tables(self), name)

    def _amplitudes(self, windows: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
        """Return [frames, channels] amplitudes of windows [frames, window]."""
        made = tables(self)
        windowed = fft.wrap((windows.astype(np.int32) * made.window) >> 12)
        # The largest amplitude of 16 bits; -32768 has none, and does not count.
        size = fft.wrap(np.abs(windowed)).max(axis=1, initial=0)
        shift = 15 - np.frexp(size.astype(np.float64))[1]
        energies = fft.energies(fft.wrap(windowed << shift[:, None]), made)
        return levels.amplitudes(energies, shift.astype(np.int64), made)


def to_int16(samples: npt.ArrayLike) -> Samples:
    """Return samples of -1 to 1 as 16-bit ones, rounded; what is louder is clipped.

    Raises:
        InputError: some are no numbers.
    """
    scaled = np.asarray(samples, np.float64) * 32768
    if not np.isfinite(scaled).all():
        raise InputError("samples that are not finite", "remove them")
    return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)


def _check_gains(front: Settings, made: Tables) -> None:
    """Refuse gains whose parabolas leave 0 to 32767: C code multiplies them in 32 bits."""
    starts = np.array([1 << (length - 1) for length in range(2, 33)], np.int64)
    noise = starts[:, None] + (np.arange(1024) * starts[:, None] >> 10)
    gains = interpolated_gain(made.gains, noise)
    if int(np.abs(made.gains).max()) > 32767 or int(gains.min()) < 0 or int(gains.max()) > 32767:
        raise InputError(
            f"pcan_strength={front.pcan_strength}, pcan_offset={front.pcan_offset}: gains leave 16 bits",
            "use a smaller exponent or a larger offset",
        )
