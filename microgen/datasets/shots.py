"""Images in place of a camera: each is one shot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from ..preprocessing.image import Image, to_rgb565
from .folders import SUFFIXES
from .images import read_colours
from .recording import Recording

_MOST = 1000


def read_shots(path: Path, image: Image, images_per_s: int) -> Recording:
    """Read an image, or the images of a folder in the order of their names, as a camera gives them: row by row.

    An image of another size is cropped to the camera's shape around its middle, and resized.

    Args:
        path: the file or folder.
        image: the size of the camera's images.
        images_per_s: so many come a second.

    Returns:
        One moment a row: its number in the image, then its pixels in RGB565.

    Raises:
        InputError: there is no image, or one cannot be read.
        SetupError: Pillow is missing.
    """
    files = [path]
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES["images"])
        if not files:
            raise InputError(f"{path}: has no images", f"give files of {', '.join(SUFFIXES['images'])}", path=path)
    if len(files) > _MOST:
        raise InputError(f"{path}: has {len(files):,} images, at most {_MOST:,} are read", "give fewer", path=path)
    height, width = image.source_height, image.source_width
    numbers = np.arange(height, dtype=np.uint16)[:, None]
    parts, notes = [], set()
    for file in files:
        colours, found = read_colours(file, width, height)
        if found != (width, height):
            notes.add(f"resized: from {found[0]} x {found[1]} to {width} x {height} pixels")
        parts.append(np.hstack([numbers, to_rgb565(colours)]))
    return Recording(
        np.concatenate(parts).view(np.int16),
        images_per_s * height,
        tuple(sorted(notes)),
        is_polled=True,
        images=len(files),
    )
