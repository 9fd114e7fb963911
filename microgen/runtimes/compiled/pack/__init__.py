"""Code of every step in plain C, for any CPU: the path that has all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import costs, steps
from ..path import Code, Options, Program
from ..steps import Step
from . import coded, elementwise, images, matrix, movement, recurrent, wide

_CODES: dict[type[Step], Callable[[Any], Code]] = {
    steps.Arg: images.arg,
    steps.BatchMatmul: images.batch_matmul,
    steps.Binary16: wide.binary16,
    steps.Conv: coded.conv,
    steps.Conv16: wide.conv16,
    steps.Curve16: wide.curve16,
    steps.Depthwise: matrix.depthwise,
    steps.Dequantize: elementwise.dequantize,
    steps.Extreme: elementwise.extreme,
    steps.FullyConnected: coded.fully_connected,
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
    costs = costs.GENERIC

    def codes(self, program: Program, options: Options) -> Mapping[int, Code]:
        """Return nothing better than plain C."""
        return {}


def codes(rest: Sequence[Step], options: Options) -> dict[int, Code]:
    """Return the plain C code of the steps that no path has taken, by `Step.index`."""
    convs = [s for s in rest if isinstance(s, steps.Conv) and s.coding is None]
    dense = [s for s in rest if isinstance(s, steps.FullyConnected) and s.coding is None]
    if options.optimize != "speed" and dense_beside_convs(convs, dense):
        alike = {s.index: matrix.rows_as_conv(s) for s in dense}
        rest = [alike.get(s.index, s) for s in rest]
    return {s.index: _CODES[type(s)](s) for s in rest}


def dense_beside_convs(convs: Sequence[steps.Conv], dense: Sequence[steps.FullyConnected]) -> bool:
    """Tell whether fully connected layers do so little that a kernel of their own is not worth its bytes."""
    if not convs or not dense:
        return False
    multiplications = sum(s.filter[0].size * s.output.elements for s in convs)
    if 20 * sum(s.filter.shape[1] * s.output.elements for s in dense) >= multiplications:
        return False
    return bool(max(s.filter.shape[1] for s in dense) <= max(s.filter[0].size for s in convs))
