"""From energies to features: filters, square root, noise reduction, PCAN and logarithm, in integers.

firmware/preprocessing/logmel_levels.c computes the same, frame by frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .settings import Settings
from .tables import NOISE_BITS, SMOOTHING_BITS, SNR_BITS, WEIGHT_BITS, Tables, interpolated_gain, log_segments

Longs = npt.NDArray[np.int64]
_WORD = 0xFFFFFFFF
_OUTPUT_BITS = 6  # of PCAN
_LN2 = 45426  # 65536 ln 2
_LOG_SCALE_BITS = 6


def amplitudes(energies: Longs, shift: Longs, tables: Tables) -> Longs:
    """Return [frames, channels] roots of the energies in each channel.

    Args:
        energies: [frames, N]. shift: [frames] how far each frame was shifted to the left before the FFT.
    """
    used = energies[:, tables.first_bin : tables.first_bin + len(tables.weights)]
    weighted = used * tables.weights
    band = np.repeat(np.arange(len(tables.widths)), tables.widths)
    sums = np.zeros((len(used), len(tables.widths) + 1), np.int64)
    np.add.at(sums.T, band, weighted.T)
    np.add.at(sums.T, band + 1, ((used << WEIGHT_BITS) - weighted).T)
    return np.asarray(_root(sums[:, 1:-1]) >> shift[:, None], np.int64)


def features(amplitude: Longs, front: Settings, tables: Tables) -> npt.NDArray[np.uint16]:
    """Return [frames, channels] features of amplitudes, whose first frame is the first of a signal."""
    signal = amplitude
    if front.estimates_noise:
        noise = _noise(signal, tables)
        if front.noise_reduction:
            scaled = (signal << NOISE_BITS) & _WORD
            left = (scaled - np.minimum(noise, scaled)) >> NOISE_BITS
            signal = np.maximum(left, (signal * tables.floor) >> SMOOTHING_BITS)
        if front.pcan:
            signal = _shrink(((signal * interpolated_gain(tables.gains, noise)) >> tables.snr_shift) & _WORD)
    if front.log:
        up, down = max(tables.level_shift, 0), max(-tables.level_shift, 0)
        signal = _log(((signal << up) & _WORD) >> down)
    return np.minimum(signal, 65535).astype(np.uint16)


def _root(x: Longs) -> Longs:
    """Return the square root rounded to the nearest; of what has 32 bits, one that has 16."""
    root = np.floor(np.sqrt(x.astype(np.float64))).astype(np.int64)
    root -= root * root > x
    root += (root + 1) * (root + 1) <= x
    rounded = root + (x - root * root > root)
    return np.where((root == 0xFFFF) & (x <= _WORD), root, rounded)


def _noise(signal: Longs, tables: Tables) -> Longs:
    """Return [frames, channels] the estimate of noise after each frame: an exponential average."""
    follow = np.where(np.arange(signal.shape[1]) % 2 == 0, tables.even_smoothing, tables.odd_smoothing)
    added = ((signal << NOISE_BITS) & _WORD) * follow
    keep = (1 << SMOOTHING_BITS) - follow
    noise = np.empty_like(signal)
    now = np.zeros(signal.shape[1], np.int64)
    for i, frame in enumerate(added):
        now = ((frame + now * keep) >> SMOOTHING_BITS) & _WORD
        noise[i] = now
    return noise


def _shrink(snr: Longs) -> Longs:
    """Square small ratios and make large ones linear."""
    small = (snr * snr) >> (2 + 2 * SNR_BITS - _OUTPUT_BITS)
    return np.where(snr < 2 << SNR_BITS, small, (snr >> (SNR_BITS - _OUTPUT_BITS)) - (1 << _OUTPUT_BITS))


def _log(x: Longs) -> Longs:
    """Return 64 ln(x), 0 for 0: straight lines between 128 points of log2."""
    whole = np.frexp(np.maximum(x, 1).astype(np.float64))[1].astype(np.int64) - 1
    rest = np.maximum(x, 1) - (np.int64(1) << whole)
    part = np.where(whole < 16, rest << np.maximum(16 - whole, 0), rest >> np.maximum(whole - 16, 0))
    segment = part >> 9
    table = log_segments().astype(np.int64)
    low, high = table[segment], table[segment + 1]
    log2 = (whole << 16) + part + low + (((high - low) * (part & 511)) >> 16)
    natural = (_LN2 * log2 + (1 << 15)) >> 16
    return np.asarray(((natural << _LOG_SCALE_BITS) + (1 << 15)) >> 16, np.int64)
