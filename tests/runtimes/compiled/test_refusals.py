"""What the compiled runtime lacks is named, with its place, before anything is written."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import parse
from tests.support import models
from tests.support.models import ModelBuilder


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        compile_model(parse(data, "net"))
    assert caught.value.hint == "build the model from operators that it has"
    return caught.value


def test_an_unknown_operator_is_named():
    assert "no operator ELU (operator 0 is the first)" in refusal(models.one_operator("ELU")).message


def test_a_custom_operator_is_named():
    assert "no operator Mine" in refusal(models.one_operator("", custom="Mine")).message


def test_a_computed_filter_is_named():
    message = refusal(models.multiplied()).message
    assert message.startswith("net: operator 0 (FULLY_CONNECTED, 'y'): its weights is not constant")


def test_float_is_named():
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 4], "float32"), b.tensor("out", [1, 4], "float32")
    b.op("RELU", [x], [y])
    message = refusal(b.build([x], [y])).message
    assert "operator 0 (RELU, 'out'): float32 to float32" in message


def test_padding_that_tflm_leaves_to_chance_is_named():
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 3, 4, 1]), b.tensor("y", [4, 2, 2, 1])
    block = b.tensor("block", [2], "int32", (), values=np.array([2, 2]))
    pads = b.tensor("pads", [2, 2], "int32", (), values=np.array([[0, 1], [0, 0]]))
    b.op("SPACE_TO_BATCH_ND", [x, block, pads], [y], schema.SpaceToBatchNDOptionsT())
    assert "memory that it never wrote" in refusal(b.build([x], [y])).message
