"""Calibration data, whatever it comes as: arrays, .npy, .npz, .csv, a folder of images or of WAV files.

It is read in two steps, because only who has loaded the model knows what its inputs take: `request` turns what
the user gave into plain values that can cross into a worker, `resolve` reads it to the model's inputs there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .arrays import (
    MAX_SAMPLES,
    Array,
    InputSpec,
    check_numbers,
    class_numbers,
    load_arrays,
    representative,
    shape_hint,
    split_targets,
)
from .readers import READERS, SUFFIXES, files_of

# A path, "random", one array, arrays by input name, or any iterable of samples.
Source: TypeAlias = "str | Path | Array | Mapping[str, Array] | Iterable[Any]"

RANDOM = "random"
_HINT = "save it with numpy.savez('data.npz', x=samples), samples first"
_KINDS = "give an .npz, .npy or .csv, a folder of images or of WAV files, or random"


@dataclass(frozen=True)
class Request:
    """Calibration data that was asked for and not read yet; `values` is JSON.

    Attributes:
        values: "kind" (arrays, random, images, wav, csv), "path", "origin", "range".
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
    _check_all(arrays, "the calibration data")
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
        ordered, targets = split_targets(wanted.arrays, [i.name for i in inputs])
    else:
        if len(inputs) != 1:
            raise InputError(
                f"{origin}: holds one input, the model has {len(inputs)} ({', '.join(i.name for i in inputs)})",
                "give an .npz with one array an input, under the inputs' names",
            )
        values, targets, classes = READERS[kind](wanted.values, inputs[0], seed)
        check_numbers(values, origin, _HINT)
        ordered = [values]
    count = len(ordered[0])
    numbers = None
    if targets is not None:
        _check_count(targets, count, origin)
        numbers = class_numbers(targets)
    chosen = representative(count, seed)
    fitted = tuple(_fit(values[chosen], spec, must_vary) for values, spec in zip(ordered, inputs, strict=True))
    if numbers is not None:
        numbers = numbers[chosen]
    return Calibration(fitted, numbers, classes, origin, targets is not None and numbers is None)


def _request_path(path: Path, value_range: tuple[float, float]) -> Request:
    values: dict[str, Any] = {"path": str(path.absolute()), "origin": path.name, "range": list(value_range)}
    if path.is_dir():
        for kind, suffixes in SUFFIXES.items():
            if files_of(path, suffixes):
                return Request({**values, "kind": kind})
        raise InputError(
            f"{path}: holds neither images nor WAV files",
            "give a folder of .png or .jpg images or of .wav files; subfolders name the classes",
        )
    if path.suffix.lower() == ".csv":
        if not path.exists():
            raise InputError(f"{path}: no such file", _HINT)
        return Request({**values, "kind": "csv"})
    arrays = load_arrays(path, _KINDS)
    if not arrays:
        raise InputError(f"{path}: holds no arrays", _HINT)
    _check_all(arrays, str(path))
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


def _check_all(arrays: Mapping[str, Array], source: str) -> None:
    for name, values in arrays.items():
        check_numbers(values, f"{source}: array '{name}'" if name else source, _HINT)


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
            shape_hint(spec.shape, values.shape[1:]),
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
    with np.errstate(over="ignore"):  # what does not fit becomes infinite, and is refused
        fitted = values.astype(dtype)
    if dtype.kind == "f" and not np.isfinite(fitted).all():
        raise InputError(f"input '{spec.name}': the data has values beyond the range of {spec.dtype}", "scale it first")
    return fitted


def _check_count(targets: Array, count: int, origin: str) -> None:
    number = len(targets) if targets.ndim else 1
    if number != count:
        raise InputError(f"{origin}: {number} labels for {count} samples", "give one label a sample")


def _random(inputs: Sequence[InputSpec], seed: int) -> tuple[Array, ...]:
    rng = np.random.default_rng(seed)
    arrays = []
    for spec in inputs:
        shape = (100, *(d or 1 for d in spec.shape))
        values = rng.uniform(-1, 1, shape) if np.dtype(spec.dtype).kind == "f" else rng.integers(0, 2, shape)
        arrays.append(values.astype(spec.dtype))
    return tuple(arrays)
