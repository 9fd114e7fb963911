"""The integer constants of a log-mel front end: the same on every machine, and what its C code gets in flash.

The C library of TensorFlow Lite ("microfrontend") computes them in single precision when a program starts. They are
computed here step by step as it does, each step rounded to float32, so they are its tables where a CPU does not fuse a
multiplication with an addition (with fusion, mel weights differ).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import exact
from .settings import Settings

# Fractional bits: of the window, of mel weights, of the noise estimate and its smoothing, of gain and SNR of PCAN.
WINDOW_BITS = 12
WEIGHT_BITS = 12
NOISE_BITS = 10
SMOOTHING_BITS = 14
GAIN_BITS = 21
SNR_BITS = 12
_GAIN_MAX = 32767
_TWIDDLE_MAX = 32767
_LOG_SEGMENTS = 128

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tables:
    """The constants of one front end.

    N is half the FFT's size: the FFT of 2 N real samples is one of N complex ones.

    Attributes:
        window: [window] Hann window, 4096 is 1.
        place: [N] where complex sample n lies in the FFT's buffer: its digits reversed.
        twiddles: [3 N / 4, 2] cosine and sine of -2 pi k / N; 32767 is 1.
        split: [N / 2, 2] cosine and sine of -pi ((k + 1) / N + 1 / 2); they part the two halves of the real FFT.
        first_bin: the first bin that a filter uses.
        widths: [channels + 1] how many bins follow for each band, one after another.
        weights: [sum of widths] how much of a bin's energy falls into its band's own channel, 4096 is all; the rest
            falls into the next. Channel i is the rest of band i and the weighted part of band i + 1.
        even_smoothing, odd_smoothing, floor: of the noise reduction, 16384 is 1.
        gains: [125] PCAN's gain: two values for noise 0 and 1, then three coefficients and a 0 for each bit length.
        level_shift: the FFT's size divided by 64, as a shift to the left.
    """

    window: Ints
    place: Ints
    twiddles: Ints
    split: Ints
    first_bin: int
    widths: Ints
    weights: Ints
    even_smoothing: int
    odd_smoothing: int
    floor: int
    gains: Ints
    level_shift: int

    @property
    def half(self) -> int:
        """N."""
        return len(self.place)

    @property
    def snr_shift(self) -> int:
        """How far signal times gain is shifted to the right to be a signal-to-noise ratio."""
        return GAIN_BITS - self.level_shift - SNR_BITS


@functools.lru_cache(maxsize=8)
@exact.with_40_digits
def tables(front: Settings) -> Tables:
    """Return the constants of a front end."""
    half = front.fft_size // 2
    level_shift = front.fft_size.bit_length() - 7
    first_bin, widths, weights = _filters(front, half)
    even, odd, floor = (
        int(np.float32(x) * np.float32(1 << SMOOTHING_BITS))
        for x in (front.even_smoothing, front.odd_smoothing, front.min_signal_remaining)
    )
    return Tables(
        window=_window(front.window),
        place=_places(half),
        twiddles=np.array([_twiddle(-k, half) for k in range(3 * half // 4)], np.int32),
        split=np.array([_twiddle(-(2 * (k + 1) + half), 4 * half) for k in range(half // 2)], np.int32),
        first_bin=first_bin,
        widths=widths,
        weights=weights,
        even_smoothing=even,
        odd_smoothing=odd,
        floor=floor,
        gains=_gains(front, NOISE_BITS - level_shift),
        level_shift=level_shift,
    )


@functools.cache
@exact.with_40_digits
def log_segments() -> Ints:
    """Return [130] what log2(1 + i / 128) exceeds i / 128 by, 65536 is 1, for i of 0 to 128, and a 0."""
    n = _LOG_SEGMENTS
    parts = [exact.half_up((exact.log2(n + i, n) * n - i) * (65536 // n)) for i in range(n + 1)]
    return np.array([*parts, 0], np.int32)


def interpolated_gain(gains: Ints, noise: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return PCAN's gain for estimates of noise, any shape: a parabola for each bit length of the estimate."""
    length = np.frexp(np.maximum(noise, 2).astype(np.float64))[1].astype(np.int64)
    at = 4 * length - 6
    rest = np.where(length < 11, noise << np.maximum(11 - length, 0), noise >> np.maximum(length - 11, 0)) & 0x3FF
    table = gains.astype(np.int64)
    slope = ((table[at + 2] * rest) >> 5) + (table[at + 1] << 5)
    value = table[at] + ((slope * rest + (1 << 14)) >> 15)
    return np.asarray(np.where(noise < 2, table[np.minimum(noise, 1)], value), np.int64)


def _window(size: int) -> Ints:
    f = np.float32
    step = f(f(np.pi) * f(2)) / f(size)
    cosines = np.array([exact.cos(f(step * f(i + f(0.5)))) for i in range(size)], f)
    values = f(0.5) - f(0.5) * cosines
    return np.asarray(np.floor(values * f(1 << WINDOW_BITS) + f(0.5)), np.int32)


def _places(half: int) -> Ints:
    """Follow each sample through the FFT's decimation by 4, and by 2 at the end where half is no power of 4."""
    order = np.zeros(1, np.int64)  # the sample at each place
    size = 1
    radix = 2 if half.bit_length() % 2 == 0 else 4
    while size < half:
        order = (np.arange(radix)[:, None] + radix * order[None, :]).reshape(-1)
        size, radix = size * radix, 4
    return np.asarray(np.argsort(order), np.int32)


def _twiddle(numerator: int, denominator: int) -> tuple[int, int]:
    cosine = exact.cos_turns(numerator, denominator)
    sine = exact.cos_turns(4 * numerator - denominator, 4 * denominator)
    return exact.half_up(cosine * _TWIDDLE_MAX), exact.half_up(sine * _TWIDDLE_MAX)


def _htk(hertz: np.float32) -> np.float32:
    f = np.float32
    return f(f(1127) * exact.log1p(f(hertz / f(700))))


SCALES = {"htk": _htk, "slaney": exact.slaney}


def _filters(front: Settings, half: int) -> tuple[int, Ints, Ints]:
    f, mel = np.float32, SCALES[front.mel]
    low, high = mel(f(front.low_hz)), mel(f(front.high_hz))
    spacing = f(f(high - low) / f(front.channels + 1))
    centers = [f(low + f(spacing * f(i + 1))) for i in range(front.channels + 1)]
    hertz = f(f(f(0.5) * f(front.sample_rate)) / f(half))
    first_bin = int(f(1.5) + f(front.low_hz) / hertz)
    # The last bin, at half the sample rate, has no energy here, and no weight.
    mels = [mel(f(f(b) * hertz)) for b in range(first_bin, half)]
    widths, weights = [], []
    used = 0
    for center, before in zip(centers, [low, *centers], strict=False):
        start = used
        while used < len(mels) and mels[used] <= center:
            part = f(f(center - mels[used]) / f(center - before))
            weights.append(int(np.floor(f(part * f(1 << WEIGHT_BITS)) + f(0.5))))
            used += 1
        widths.append(used - start)
    return first_bin, np.array(widths, np.int32), np.array(weights, np.int32)


def _gains(front: Settings, noise_bits: int) -> Ints:
    f = np.float32

    def gain(noise: int) -> int:
        level = f(f(f(noise) / f(1 << noise_bits)) + f(front.pcan_offset))
        value = f(f(1 << GAIN_BITS) * exact.power(level, f(-front.pcan_strength)))
        return _GAIN_MAX if value > _GAIN_MAX else int(value + f(0.5))

    table = [gain(0), gain(1)]
    for length in range(2, 33):
        low = 1 << (length - 1)
        high = 2 * low if length < 32 else 2 * low - 1
        start, middle, end = gain(low), gain(low + low // 2), gain(high)
        first = 4 * (middle - start) - (end - start)
        table += [start, first, end - start - first, 0]
    return np.array(table[:125], np.int32)
