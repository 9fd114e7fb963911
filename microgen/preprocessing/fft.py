"""A real FFT of 16 bits, frame by frame side by side, as firmware/preprocessing/logmel_fft.c computes it.

Decimation in time by 4, and by 2 at the start where that is left over. Each stage divides by its radix, so the result
is the DFT divided by the FFT's size. A product is rounded to the nearest, halves upwards; sums wrap to 16 bits, which
full-scale square waves can reach.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .tables import Ints, Tables

Pair = tuple[Ints, Ints]


def wrap(x: npt.NDArray[np.int32]) -> Ints:
    """Wrap to 16 bits."""
    return x.astype(np.int16).astype(np.int32)


def energies(samples: npt.NDArray[np.int32], tables: Tables) -> npt.NDArray[np.int64]:
    """Return the squared magnitudes of a real FFT.

    Args:
        samples: [frames, n] of 16 bits; zeros follow up to the FFT's size.

    Returns:
        [frames, N] of bins 0 to N - 1; bin 0 is 0, since no filter uses it.
    """
    half = tables.half
    padded = np.zeros((len(samples), 2 * half), np.int32)
    padded[:, : samples.shape[1]] = samples
    order = np.argsort(tables.place)
    spectrum = _complex_fft((padded[:, 0::2][:, order], padded[:, 1::2][:, order]), tables)
    return _split(spectrum, tables)


def _round(product: npt.NDArray[np.int32]) -> Ints:
    return (product + (1 << 14)) >> 15


def _multiply(a: Pair, twiddles: Ints) -> Pair:
    re, im = twiddles[:, 0], twiddles[:, 1]
    return wrap(_round(a[0] * re - a[1] * im)), wrap(_round(a[0] * im + a[1] * re))


def _divide(a: Pair, by: int) -> Pair:
    factor = 32767 // by
    return _round(a[0] * factor), _round(a[1] * factor)


def _sum(a: Pair, b: Pair) -> Pair:
    return wrap(a[0] + b[0]), wrap(a[1] + b[1])


def _difference(a: Pair, b: Pair) -> Pair:
    return wrap(a[0] - b[0]), wrap(a[1] - b[1])


def _complex_fft(x: Pair, tables: Tables) -> Pair:
    """Transform [frames, N] in the order of `place`; the result is in natural order."""
    frames, half = x[0].shape
    size = 1
    if half.bit_length() % 2 == 0:
        a, b = (_divide((x[0][:, k::2], x[1][:, k::2]), 2) for k in range(2))
        x = _joined([_sum(a, b), _difference(a, b)], frames, 1)
        size = 2
    while size < half:
        stride = half // (4 * size)
        blocks = [part.reshape(frames, -1, 4, size) for part in x]
        a, b, c, d = (_divide((blocks[0][:, :, k], blocks[1][:, :, k]), 4) for k in range(4))
        k = np.arange(size)
        b, c, d = (_multiply(z, tables.twiddles[j * stride * k]) for j, z in ((1, b), (2, c), (3, d)))
        even, odd = _sum(a, c), _difference(a, c)
        inner, outer = _sum(b, d), _difference(b, d)
        turned = outer[1], -outer[0]  # times -i
        x = _joined([_sum(even, inner), _sum(odd, turned), _difference(even, inner), _difference(odd, turned)], frames)
        size *= 4
    return x


def _joined(parts: list[Pair], frames: int, axis: int = 2) -> Pair:
    re, im = (
        np.stack([p[i].reshape(frames, -1, 1) if axis == 1 else p[i] for p in parts], axis=2).reshape(frames, -1)
        for i in range(2)
    )
    return re, im


def _split(z: Pair, tables: Tables) -> npt.NDArray[np.int64]:
    """Part the FFT of N complex samples into that of 2 N real ones, and square it."""
    half = tables.half
    k = np.arange(1, half // 2 + 1)
    a = _divide((z[0][:, k], z[1][:, k]), 2)
    b = _divide((z[0][:, half - k], wrap(-z[1][:, half - k])), 2)
    even = _sum(a, b)
    odd = _multiply(_difference(a, b), tables.split)
    found = np.zeros((len(z[0]), half), np.int64)
    found[:, k] = _squared((even[0] + odd[0]) >> 1, (even[1] + odd[1]) >> 1)
    found[:, half - k] = _squared((even[0] - odd[0]) >> 1, (odd[1] - even[1]) >> 1)
    return found


def _squared(re: Ints, im: Ints) -> npt.NDArray[np.int64]:
    return re.astype(np.int64) ** 2 + im.astype(np.int64) ** 2
