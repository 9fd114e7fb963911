"""In what a firmware's copy of a model is not the model, in words."""

from __future__ import annotations

import re

import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.tflite import flashed, parse
from microgen.tflite.compare import describe_difference
from tests.support import models


def dense(units=4, kind="int8", scales=(0.1, 0.2, 0.3, 0.4), zero=3):
    b = models.ModelBuilder()
    x = b.tensor("x", [1, 8], kind, zero_point=zero)
    w = b.tensor("w", [units, 8], "int8", list(scales), values=[[1] * 8] * units)
    y = b.tensor("y", [1, units], scale=0.5)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


MODEL = parse(dense())


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (dense(zero=-2), "tensor 'x': zero points 3 in the model, -2 in the firmware"),
        (
            dense(scales=(0.5, 0.25, 1.0, 2.0)),
            r"tensor 'w': scales \(0\.1.* in the model, \(0\.5, 0\.25, 1\.0, 2\.0\)",
        ),
        (dense(kind="float32"), "tensor 'x': dtype int8 in the model, float32 in the firmware"),
        (dense(scales=()), "tensor 'w': quantization Quantization.* in the model, None in the firmware"),
        (dense(3, scales=(1.0,)), r"tensor 'w': shape \(4, 8\) in the model, \(3, 8\) in the firmware"),
        (b"TFL3" * 9, "it is no sound model any more: .*damaged"),
    ],
)
def test_the_first_difference_is_named(other, says):
    found = describe_difference(MODEL, other)
    assert re.match(says, found), found


def test_what_is_equal_or_differs_where_no_tensor_or_operator_is_gives_no_words():
    assert describe_difference(MODEL, MODEL.data) == describe_difference(MODEL, flashed(MODEL).data) == ""
    assert describe_difference(MODEL, MODEL.data.replace(b"test model", b"some model")) == ""
