"""What a firmware kept of its tensors, read and compared with TFLM's."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from microgen.errors import DeviceError
from microgen.tflite import parse
from microgen.verification.tensors import compared_tensors, read_tensors, tensor_fault
from tests.support import models

MODEL = parse(models.two_by_two(width=4), "m")
INPUTS_OP = 2**16 - 1
X, Y = MODEL.main.operators[0].inputs[0], MODEL.main.operators[0].outputs[0]
SHAPE = MODEL.main.tensors[Y].shape


def record(op, tensor, data, channels=()):
    head = struct.pack("=IIII", op, tensor, len(data), len(channels))
    return head + np.array(channels, np.uint16).tobytes() + bytes(data)


def kept(values, channels=()):
    inputs = b"".join(record(INPUTS_OP, t.index, bytes(t.bytes)) for t in MODEL.inputs)
    return inputs + record(0, Y, np.asarray(values, np.int8).tobytes(), channels)


def fault(data, values):
    firmware = read_tensors(data)
    pairs = compared_tensors(MODEL, firmware)
    inputs = tuple(np.zeros((1, *t.shape), np.int8) for t in MODEL.inputs)
    return tensor_fault(MODEL, inputs, firmware, pairs, [(np.asarray(values, np.int8).reshape(SHAPE),)])


VALUES = np.arange(int(np.prod(SHAPE)))


def test_equal_tensors_have_no_fault_and_each_other_byte_is_one():
    assert fault(kept(VALUES), VALUES) == ""
    for k in range(len(VALUES)):
        text = fault(kept(VALUES + (np.arange(len(VALUES)) == k)), VALUES)
        assert text.startswith("operator 0 (") and "sample 0" in text


def test_channels_that_are_not_stored_are_not_compared():
    stored = VALUES.reshape(SHAPE)[..., [1, 3]]
    assert fault(kept(stored, [1, 3]), VALUES) == ""
    assert fault(kept(stored, [1, 2]), VALUES)


def test_an_inference_with_other_inputs_is_none_of_a_sample():
    other = record(INPUTS_OP, MODEL.inputs[0].index, b"\1" * MODEL.inputs[0].bytes) + record(0, Y, bytes(len(VALUES)))
    assert fault(other + kept(VALUES), VALUES) == ""
    assert fault(other, VALUES) == "the firmware did not keep the tensors of sample 0"


@pytest.mark.parametrize("cut", [1, 4, 5, 20, 23])
def test_a_record_that_is_cut_off_is_an_error(cut):
    whole = kept(VALUES) + kept([1, 2], [1, 3])
    assert len(read_tensors(whole)) == 2
    with pytest.raises(DeviceError, match="end within a record"):
        read_tensors(whole[:-cut])


def test_an_inference_without_all_tensors_is_not_compared():
    inputs = b"".join(record(INPUTS_OP, t.index, bytes(t.bytes)) for t in MODEL.inputs)
    pairs = compared_tensors(MODEL, read_tensors(kept(VALUES)))
    given = tuple(np.zeros((1, *t.shape), np.int8) for t in MODEL.inputs)
    said = tensor_fault(MODEL, given, read_tensors(inputs), pairs, [(VALUES.astype(np.int8).reshape(SHAPE),)])
    assert said == "the firmware did not keep the tensors of sample 0"
