"""Calibration data of any format: arrays, .npy, .npz, .csv, a folder of images or of WAV files.

It is read in two steps, because only the worker that loads the model knows its inputs: `request` turns what
the user gave into plain values that can cross into a worker, `resolve` reads it to the model's inputs there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..errors import InputError
from .arrays import (
    MAX_SAMPLES,
    Array,
    HeldArray,
    InputSpec,
    Targets,
    check_numbers,
    class_numbers,
    representative,
    shape_hint,
    split_targets,
)
from .audio import read_audio
from .folders import SUFFIXES, files_of
from .images import read_images
from .limits import SAMPLES, check_regular, sample_limit
from .stored import StoredArray, checked_whole, stored_arrays
from .table import read_table

# A path, "random", one array, arrays by input name, or any iterable of samples.
Source: TypeAlias = "str | Path | Array | Mapping[str, Array] | Iterable[Any]"

RANDOM = "random"
# An array that is read where it is asked for samples.
Unread: TypeAlias = HeldArray | StoredArray
# What reads each kind. It takes the values of a request, the input, a seed and how many samples are wanted; it returns
# samples, and what the data says of them.
_READERS = {"images": read_images, "wav": read_audio, "csv": read_table}
_RANDOM_SAMPLES = 100
_LOWEST_RATE, _HIGHEST_RATE = 1, 768_000
_HINT = "save it with numpy.savez('data.npz', x=samples), samples first"
_KINDS = "give an .npz, .npy or .csv, a folder of images or of WAV files, or random"


@dataclass(frozen=True)
class Request:
    """A request for calibration data that has not been read yet; `values` is JSON.

    Attributes:
        values: "kind" (arrays, file, random, images, wav, csv), "path", "origin", "range", "sample_rate".
        arrays: the arrays by name, if the data is arrays.
    """

    values: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)

    @property
    def has_arrays(self) -> bool:
        """Whether it is arrays by name, in memory or in a file."""
        return self.values["kind"] in ("arrays", "file")

    def files(self) -> list[str]:
        """Return the files of a folder by their path in it, in the order in which all of them are read; else none."""
        suffixes = SUFFIXES.get(self.values["kind"])
        folder = Path(self.values.get("path", ""))
        return [p.relative_to(folder).as_posix() for p in files_of(folder, suffixes)] if suffixes else []

    def read_arrays(self, names: Sequence[str]) -> tuple[list[Array], Array | None]:
        """Read all samples of arrays, in the order of a model's inputs, and their targets; see `split_targets`.

        Raises:
            InputError: they do not fit, are damaged, or are too many to be held.
        """
        ordered, targets = self.unread(names)
        path = Path(self.values.get("path", self.values["origin"]))
        checked_whole([*ordered, *([] if targets is None else [targets])], path)
        return [a.read(_KINDS) for a in ordered], None if targets is None else targets.read(_KINDS)

    def unread(self, names: Sequence[str]) -> tuple[list[Unread], Unread | None]:
        """Return arrays in memory or in a file, in the order of a model's inputs, and their targets, all to be read.

        Raises:
            InputError: they do not fit, or are damaged.
        """
        found: dict[str, Unread]
        if self.values["kind"] == "arrays":
            found = {name: HeldArray(values) for name, values in self.arrays.items()}
        else:
            found = {array.name: array for array in stored_arrays(Path(self.values["path"]), _KINDS)}
        return split_targets(found, names)


@dataclass(frozen=True)
class Calibration:
    """A representative dataset.

    Attributes:
        arrays: one per input, samples first, in the dtype of the input.
        targets: the class of each sample, if it is known.
        classes: the names of the classes, if they are known.
        origin: the data's source, for the record; "random" for random values.
        has_values: it came with targets that are no classes, as those of a regression; they are left out.
    """

    arrays: tuple[Array, ...]
    targets: npt.NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    origin: str = ""
    has_values: bool = False

    @property
    def is_made_up(self) -> bool:
        """Whether the values, and with them all ranges of the quantization, are random."""
        return self.origin == RANDOM


def request(
    source: Source,
    value_range: tuple[float, float] = defaults.VALUE_RANGE,
    sample_rate: int = defaults.SAMPLE_RATE,
) -> Request:
    """Make a request for calibration data, and check that it exists.

    Args:
        source: "random", the path of an .npy, .npz or .csv file or of a folder of images or WAV files, an array,
            arrays by input name, or an iterable of samples (arrays, or dictionaries of arrays by input name).
        value_range: the values of black and white in an image.
        sample_rate: sample rate of the model's audio in Hz; WAV files must have the same.

    Raises:
        InputError: it is missing, of no known kind, empty, or larger than what is read.
    """
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:
        raise InputError(
            "not a sample rate", f"give it in Hz, up to {_HIGHEST_RATE:,}", option="sample_rate", value=sample_rate
        )
    if not value_range[0] < value_range[1]:
        raise InputError(f"the range {value_range[0]:g},{value_range[1]:g} is empty", "give it as 0,1 or -1,1 or 0,255")
    if isinstance(source, str) and source == RANDOM:
        return Request({"kind": RANDOM, "origin": RANDOM})
    if isinstance(source, (str, Path)):
        return _request_path(Path(source), value_range, sample_rate)
    if isinstance(source, Mapping):
        arrays = {str(k): np.asarray(v) for k, v in source.items()}
    elif isinstance(source, np.ndarray):
        arrays = {"": source}
    else:
        arrays = _collect(source)
    _check_all(arrays, "the calibration data")
    return Request({"kind": "arrays", "origin": "Python"}, arrays)


def resolve(
    wanted: Request, inputs: Sequence[InputSpec], *, seed: int = 0, must_vary: bool = True, every: bool = False
) -> Calibration:
    """Read the data for the inputs of a model.

    Args:
        wanted: what `request` returned.
        inputs: the model's inputs.
        seed: seed of "random", and of the choice where there are more than 500 samples.
        must_vary: reject an input that always has the same value, from which no range can be measured.
        every: take all samples, as a training does.

    Raises:
        InputError: it does not fit the inputs, is empty, constant, or not finite.
        SetupError: a package that reads it is missing.
    """
    kind, origin = wanted.values["kind"], wanted.values["origin"]
    most = sample_limit(inputs, SAMPLES if every else MAX_SAMPLES)
    if kind == RANDOM:
        return Calibration(_random(inputs, seed, min(_RANDOM_SAMPLES, most)), origin=RANDOM)
    if wanted.has_arrays:
        ordered, targets = _drawn(wanted, inputs, seed, most)
    else:
        if len(inputs) != 1:
            raise InputError(
                f"{origin}: has one input, but the model has {len(inputs)} ({', '.join(i.name for i in inputs)})",
                "give an .npz with one array per input, under the inputs' names",
            )
        values, targets = _READERS[kind](wanted.values, inputs[0], seed, most)
        check_numbers(values, origin, _HINT)
        ordered = [values]
    fitted = tuple(_fit(values, spec, must_vary) for values, spec in zip(ordered, inputs, strict=True))
    return Calibration(fitted, targets.numbers, targets.names, origin, targets.are_values)


def _drawn(wanted: Request, inputs: Sequence[InputSpec], seed: int, most: int) -> tuple[list[Array], Targets]:
    """Return the representative samples of arrays, and what is said of them."""
    arrays, targets = wanted.unread([i.name for i in inputs])
    for array, spec in zip(arrays, inputs, strict=True):
        _check_shape(array.shape, spec)
    _check_count(targets, len(arrays[0]), wanted.values["origin"])
    chosen = representative(len(arrays[0]), seed, most)
    return [array.read(_KINDS, chosen) for array in arrays], _drawn_targets(targets, chosen)


def _drawn_targets(targets: Unread | None, chosen: npt.NDArray[np.int64]) -> Targets:
    if targets is None:
        return Targets()
    blocks = [class_numbers(block) for block in targets.blocks(_KINDS)]
    numbers = [block for block in blocks if block is not None]
    return Targets(np.concatenate(numbers)[chosen]) if len(numbers) == len(blocks) else Targets(are_values=True)


def _request_path(path: Path, value_range: tuple[float, float], sample_rate: int) -> Request:
    values: dict[str, Any] = {
        "path": str(path.absolute()), "origin": path.name, "range": list(value_range), "sample_rate": sample_rate,
    }  # fmt: skip
    if not os.path.isdir(path):  # noqa: PTH112 - which says no, where Path.is_dir raises, to a name that is too long
        check_regular(path, _KINDS)
    else:
        for kind, suffixes in SUFFIXES.items():
            if files_of(path, suffixes):
                return Request({**values, "kind": kind})
        raise InputError(
            f"{path}: has neither images nor WAV files",
            "give a folder of .png or .jpg images or of .wav files; subfolders name the classes",
        )
    if path.suffix.lower() == ".csv":
        return Request({**values, "kind": "csv"})
    if not stored_arrays(path, _KINDS):
        raise InputError(f"{path}: holds no arrays", _HINT)
    return Request({**values, "kind": "file"})


def _collect(samples: Iterable[Any]) -> dict[str, Array]:
    """Stack an iterable of samples; an endless iterable is cut."""
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


def _check_all(arrays: Mapping[str, Array], source: str) -> None:
    for name, values in arrays.items():
        check_numbers(values, f"{source}: array '{name}'" if name else source, _HINT)


def _has_batch(shape: Sequence[int], spec: InputSpec) -> bool:
    """Return whether data keeps the model's batch of 1: (samples, 1, ...)."""
    return len(shape) == len(spec.shape) + 2 and shape[1] == 1


def _check_shape(shape: Sequence[int], spec: InputSpec) -> None:
    one = shape[2:] if _has_batch(shape, spec) else shape[1:]
    if len(one) != len(spec.shape) or any(s not in (None, d) for s, d in zip(spec.shape, one, strict=True)):
        raise InputError(
            f"input '{spec.name}' takes samples of shape {list(spec.shape)}, the calibration data has {list(one)}",
            shape_hint(spec.shape, one),
        )


def _fit(values: Array, spec: InputSpec, must_vary: bool) -> Array:
    if _has_batch(values.shape, spec):
        values = values[:, 0]
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
    with np.errstate(over="ignore"):  # values out of range become infinite, and are rejected
        fitted = values.astype(dtype)
    if dtype.kind == "f" and not np.isfinite(fitted).all():
        raise InputError(
            f"input '{spec.name}': the data has values outside the range of {spec.dtype}", "scale it first"
        )
    return fitted


def _check_count(targets: Unread | None, count: int, origin: str) -> None:
    if targets is not None and len(targets) != count:
        raise InputError(f"{origin}: {len(targets)} labels for {count} samples", "give one label per sample")


def _random(inputs: Sequence[InputSpec], seed: int, count: int) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    arrays = []
    for spec in inputs:
        shape = (count, *(d or 1 for d in spec.shape))
        values = rng.uniform(-1, 1, shape) if np.dtype(spec.dtype).kind == "f" else rng.integers(0, 2, shape)
        arrays.append(values.astype(spec.dtype))
    return tuple(arrays)
