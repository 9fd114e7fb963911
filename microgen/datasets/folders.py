"""Folders of files, one sample each; subfolders name the classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .arrays import Targets, representative

# Suffixes of the files in a folder, by kind.
SUFFIXES = {
    "images": (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff"),
    "wav": (".wav",),
}


def files_of(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files below a folder with one of these suffixes, in upper or lower case, sorted.

    Hidden files, and files in hidden subfolders such as .ipynb_checkpoints or .thumbnails, are left out.
    """
    visible = (p for p in folder.rglob("*") if not any(part.startswith(".") for part in p.relative_to(folder).parts))
    return sorted(p for p in visible if p.suffix.lower() in suffixes and p.is_file())


def representative_files(folder: Path, suffixes: Sequence[str], seed: int, most: int) -> tuple[list[Path], Targets]:
    """Return files of a folder, and their classes where subfolders name them.

    Subfolders name classes where every file is in one. All files decide that, not the drawn ones: the seed must not.

    Args:
        folder: where they lie.
        suffixes: of their names.
        seed, most: as for `representative`.

    Returns:
        The files, and the class of each.
    """
    every = files_of(folder, suffixes)
    files = [every[i] for i in representative(len(every), seed, most)]
    if any(p.parent == folder for p in every):
        return files, Targets()
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))
    number = {name: k for k, name in enumerate(classes)}
    return files, Targets(np.array([number[p.relative_to(folder).parts[0]] for p in files], np.int64), classes)
