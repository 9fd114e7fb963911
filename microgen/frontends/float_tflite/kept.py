"""Scales of a model that was quantized before it came here: kept where the int8 model can have them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..converted import Scales
from ..rewriting.graph import Graph, Object

Array: TypeAlias = npt.NDArray[Any]
_WEIGHTS, _BIAS = 1, 2
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_NEAR = 1e-3  # of a step: how far a value may be from a multiple of its scale, which was computed in float32
_NAMED = 5


def ranges(graph: Graph, scales: Scales) -> dict[str, dict[str, Array]]:
    """Return the smallest and the largest number of int8 tensors with these scales, by name.

    They are in float64: ai-edge-quantizer computes the scale from them in their own type.
    """
    found = {}
    for tensor in range(len(graph.main.tensors)):
        kept = scales.tensors.get(graph.label(tensor))
        if kept is not None:
            shape = [1] * len(graph.shape(tensor))
            low, high = ((q - kept.zero_point) * float(np.float32(kept.scale)) for q in (-128, 127))
            found[graph.label(tensor)] = {"min": np.full(shape, low), "max": np.full(shape, high)}
    return found


def with_scales(quantized: bytes, floats: bytes, scales: Scales) -> tuple[bytes, tuple[str, ...]]:
    """Return the quantized model with the weights' own scales, and what could not be kept.

    Args:
        quantized: the int8 model.
        floats: the model before, whose tensors have the same names.
        scales: what the file says.
    """
    graph, source = Graph(quantized), Graph(floats)
    number = {source.label(i): i for i in range(len(source.main.tensors))}
    lost = []
    for op in graph.operators:
        if scales.weights and graph.name(op) in _WEIGHTED and not _keep_weights(graph, op, source, number, scales):
            lost.append(f"weights of '{graph.label(graph.outputs(op)[0])}'")
    for tensor in range(len(graph.main.tensors)):
        wanted = scales.tensors.get(graph.label(tensor))
        parameters = graph.main.tensors[tensor].quantization
        if wanted is None or parameters is None or parameters.scale is None:
            continue
        same = np.float32(parameters.scale[0]) == np.float32(wanted.scale)
        if not same or int(parameters.zeroPoint[0]) != wanted.zero_point:
            lost.append(f"'{graph.label(tensor)}'")
    if not lost:
        return graph.pack(), ()
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    said = f"the file's scales are kept, but for those of {', '.join(lost[:_NAMED])}{more}: int8 operators need others"
    return graph.pack(), (said,)


def _keep_weights(graph: Graph, op: Object, source: Graph, number: dict[str, int], scales: Scales) -> bool:
    """Give an operator the weights that the file has; return whether it has them, or computes with none."""
    tensor = graph.inputs(op)[_WEIGHTS]
    parameters, now = graph.main.tensors[tensor].quantization, graph.constant(tensor)
    original = source.constant(number.get(graph.label(tensor), -1))
    if now is None or original is None or now.dtype != np.int8 or original.shape != now.shape:
        return now is None
    axis = int(parameters.quantizedDimension) if len(parameters.scale) > 1 else 0
    shape = [1] * now.ndim
    shape[axis] = -1
    if _is_on(original, np.asarray(parameters.scale, np.float64).reshape(shape)):
        return True
    for candidate in sorted(scales.weights, key=lambda s: -max(s)):
        different = candidate[:1] if len(set(candidate)) == 1 else candidate
        if len(different) not in (1, len(parameters.scale)):
            continue
        steps = np.broadcast_to(np.asarray(different, np.float64), len(parameters.scale))
        if _is_on(original, steps.reshape(shape)):
            graph.fill(tensor, np.rint(original / steps.reshape(shape)).astype(np.int8))
            parameters.scale = [float(np.float32(s)) for s in steps]
            _rescale_bias(graph, op, source, number, steps)
            return True
    return False


def _is_on(values: Array, steps: Array) -> bool:
    """Return whether values are multiples of their scales that int8 holds."""
    counts = values / steps
    return bool(np.abs(counts).max() < 127.5 and np.abs(counts - np.rint(counts)).max() < _NEAR)


def _rescale_bias(graph: Graph, op: Object, source: Graph, number: dict[str, int], steps: Array) -> None:
    """Give a bias the scale of its products."""
    bias = graph.inputs(op)[_BIAS] if len(graph.inputs(op)) > _BIAS else -1
    original = source.constant(number.get(graph.label(bias), -1)) if bias >= 0 else None
    if original is None:
        return
    units = float(graph.main.tensors[graph.inputs(op)[0]].quantization.scale[0]) * steps
    graph.fill(bias, np.clip(np.rint(original / units), -(2**31) + 1, 2**31 - 1).astype(np.int32))
    parameters = graph.main.tensors[bias].quantization
    parameters.scale = [float(np.float32(u)) for u in units]
    parameters.zeroPoint = [0] * len(units)
