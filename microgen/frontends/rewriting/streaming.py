"""Makes of a model of windows of frames one that takes frames as they come, and keeps what it needs of the last ones.

Each convolution over time keeps the frames that its next window has in common with this one in a variable beside the
graph (`VAR_HANDLE`, `READ_VARIABLE`, `ASSIGN_VARIABLE`), as microWakeWord's models do. Weights and scales stay as they
are: once as many frames have come as a window has, the answers are those of the window model, byte for byte. If strides
leave the last frames of a window unused, the answer does not wait for these.
"""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from .graph import Graph, Object
from .memory import assign, handle, read, start

_TIME = 1  # the axis of time in [1, time, width, channels]
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# What computes each moment from the same moment, however many there are.
_POINTWISE = ("RELU", "RELU6", "LEAKY_RELU", "HARD_SWISH", "LOGISTIC", "TANH", "QUANTIZE")


def stream(data: bytes, step: int) -> bytes:
    """Return a model that takes `step` frames at a time.

    Args:
        data: a quantized .tflite of one input [1, frames, width, channels], whose convolutions have no padding over
            time and leave one moment; what comes after them may be any operator.
        step: frames; the strides of the convolutions over time divide it one after the other, down to 1.

    Raises:
        InputError: the model is no such one.
    """
    graph = Graph(data)
    (first,) = (int(i) for i in graph.main.inputs)
    moments = {first: step}
    kept: list[tuple[str, int]] = []
    for op in graph.operators:
        name = graph.name(op)
        source = graph.inputs(op)[0]
        shape = graph.shape(source)
        whole = source != first and (len(shape) != 4 or shape[_TIME] == 1)  # of one moment, in the window model too
        if source not in moments or not (whole or name in (*_CONVOLUTIONS, *_POINTWISE)):
            raise InputError(
                f"a model of windows with {name} over {shape} cannot process single frames",
                "use convolutions without padding until one time step is left",
            )
        count = moments[source]
        if name in _CONVOLUTIONS:
            count = _convolution(graph, op, name, source, count, kept)
        for output in graph.outputs(op):
            moments[output] = count
    if any(moments[i] != 1 for i in graph.results):
        raise InputError("more than one time step is left at the end of the model", "use a longer last convolution")
    for tensor, count in moments.items():
        shape = graph.shape(tensor)
        if len(shape) == 4:
            shape[_TIME] = count
            entry = graph.main.tensors[tensor]
            entry.shape = shape
            entry.shapeSignature = None
    start(graph, kept)
    graph.model.signatureDefs = None
    return graph.pack()


def _convolution(graph: Graph, op: Object, name: str, source: int, count: int, kept: list[tuple[str, int]]) -> int:
    """Put what a convolution has to keep before it; return the moments that it leaves."""
    weights, options = graph.shape(graph.inputs(op)[1]), op.builtinOptions
    length, stride = weights[1], int(options.strideH)
    if count % stride or int(options.dilationHFactor) != 1 or (length > 1 and int(options.padding) != 1):
        raise InputError(
            f"{name} '{graph.label(graph.outputs(op)[0])}' over time: stride {stride} of {count} time steps",
            "use strides that divide the frames of a step, no dilation, and padding 'valid'",
        )
    rest = length - stride
    if rest <= 0:
        return count // stride
    shape = graph.shape(source)
    sides = [shape[0], rest, *shape[2:]]
    number = len(kept)
    last = graph.add_tensor(f"kept_{number}", source, sides)
    joined = graph.add_tensor(f"joined_{number}", source, [shape[0], rest + count, *shape[2:]])
    following = graph.add_tensor(f"keep_{number}", source, sides)
    handled = handle(graph, graph.main, f"frames_{number}")
    schema = graph.schema
    concatenation = schema.ConcatenationOptionsT()
    concatenation.axis = _TIME
    begin, end = np.zeros(4, np.int32), np.array([shape[0], rest + count, *shape[2:]], np.int32)
    begin[_TIME] = count
    bounds = [graph.add_constant(f"{what}_{number}", values) for what, values in
              (("begin", begin), ("end", end), ("strides", np.ones(4, np.int32)))]  # fmt: skip
    new = [
        handled,
        read(graph, handled, last),
        graph.operator("CONCATENATION", [last, source], [joined], concatenation, 2),
        graph.operator("STRIDED_SLICE", [joined, *bounds], [following], schema.StridedSliceOptionsT(), 2),
        assign(graph, handled, following),
    ]
    graph.replace(op, [*new, op])
    op.inputs = [joined, *graph.inputs(op)[1:]]
    kept.append((f"frames_{number}", last))
    return count // stride
