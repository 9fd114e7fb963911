"""Multiply-accumulates, against what is counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.tflite import parse
from microgen.tflite.macs import model_macs
from tests.support import models
from tests.support.models import layer

IMAGE = ([1, 6, 6, 2], "int8")


def convolution(name, options, inputs, output, dilated=True):
    """A convolution with a kernel of zeros."""
    strides = {"strideH": 1, "strideW": 1, **({"dilationHFactor": 1, "dilationWFactor": 1} if dilated else {})}
    return layer(name, inputs, [(output, "int8")], options, **strides)


def kernel(*shape):
    return shape, "int8", np.zeros(shape)


def product(left, right, output, **options):
    return layer("BATCH_MATMUL", [(left, "int8"), (right, "int8")], [(output, "int8")], "BatchMatMul", **options)


COUNTED = {
    "a convolution": (
        convolution("CONV_2D", "Conv2D", [IMAGE, kernel(5, 3, 2, 2)], [1, 4, 5, 5]),
        (4 * 5 * 5) * (3 * 2 * 2),
    ),
    "a depthwise one": (
        convolution("DEPTHWISE_CONV_2D", "DepthwiseConv2D", [IMAGE, kernel(1, 3, 2, 4)], [1, 4, 5, 4]),
        (4 * 5 * 4) * (3 * 2),
    ),
    "a transposed one": (
        convolution(
            "TRANSPOSE_CONV",
            "TransposeConv",
            [([4], "int32", np.array([1, 8, 8, 5])), kernel(5, 3, 3, 2), IMAGE],
            [1, 8, 8, 5],
            dilated=False,
        ),
        (6 * 6) * (5 * 3 * 3 * 2),
    ),
    "a dense layer on rows": (models.fully_connected(units=4, width=8, rows=3), 3 * 4 * 8),
    "a product of matrices": (product([2, 3, 5], [2, 5, 4], [2, 3, 4]), 2 * 3 * 5 * 4),
    "the left one transposed": (product([2, 5, 3], [2, 5, 4], [2, 3, 4], adjX=True), 2 * 3 * 5 * 4),
    "one matrix for all": (product([2, 3, 5], [4, 5], [2, 3, 4], adjY=True), 2 * 3 * 5 * 4),
    "a product of nothing": (product([2, 0, 5], [2, 5, 4], [2, 0, 4]), 0),
    "a product without its other side": (layer("BATCH_MATMUL", [([1, 3, 3], "int8")], [([1, 3, 3], "int8")]), 0),
    "an SVDF": (models.stateful(filters=6), 6 * 5 + 6 * 4),
    "an LSTM": (models.lstm(steps=9, width=4, units=6), 9 * 4 * (4 * 6 + 6 * 6)),
    "none": (models.two_by_two(), 0),
    "those of a branch": (models.control_flow(), 4 * 4),
}


@pytest.mark.parametrize(("data", "expected"), COUNTED.values(), ids=COUNTED)
def test_multiply_accumulates_are_those_counted_by_hand(data, expected):
    assert model_macs(parse(data)) == expected
