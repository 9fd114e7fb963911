"""Calibration data, whatever it comes as: arrays, .npy, .npz, .csv, a folder of images or of WAV files.

It is read in two steps, because only who has loaded the model knows what its inputs take: `request` turns what
the user gave into plain values that can cross into a worker, `resolve` reads it to the model's inputs there.
"""

from __future__ import annotations

import csv
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .audio import FrontEnd
from .errors import InputError, SetupError

Array = npt.NDArray[Any]
# A path, "random", one array, arrays by input name, or any iterable of samples.
Source: TypeAlias = "str | Path | Array | Mapping[str, Array] | Iterable[Any]"

MAX_SAMPLES = 500
RANDOM = "random"
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".tif", ".tiff")
_TARGET_NAMES = ("labels", "label", "targets", "target", "y")
_HINT = "save it with numpy.savez('data.npz', x=samples), samples first"


@dataclass(frozen=True)
class InputSpec:
    """An input of a model: the shape of one sample (None where any size fits) and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class Request:
    """Calibration data that was asked for and not read yet; `values` is JSON.

    Attributes:
        values: "kind" (arrays, random, images, wav, flat), "path", "origin", "range".
        arrays: the arrays by name, where they are read already.
    """

    values: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Calibration:
    """A representative dataset.

    Attributes:
        arrays: one an input, samples first, in the dtype of the input.
        targets: the class of each sample, where it is known.
        classes: the names of the classes, where they are known.
        origin: where it comes from, for the record; "random" when the values are made up.
    """

    arrays: tuple[Array, ...]
    targets: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    origin: str = ""

    @property
    def is_made_up(self) -> bool:
        """Whether the values, and with them all ranges of the quantization, are random."""
        return self.origin == RANDOM


def request(source: Source, value_range: tuple[float, float] = (0.0, 1.0)) -> Request:
    """Say what calibration data is wanted, and check that it is there.

    Args:
        source: "random", the path of an .npy, .npz or .csv file or of a folder of images or WAV files, an array,
            arrays by input name, or an iterable of samples (arrays, or dictionaries of arrays by input name).
        value_range: what black and white of an image become.

    Raises:
        InputError: it is missing, of no known kind, or empty.
    """
    if not value_range[0] < value_range[1]:
        raise InputError(f"the range {value_range[0]:g},{value_range[1]:g} is empty", "give it as 0,1 or -1,1 or 0,255")
    if isinstance(source, str) and source == RANDOM:
        return Request({"kind": RANDOM, "origin": RANDOM})
    if isinstance(source, (str, Path)):
        return _request_path(Path(source), value_range)
    if isinstance(source, Mapping):
        arrays = {str(k): np.asarray(v) for k, v in source.items()}
    elif isinstance(source, np.ndarray):
        arrays = {"": source}
    else:
        arrays = _collect(source)
    _check_numbers(arrays, "the calibration data")
    return Request({"kind": "arrays", "origin": "Python"}, arrays)


def resolve(wanted: Request, inputs: Sequence[InputSpec], *, seed: int = 0, must_vary: bool = True) -> Calibration:
    """Read the data to the inputs of a model.

    Args:
        wanted: what `request` returned.
        inputs: the model's inputs.
        seed: seed of "random", and of the choice where there are more than 500 samples.
        must_vary: refuse an input that always has the same value, from which no range can be measured.

    Raises:
        InputError: it does not fit the inputs, is empty, constant, or not finite.
        SetupError: a package that reads it is missing.
    """
    kind, origin = wanted.values["kind"], wanted.values["origin"]
    if kind == RANDOM:
        return Calibration(_random(inputs, seed), origin=RANDOM)
    classes: tuple[str, ...] = ()
    targets: Array | None = None
    if kind == "arrays":
        ordered, targets = _in_order(wanted.arrays, inputs)
    else:
        if len(inputs) != 1:
            raise InputError(
                f"{origin}: holds one input, the model has {len(inputs)} ({', '.join(i.name for i in inputs)})",
                "give an .npz with one array an input, under the inputs' names",
            )
        read = {"images": _images, "wav": _wav, "csv": _csv}[kind]
        values, targets, classes = read(wanted.values, inputs[0], seed)
        _check_numbers({"": values}, origin)
        ordered = [values]
    count = len(ordered[0])
    if targets is not None:
        targets = _check_targets(targets, count, origin)
    if count > MAX_SAMPLES:
        chosen = np.sort(np.random.default_rng(seed).choice(count, MAX_SAMPLES, replace=False))
        ordered = [values[chosen] for values in ordered]
        targets = None if targets is None else targets[chosen]
    fitted = tuple(_fit(values, spec, must_vary) for values, spec in zip(ordered, inputs, strict=True))
    return Calibration(fitted, targets, classes, origin)


def _request_path(path: Path, value_range: tuple[float, float]) -> Request:
    values: dict[str, Any] = {"path": str(path.absolute()), "origin": path.name, "range": list(value_range)}
    if path.is_dir():
        files = [p for p in _files(path)]
        for kind, suffixes in (("images", _IMAGES), ("wav", (".wav",))):
            if any(p.suffix.lower() in suffixes for p in files):
                return Request({**values, "kind": kind})
        raise InputError(
            f"{path}: holds neither images nor WAV files",
            "give a folder of .png or .jpg images or of .wav files; subfolders name the classes",
        )
    if not path.exists():
        raise InputError(f"{path}: no such file", _HINT)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return Request({**values, "kind": "csv"})
    try:
        stored = np.load(path, allow_pickle=False)
        arrays = {"": stored} if isinstance(stored, np.ndarray) else {k: stored[k] for k in stored.files}
    except Exception as error:  # zipfile, pickle and NumPy raise half a dozen kinds
        raise InputError(f"{path}: not an .npz or .npy of plain numbers ({error})", _HINT) from None
    if not arrays:
        raise InputError(f"{path}: holds no arrays", _HINT)
    _check_numbers(arrays, str(path))
    return Request({**values, "kind": "arrays"}, arrays)


def _collect(samples: Iterable[Any]) -> dict[str, Array]:
    """Stack an iterable of samples; one that never ends is cut."""
    try:
        taken = list(islice(samples, MAX_SAMPLES))
    except TypeError:
        raise InputError(f"calibration data of type {type(samples).__name__}", _HINT) from None
    if not taken:
        raise InputError("the calibration data has no samples", "give at least one sample")
    try:
        if isinstance(taken[0], Mapping):
            return {str(k): np.stack([np.asarray(s[k]) for s in taken]) for k in taken[0]}
        if isinstance(taken[0], (list, tuple)) and any(np.ndim(x) for x in taken[0]):
            return {str(k): np.stack([np.asarray(s[k]) for s in taken]) for k in range(len(taken[0]))}
        return {"": np.stack([np.asarray(s) for s in taken])}
    except (ValueError, KeyError, IndexError) as error:
        raise InputError(f"the samples do not have one shape: {error}", "give samples of one shape") from None


def _check_numbers(arrays: Mapping[str, Array], source: str) -> None:
    for name, values in arrays.items():
        what = f"{source}: array '{name}'" if name else source
        if values.dtype.kind not in "fiub":
            raise InputError(f"{what} is {values.dtype}, not numbers", _HINT)
        if not values.ndim or not len(values):
            raise InputError(f"{what} has no samples", _HINT)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise InputError(f"{what} has values that are NaN or infinite", "clean the data first")


def _in_order(arrays: Mapping[str, Array], inputs: Sequence[InputSpec]) -> tuple[list[Array], Array | None]:
    """Bring arrays into the order of the inputs; one more, named as labels are, holds the classes."""
    names = [i.name for i in inputs]
    data = dict(arrays)
    targets = None
    if len(data) == len(inputs) + 1:
        extra = [n for n in data if n.lower() in _TARGET_NAMES and n not in names]
        if len(extra) == 1:
            targets = data.pop(extra[0])
    if len(data) != len(inputs):
        raise InputError(
            f"the model has {len(inputs)} inputs ({', '.join(names)}), the calibration data {len(data)} arrays",
            "store one array an input, under the inputs' names, and the classes under 'labels'",
        )
    ordered = [data[n] for n in names] if set(names) == set(data) else list(data.values())
    if len({len(v) for v in ordered}) > 1:
        raise InputError("the calibration data has different numbers of samples for the inputs", _HINT)
    return ordered, targets


def _fit(values: Array, spec: InputSpec, must_vary: bool) -> Array:
    # Data may keep the model's batch of 1: (samples, 1, ...).
    if values.ndim == len(spec.shape) + 2 and values.shape[1] == 1:
        values = values[:, 0]
    fits = len(spec.shape) == values.ndim - 1 and all(
        s in (None, d) for s, d in zip(spec.shape, values.shape[1:], strict=True)
    )
    if not fits:
        raise InputError(
            f"input '{spec.name}' takes samples of shape {list(spec.shape)}, "
            f"the calibration data has {list(values.shape[1:])}",
            "the first dimension of the data counts the samples",
        )
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iu" and values.dtype.kind == "f" and (values != np.round(values)).any():
        raise InputError(
            f"input '{spec.name}' takes {spec.dtype}, the calibration data is {values.dtype} with fractions",
            "give whole numbers, such as indices",
        )
    if must_vary and dtype.kind == "f" and (values == values.flat[0]).all():
        raise InputError(
            f"input '{spec.name}': every value of the calibration data is {float(values.flat[0]):g}, "
            "so its range cannot be measured",
            "give samples as the model meets them in use",
        )
    fitted = values.astype(dtype)
    if dtype.kind == "f" and not np.isfinite(fitted).all():
        raise InputError(f"input '{spec.name}': the data has values beyond the range of {spec.dtype}", "scale it first")
    return fitted


def _check_targets(targets: Array, count: int, origin: str) -> npt.NDArray[np.int64]:
    flat = targets.reshape(len(targets), -1) if targets.ndim else targets.reshape(1, -1)
    if flat.shape[1] > 1:  # one-hot
        flat = flat.argmax(axis=1)[:, None]
    if len(flat) != count:
        raise InputError(f"{origin}: {len(flat)} labels for {count} samples", "give one label a sample")
    if flat.dtype.kind not in "iub" and (flat != np.round(flat)).any():
        raise InputError(f"{origin}: its labels are not class numbers", "number the classes from 0")
    return flat[:, 0].astype(np.int64)


def _random(inputs: Sequence[InputSpec], seed: int) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    found = []
    for spec in inputs:
        shape = (100, *(d or 1 for d in spec.shape))
        values = rng.uniform(-1, 1, shape) if np.dtype(spec.dtype).kind == "f" else rng.integers(0, 2, shape)
        found.append(values.astype(spec.dtype))
    return tuple(found)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def _of_kind(
    values: Mapping[str, Any], suffixes: Sequence[str], seed: int
) -> tuple[list[Path], Array | None, tuple[str, ...]]:
    """Return the files of a folder, at most 500, and their classes where subfolders name them."""
    folder = Path(values["path"])
    files = [p for p in _files(folder) if p.suffix.lower() in suffixes]
    if len(files) > MAX_SAMPLES:
        chosen = np.sort(np.random.default_rng(seed).choice(len(files), MAX_SAMPLES, replace=False))
        files = [files[i] for i in chosen]
    if any(p.parent == folder for p in files):
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
    files, targets, classes = _of_kind(values, _IMAGES, seed)
    low, high = values["range"]
    found = []
    for file in files:
        try:
            with Image.open(file) as image:
                small = image.convert("L" if shape[2] == 1 else "RGB").resize(
                    (int(shape[1] or 0), int(shape[0] or 0)), Image.Resampling.BILINEAR
                )
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise InputError(f"{file}: cannot be read as an image ({error})", "remove or repair the file") from None
        found.append(np.asarray(small, np.float32).reshape([int(d or 0) for d in spec.shape]))
    return np.stack(found) / 255 * (high - low) + low, targets, classes


def _wav(values: Mapping[str, Any], spec: InputSpec, seed: int) -> tuple[Array, Array | None, tuple[str, ...]]:
    """Read WAV files: as samples of -1 to 1 where the input has one dimension, else as log-mel frames."""
    files, targets, classes = _of_kind(values, (".wav",), seed)
    shape = spec.shape[:-1] if spec.shape and spec.shape[-1] == 1 and len(spec.shape) > 1 else spec.shape
    if len(shape) not in (1, 2) or None in shape:
        raise InputError(
            f"input '{spec.name}' takes {list(spec.shape)}, which fits neither audio nor its frames",
            "WAV files need an input of samples, or of frames and mel channels",
        )
    found = []
    for file in files:
        samples, rate = read_wav(file)
        if len(shape) == 2:
            front = FrontEnd(sample_rate=rate, channels=int(shape[1] or 0))
            frames = front.log_mel(_padded(samples, front.samples_of(int(shape[0] or 0))))
            found.append(frames.reshape([int(d or 0) for d in spec.shape]))
        else:
            found.append(_padded(samples, int(shape[0] or 0)).reshape([int(d or 0) for d in spec.shape]))
    return np.stack(found), targets, classes


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
    column = next((k for k, head in enumerate(heads) if head in _TARGET_NAMES), None)
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
