"""The inputs that a verification runs on: edges, calibration data, seeded random values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..datasets import shape_hint
from ..errors import InputError
from ..tflite import Tensor, TfliteModel

Samples = tuple[npt.NDArray[Any], ...]

# The inputs and outputs of all samples of a verification take no more than this; it then has fewer samples.
MOST_BYTES = 64 * 2**20
# So many values are made, or converted, at once: each of them takes several times its bytes while it is.
_CHUNK = 2**20
_INDICES = {"bool", "int32", "int64", "uint32", "uint16", "uint64"}


def sample_count(model: TfliteModel, wanted: int) -> int:
    """Return the number of samples of a verification: those requested, or as many as fit into `MOST_BYTES`."""
    size = sum(t.bytes for t in (*model.inputs, *model.outputs))
    return max(min(wanted, MOST_BYTES // max(size, 1)), 1)


def sample_warning(model: TfliteModel, wanted: int) -> str:
    """Return a warning if a verification has fewer samples than requested; else ""."""
    count = sample_count(model, wanted)
    if count == wanted:
        return ""
    size = sum(t.bytes for t in (*model.inputs, *model.outputs))
    return f"{count} of {wanted} samples were run: inputs and outputs of one take {size:,} bytes"


def check_count(samples: int) -> None:
    """Reject a number of samples that is invalid, or would take hours.

    Raises:
        InputError: it is below 1 or above `defaults.MOST_SAMPLES`.
    """
    if samples < 1:
        raise InputError(
            "at least one sample is needed", f"omit it for {defaults.SAMPLES}", option="samples", value=samples
        )
    if samples > defaults.MOST_SAMPLES:
        raise InputError(
            f"at most {defaults.MOST_SAMPLES:,} samples are supported",
            f"omit it for {defaults.SAMPLES}",
            option="samples",
            value=samples,
        )


def make_samples(
    model: TfliteModel, count: int, seed: int, calibration: Sequence[npt.NDArray[Any]] | None = None
) -> Samples:
    """Make the inputs of a verification.

    The first samples are edges (all values smallest, all largest, all at the zero point), then up to half of
    `count` from the calibration data, then seeded random values over the whole range of the dtype.

    Args:
        model: the model.
        count: number of samples, at least 1.
        seed: seed of the random values.
        calibration: one array per input, samples first; see `quantize_samples`.

    Returns:
        One array an input, of shape (count, *input shape) and the input's dtype.

    Raises:
        InputError: the calibration data does not fit the inputs.
    """
    rng = np.random.default_rng(seed)
    known: Samples | None = None
    if calibration is not None:
        _check_data(model, calibration)
        take = min(len(calibration[0]), max(count // 2, 1))
        chosen = np.sort(rng.choice(len(calibration[0]), take, replace=False))
        known = quantize_samples(model, [values[chosen] for values in calibration])
    result = []
    for k, tensor in enumerate(model.inputs):
        low, high = value_range(model, tensor)
        samples = np.empty((count, *tensor.shape), tensor.numpy_dtype)
        edges = (low, high, _middle(tensor, low, high))[:count]
        for i, value in enumerate(edges):
            samples[i] = value
        rest = samples[len(edges) :]
        if known is not None:
            rest[: len(known[k])] = known[k][: len(rest)]
            rest = rest[len(known[k]) :]
        _fill_random(rng, tensor, low, high, rest)
        result.append(samples)
    return tuple(result)


def quantize_samples(model: TfliteModel, data: Sequence[npt.NDArray[Any]]) -> Samples:
    """Convert data to the dtype and shape of the model's inputs.

    Float data goes into a quantized input as `quantize` says; data of its dtype is quantized already. An input that is
    not quantized, such as one of indices, takes the same numbers of any type.

    Args:
        model: the model.
        data: one array per input, samples first.

    Raises:
        InputError: number of arrays, shape or dtype does not fit.
    """
    _check_data(model, data)
    return tuple(_to_input(t, values) for t, values in zip(model.inputs, data, strict=True))


def _check_data(model: TfliteModel, data: Sequence[npt.NDArray[Any]]) -> None:
    """Check the number of arrays, their length and their shapes.

    Raises:
        InputError: one does not fit.
    """
    if len(data) != len(model.inputs):
        raise InputError(
            f"{model.name} has {len(model.inputs)} inputs, the data has {len(data)} arrays",
            "store one array per input, in the order of `microgen inspect`",
        )
    if len({len(d) for d in data}) != 1 or not len(data[0]):
        raise InputError(
            "the inputs have no samples or different numbers of samples",
            "give the same number of samples, at least one, for every input",
        )
    for tensor, values in zip(model.inputs, data, strict=True):
        one = tensor.shape[1:] if tensor.shape and tensor.shape[0] == 1 else tensor.shape
        if values.shape[1:] not in (one, tensor.shape):
            raise InputError(
                f"input '{tensor.name}' takes samples of shape {list(one)}, the data has {list(values.shape[1:])}",
                shape_hint(one, values.shape[1:]),
            )
        if not (_is_taken(tensor, values) or (values.dtype.kind == "f" and tensor.quantization)):
            quantized = "give float values as in training, or values already quantized to the input's dtype"
            raise InputError(
                f"input '{tensor.name}' is {tensor.dtype}, the data is {values.dtype}"
                + ("" if tensor.quantization or values.dtype.kind not in "biuf" else " with other values"),
                quantized if tensor.quantization else f"give numbers that {tensor.dtype} has",
            )


def _is_taken(tensor: Tensor, values: npt.NDArray[Any]) -> bool:
    """Return whether an input takes values unchanged: of its own type, or equal numbers of a different type.

    Of another type, those of a quantized input could be meant as quantized or as real ones.
    """
    if tensor.dtype == "float32" or values.dtype == tensor.numpy_dtype:
        return True
    return not tensor.quantization and _has_all(tensor.numpy_dtype, values)


def _has_all(dtype: np.dtype[Any], values: npt.NDArray[Any]) -> bool:
    """Return whether a type of integers, or bool, has each of these numbers."""
    if dtype.kind not in "iub" or values.dtype.kind not in "iubf":
        return False
    if values.dtype.kind == "f" and not (values == np.round(values)).all():
        return False
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return bool(low <= values.min().item() and values.max().item() <= high)


def _to_input(tensor: Tensor, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    shaped = values.reshape(len(values), *tensor.shape)
    if _is_taken(tensor, values):
        return shaped.astype(tensor.numpy_dtype)
    result = np.empty(shaped.shape, tensor.numpy_dtype)
    source, target = shaped.reshape(-1), result.reshape(-1)
    for start in range(0, len(target), _CHUNK):
        target[start : start + _CHUNK] = quantize(tensor, source[start : start + _CHUNK])
    return result


def quantize(tensor: Tensor, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Quantize floats as a device does: round(x / scale) + zero_point in float32, ties away from zero, saturated.

    These are the bytes that `model::Quantize` of the firmware (model_types.h) and TFLite's QUANTIZE
    (kernels/internal/reference/quantize.h, `AffineQuantize`) give; the firmware takes NaN for zero, and so does this.

    Args:
        tensor: a quantized tensor of integers with one scale.
        values: floats of any shape; they are rounded to float32 first, which is what a device gets.

    Returns:
        The same shape, in the tensor's dtype.
    """
    limits = np.iinfo(np.dtype(tensor.dtype))
    with np.errstate(over="ignore", invalid="ignore"):  # infinite saturates, in either direction
        steps = values.astype(np.float32) / np.float32(tensor.scale)
        whole = np.trunc(steps)
        rest = steps - whole
    whole = whole.astype(np.float64) + (rest >= 0.5) - (rest <= -0.5)
    q = np.where(np.isnan(steps), 0.0, whole) + tensor.zero_point
    return np.asarray(np.clip(q, limits.min, limits.max), tensor.numpy_dtype)


def real_values(tensor: Tensor, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return values of an input or output in real units, samples first, without its batch dimension.

    Args:
        tensor: which one.
        values: of shape (samples, *tensor.shape) and the tensor's dtype; those of a float tensor stay as they are.
    """
    real = values.astype(np.float64)
    if tensor.quantization:
        real = (real - tensor.zero_point) * tensor.scale
    return real.reshape(len(values), *(tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape))


def value_range(model: TfliteModel, tensor: Tensor) -> tuple[float, float]:
    """Return the smallest and the largest value to feed to an input.

    An integer input takes its dtype's whole range; a float one takes what the QUANTIZE operator behind it can
    represent, or -1 to 1 where none is; a bool and an index (int32 and such, not quantized) take 0 and 1.
    """
    if tensor.dtype == "float32":
        for op in model.main.operators:
            if op.name == "QUANTIZE" and tensor.index in op.inputs:
                output = model.main.tensors[op.outputs[0]]
                limits = np.iinfo(np.dtype(output.dtype))
                return (
                    (limits.min - output.zero_point) * output.scale,
                    (limits.max - output.zero_point) * output.scale,
                )
        return -1.0, 1.0
    if tensor.dtype in _INDICES:
        return 0, 1
    limits = np.iinfo(np.dtype(tensor.dtype))
    return int(limits.min), int(limits.max)


def output_lsb(model: TfliteModel, tensor: Tensor) -> float:
    """Return the size of one step of an output: 1 for integers; for floats, the scale of the DEQUANTIZE's input."""
    if tensor.dtype != "float32":
        return 1.0
    for op in model.main.operators:
        if op.name == "DEQUANTIZE" and tensor.index in op.outputs:
            return model.main.tensors[op.inputs[0]].scale or 1.0
    return 1.0


def _middle(tensor: Tensor, low: float, high: float) -> float:
    if tensor.dtype == "float32":
        return 0.0
    return min(max(tensor.zero_point, low), high)


def _fill_random(rng: np.random.Generator, tensor: Tensor, low: float, high: float, samples: npt.NDArray[Any]) -> None:
    flat = samples.reshape(-1)  # a view: the samples lie side by side
    for start in range(0, len(flat), _CHUNK):
        chunk = flat[start : start + _CHUNK]
        if tensor.dtype == "float32":
            chunk[:] = rng.uniform(low, high, len(chunk))
        else:
            chunk[:] = rng.integers(int(low), int(high), len(chunk), endpoint=True)
