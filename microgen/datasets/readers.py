"""Reads samples from a folder of images or of WAV files, or from a CSV, to the shape of a model's input."""

from __future__ import annotations

import csv
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, SetupError
from ..preprocessing.front_end import FrontEnd
from .arrays import TARGET_NAMES, Array, InputSpec, representative

# The kinds of files that a folder may hold.
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


def _chosen(
    values: Mapping[str, Any], suffixes: Sequence[str], seed: int
) -> tuple[list[Path], Array | None, tuple[str, ...]]:
    """Return the files of a folder, at most 500, and their classes where subfolders name them.

    Subfolders name classes where every file is in one. All files decide that, not the drawn ones: the seed must not.
    """
    folder = Path(values["path"])
    every = files_of(folder, suffixes)
    files = [every[i] for i in representative(len(every), seed)]
    if any(p.parent == folder for p in every):
        return files, None, ()
    classes = tuple(sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))
    number = {name: k for k, name in enumerate(classes)}
    return files, np.array([number[p.relative_to(folder).parts[0]] for p in files]), classes


def _images(values: Mapping[str, Any], spec: InputSpec, seed: int) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Read images: resized bilinearly to the input's height and width, grey or RGB, scaled to the range."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise SetupError("images need Pillow, which is not installed", "pip install 'microgen[quantize]'") from None
    shape = spec.shape if len(spec.shape) == 3 else (*spec.shape, 1)
    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, which is not an image",
            "a folder of images needs an input of height, width and 1 or 3 channels",
        )
    files, targets, classes = _chosen(values, SUFFIXES["images"], seed)
    low, high = values["range"]
    images = []
    for file in files:
        try:
            with Image.open(file) as image:
                small = image.convert("L" if shape[2] == 1 else "RGB").resize(
                    (int(shape[1] or 0), int(shape[0] or 0)), Image.Resampling.BILINEAR
                )
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: cannot be read as an image ({error})", "remove or repair the file") from None
        images.append(np.asarray(small, np.float32).reshape([int(d or 0) for d in spec.shape]))
    return np.stack(images) / 255 * (high - low) + low, targets, classes


def _wav(values: Mapping[str, Any], spec: InputSpec, seed: int) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Read WAV files: as samples of -1 to 1 where the input has one dimension, else as log-mel frames."""
    files, targets, classes = _chosen(values, SUFFIXES["wav"], seed)
    shape = spec.shape[:-1] if spec.shape and spec.shape[-1] == 1 and len(spec.shape) > 1 else spec.shape
    if len(shape) not in (1, 2) or None in shape:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, which fits neither audio nor its frames",
            "WAV files need an input of samples, or of frames and mel channels",
        )
    recordings = []
    for file in files:
        samples, rate = read_wav(file)
        if len(shape) == 2:
            front = FrontEnd(sample_rate=rate, channels=int(shape[1] or 0))
            frames = front.log_mel(_padded(samples, front.samples_of(int(shape[0] or 0))))
            recordings.append(frames.reshape([int(d or 0) for d in spec.shape]))
        else:
            recordings.append(_padded(samples, int(shape[0] or 0)).reshape([int(d or 0) for d in spec.shape]))
    return np.stack(recordings), targets, classes


def read_wav(path: Path) -> tuple[npt.NDArray[np.float32], int]:
    """Read a WAV file of PCM, 8, 16, 24 or 32 bits, its channels averaged.

    Returns:
        The samples from -1 to 1, and the sample rate in Hz.

    Raises:
        InputError: it is not such a file.
    """
    try:
        with wave.open(str(path), "rb") as stream:
            width, channels, rate = stream.getsampwidth(), stream.getnchannels(), stream.getframerate()
            data = stream.readframes(stream.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise InputError(f"{path}: not a WAV file of PCM ({error})", "convert it to 16-bit PCM") from None
    data = data[: len(data) // (width * channels) * width * channels]
    if not data:
        raise InputError(f"{path}: has no samples", "remove the file")
    raw = np.frombuffer(data, np.uint8).reshape(-1, width)
    if width == 1:
        signed = (raw[:, 0].astype(np.int32) - 128) << 24
    else:
        padded = np.zeros((len(raw), 4), np.uint8)
        padded[:, 4 - width :] = raw
        signed = padded.view("<i4")[:, 0]
    mixed = signed.reshape(-1, channels).mean(axis=1) / 2**31
    return mixed.astype(np.float32), rate


def _padded(samples: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.float32]:
    """Cut or pad with silence to a number of samples."""
    return np.pad(samples[:count], (0, max(count - len(samples), 0)))


def _csv(values: Mapping[str, Any], spec: InputSpec, seed: int) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Read a CSV: one sample a line, its values in the order of the input; a column "label" holds the class."""
    path = Path(values["path"])
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})", "save it as UTF-8, comma separated") from None
    heads: list[str] = []
    if rows and not all(_is_number(cell) for cell in rows[0]):
        heads = [cell.strip().lower() for cell in rows.pop(0)]
    if not rows:
        raise InputError(f"{path}: has no samples", "give one sample a line")
    width = len(rows[0])
    for number, row in enumerate(rows, 1 + bool(heads)):
        if len(row) != width or (heads and width != len(heads)):
            raise InputError(f"{path}: line {number} has {len(row)} values, others {width}", "repair the file")
    column = next((k for k, head in enumerate(heads) if head in TARGET_NAMES), None)
    targets: Array | None = None
    classes: tuple[str, ...] = ()
    if column is not None:
        names = [row.pop(column).strip() for row in rows]
        if all(_is_number(n) for n in names):
            targets = np.array([float(n) for n in names])
        else:
            classes = tuple(sorted(set(names)))
            targets = np.array([classes.index(n) for n in names])
    try:
        numbers = np.array([[float(cell) for cell in row] for row in rows], np.float64)
    except ValueError as error:
        raise InputError(f"{path}: not numbers ({error})", "give numbers; a column 'label' may hold names") from None
    if None in spec.shape or numbers.shape[1] != int(np.prod([d or 1 for d in spec.shape])):
        raise InputError(
            f"input '{spec.name}' takes samples of shape {list(spec.shape)}, {path.name} has {numbers.shape[1]} "
            "values a line",
            "give all values of a sample on one line",
        )
    return numbers.reshape(len(rows), *(int(d or 0) for d in spec.shape)), targets, classes


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# Each takes the values of a request, the input and a seed; it returns samples, the class of each, the classes' names.
READERS = {"images": _images, "wav": _wav, "csv": _csv}
