"""Code of every step in plain C, for any CPU: the path that has all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .. import steps
from ..path import Code, Options, Program
from ..steps import Step
from . import elementwise, images, matrix, movement, recurrent, wide

_CODES: dict[type[Step], Callable[[Any], Code]] = {
    steps.Arg: images.arg,
    steps.BatchMatmul: images.batch_matmul,
    steps.Binary16: wide.binary16,
    steps.Conv: matrix.conv,
    steps.Conv16: wide.conv16,
    steps.Curve16: wide.curve16,
    steps.Depthwise: matrix.depthwise,
    steps.Dequantize: elementwise.dequantize,
    steps.Extreme: elementwise.extreme,
    steps.FullyConnected: matrix.fully_connected,
    steps.Lstm: recurrent.lstm,
    steps.LeakyRelu16: wide.leaky_relu16,
    steps.Lookup: elementwise.lookup,
    steps.Move: movement.move,
    steps.Pool: matrix.pool,
    steps.Prelu: elementwise.prelu,
    steps.Product: elementwise.product,
    steps.Quantize: elementwise.quantize,
    steps.Reduce: movement.reduce,
    steps.ResizeBilinear: images.resize_bilinear,
    steps.ResizeNearest: images.resize_nearest,
    steps.Rescale: elementwise.rescale,
    steps.Softmax: elementwise.softmax,
    steps.Softmax16: wide.softmax16,
    steps.SquaredDifference: elementwise.squared_difference,
    steps.Sum: elementwise.sum_,
    steps.Svdf: recurrent.svdf,
    steps.TransposeConv: images.transpose_conv,
}


class GenericPath:
    """Plain C for any CPU."""

    name = "generic"

    def codes(self, program: Program, options: Options) -> Mapping[int, Code]:
        """Return nothing better than plain C."""
        return {}


def code(step: Step) -> Code:
    """Return the plain C code of a step."""
    return _CODES[type(step)](step)
