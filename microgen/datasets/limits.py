"""Limits on calibration data: an untrusted file may declare any size.

Declared sizes are compared with these limits before anything is read, decoded or unpacked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError, nearest_path
from .arrays import MAX_SAMPLES, InputSpec

# The arrays of a file together, unpacked: as much as a worker may write. They are read in blocks, and few samples kept.
STORED_BYTES = 2 * 2**30
# Arrays that are held in memory as a whole.
WHOLE_BYTES = 2**30
# The samples that are kept, all inputs together.
KEPT_BYTES = 2**29
# Drawing from so many takes 80 MB.
SAMPLES = 10_000_000
# A text file is read a line at a time; each number of a line takes 60 bytes meanwhile.
TEXT_BYTES = 2**28
LINE_BYTES = 2**24
# Pillow takes four bytes per pixel; the copies that decoding, turning and converting make stay below 1 GiB.
IMAGE_PIXELS = 50_000_000
# Audio of one sample.
AUDIO_S = 600


def sample_limit(inputs: Sequence[InputSpec], most: int = MAX_SAMPLES) -> int:
    """Return how many samples are kept: `most`, or as many as fit into `KEPT_BYTES`.

    Raises:
        InputError: not even one fits.
    """
    size = sum(math.prod(d or 1 for d in i.shape) * np.dtype(i.dtype).itemsize for i in inputs)
    if size > KEPT_BYTES:
        raise InputError(
            f"one sample of the inputs has {size:,} bytes, at most {KEPT_BYTES:,} are read",
            "no microcontroller has room for such an input; use a smaller model",
        )
    return min(most, KEPT_BYTES // max(size, 1))


def check_samples(count: int, path: Path) -> None:
    """Reject data with too many samples to draw from.

    Raises:
        InputError: there are more.
    """
    if count > SAMPLES:
        raise InputError(
            f"{path}: has {count:,} samples, more than the limit of {SAMPLES:,}",
            "give fewer; 500 are enough for calibration",
            path=path,
        )


def check_regular(path: Path, hint: str) -> None:
    """Reject endless files: pipes and devices.

    Raises:
        InputError: says which of these.
    """
    try:
        is_there, is_regular = path.exists(), path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, or has a zero byte
        raise InputError(f"{path}: cannot be opened ({error})", hint, path=path) from None
    if not is_there:
        raise InputError(f"{path}: no such file", nearest_path(path, hint), path=path)
    if not is_regular:
        raise InputError(f"{path}: not a regular file", hint, path=path)
