"""Compares every tensor that a firmware's operators write with TFLM's."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import DeviceError
from ..tflite import TfliteModel
from .samples import Samples

# The number of samples whose tensors are kept; outputs are compared on all samples.
TENSOR_SAMPLES = 4
_HEAD = struct.Struct("=IIII")
_INPUTS = 2**16 - 1  # MODEL_INPUT_VALUES of the generated model.h


@dataclass(frozen=True)
class Kept:
    """A tensor as a firmware had it: its stored bytes, and which channels they are of; None: all."""

    bytes: bytes
    channels: tuple[int, ...] | None


@dataclass(frozen=True)
class KeptInference:
    """The inputs of one inference, and the tensors that each operator wrote, by operator and tensor."""

    inputs: Mapping[int, bytes]
    written: Mapping[tuple[int, int], Kept]


def read_tensors(data: bytes, model: int = 0) -> tuple[KeptInference, ...]:
    """Read the records that firmware/runtimes/compiled/host/observe.cc writes.

    Args:
        data: the records.
        model: the number of the model whose inferences are wanted.

    Raises:
        DeviceError: the last one is cut off.
    """
    inferences: list[KeptInference] = []
    at = 0
    while at < len(data):
        place, tensor, n, count = _HEAD.unpack(_part(data, at, _HEAD.size))
        numbers = np.frombuffer(_part(data, at + _HEAD.size, 2 * count), np.uint16).tolist()
        number, op = divmod(place, 2**16)
        first = at + _HEAD.size + 2 * count
        values, at = _part(data, first, n), first + n
        if number != model:
            continue
        # The records of an inference begin with its inputs, in the order of their numbers.
        if op == _INPUTS and (not inferences or inferences[-1].written or tensor in inferences[-1].inputs):
            inferences.append(KeptInference({}, {}))
        if op == _INPUTS:
            inferences[-1].inputs[tensor] = values  # type: ignore[index]
        else:
            inferences[-1].written[op, tensor] = Kept(values, tuple(numbers) or None)  # type: ignore[index]
    return tuple(inferences)


def _part(data: bytes, at: int, n: int) -> bytes:
    part = data[at : at + n]
    if len(part) < n:
        raise DeviceError(
            "the recorded outputs of its operators end within a record",
            "the process ended early, or the folder for temporary files is full; make room there and try again",
        )
    return part


def compared_tensors(model: TfliteModel, firmware: Sequence[KeptInference]) -> list[tuple[int, int]]:
    """Return the operators and tensors to compare, in the order of their running; values that are made up have none."""
    count = len(model.main.tensors)
    return [key for key in firmware[0].written if key[1] < count] if firmware else []


def tensor_fault(
    model: TfliteModel,
    inputs: Samples,
    firmware: Sequence[KeptInference],
    pairs: Sequence[tuple[int, int]],
    reference: Sequence[Samples],
) -> str:
    """Describe the first tensor of the firmware that differs from TFLM; "" if all are equal.

    Args:
        inputs: one array per input, samples first.
        firmware: the first inferences that were requested; those of a sample are known by their inputs.
        pairs: the operators and tensors of `compared_tensors`.
        reference: for each of the first samples, TFLM's tensors of `pairs`.
    """
    for sample, expected in enumerate(reference):
        given = {t.index: np.ascontiguousarray(a[sample]).tobytes() for t, a in zip(model.inputs, inputs, strict=True)}
        run = next((i for i in firmware if _is_given(i, given)), None)
        if run is None or any(key not in run.written for key in pairs):
            return f"the firmware did not keep the tensors of sample {sample}"
        for (op, tensor), values in zip(pairs, expected, strict=True):
            kept = run.written[op, tensor]
            if _differs(values.reshape(model.main.tensors[tensor].shape), kept):
                operator = model.main.operators[op]
                return (
                    f"operator {op} ({operator.name}) of the firmware does not write TFLM's "
                    f"'{model.main.tensors[tensor].name}' (first: sample {sample})"
                )
    return ""


def _is_given(inference: KeptInference, given: Mapping[int, bytes]) -> bool:
    """Return whether an inference had these inputs; one that no operator reads is not kept."""
    return all(given[tensor] == data for tensor, data in inference.inputs.items() if tensor in given)


def _differs(expected: npt.NDArray[np.generic], kept: Kept) -> bool:
    stored = expected if kept.channels is None else expected[..., list(kept.channels)]
    return stored.tobytes() != kept.bytes
