"""Random layers with weights, pooling, resizing, recurrent layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .generator import ACTIVATIONS, MAX_ELEMENTS, Generator, Node, constant_node, settings


def _out(n: int, kernel: int, stride: int, dilation: int, same: bool) -> int:
    return -(-n // stride) if same else -(-(n - (kernel - 1) * dilation) // stride)


def _window(g: Generator, x: Node) -> tuple | None:
    """Kernel, strides, dilations, padding and output of a window that fits."""
    same = g.rng.random() < 0.6
    kernel = g.pick((3, 3), (1, 1), (g.whole(1, 5), g.whole(1, 5)))
    strides = g.pick((1, 1), (1, 1), (2, 2), (g.whole(1, 4), g.whole(1, 4)))
    dilations = (1, 1) if strides != (1, 1) or g.rng.random() < 0.7 else (g.whole(1, 3), g.whole(1, 3))
    out = tuple(_out(x.shape[k + 1], kernel[k], strides[k], dilations[k], same) for k in (0, 1))
    return (kernel, strides, dilations, same, out) if min(out) >= 1 else None


def conv(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, dilations, same, out = window
    co = g.pick(1, 2, 3, 4, 5, 7, 8, 12, 16)
    ci = x.shape[3]
    if g.rng.random() < 0.1:
        divisors = [d for d in range(2, ci + 1) if ci % d == 0]
        if divisors:
            groups = g.pick(*divisors)
            ci, co = ci // groups, groups * g.whole(1, 3)
    if x.shape[0] * out[0] * out[1] * co > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(co if g.rng.random() < 0.8 else 1)
    w = g.constant(g.weights((co, *kernel, ci)), "int8", [float(s) for s in scales])
    y = g.matrix_output(kernel[0] * kernel[1] * ci, x, scales, (x.shape[0], *out, co))
    inputs = [x, w]
    if g.rng.random() < 0.8:
        inputs.append(g.constant(g.bias(co, ci), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("CONV_2D", inputs, [y], settings(
        "Conv2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1], dilationHFactor=dilations[0],
        dilationWFactor=dilations[1], fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def depthwise(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, dilations, same, out = window
    multiplier = g.pick(1, 1, 1, 2, 3)
    channels = x.shape[3] * multiplier
    if x.shape[0] * out[0] * out[1] * channels > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(channels if g.rng.random() < 0.8 else 1)
    w = g.constant(g.weights((1, *kernel, channels)), "int8", [float(s) for s in scales], dimension=3)
    y = g.matrix_output(kernel[0] * kernel[1], x, scales, (x.shape[0], *out, channels))
    inputs = [x, w]
    if g.rng.random() < 0.8:
        inputs.append(g.constant(g.bias(channels, 9), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("DEPTHWISE_CONV_2D", inputs, [y], settings(
        "DepthwiseConv2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1],
        dilationHFactor=dilations[0], dilationWFactor=dilations[1], depthMultiplier=multiplier,
        fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def fully_connected(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None:
        return False
    depth = x.shape[-1] if g.rng.random() < 0.5 else math.prod(x.shape[1:])
    if depth > 700:
        return False
    rows, units = x.elements // depth, g.pick(1, 2, 3, 4, 6, 8, 10, 13, 20)
    scales = g.channel_scales(units if g.rng.random() < 0.5 else 1)
    w = g.constant(g.weights((units, depth)), "int8", [float(s) for s in scales])
    keep = depth == x.shape[-1] and g.rng.random() < 0.5
    y = g.matrix_output(depth, x, scales, (*x.shape[:-1], units) if keep else (rows, units))
    bias = -1
    if g.rng.random() < 0.8:
        bias = g.constant(g.bias(units, depth), g.bias_type, [float(s) * x.scale for s in scales])
    g.op("FULLY_CONNECTED", [x, w, bias], [y], settings(
        "FullyConnected", keepNumDims=keep, fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def pool(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None or not (window := _window(g, x)):
        return False
    kernel, strides, _, same, _ = window
    if g.rng.random() < 0.3:
        kernel, same = x.shape[1:3], False
    out = tuple(_out(x.shape[k + 1], kernel[k], strides[k], 1, same) for k in (0, 1))
    y = g.node((x.shape[0], *out, x.shape[3]), x.scale, x.zero)
    g.op(g.pick("AVERAGE_POOL_2D", "MAX_POOL_2D"), [x], [y], settings(
        "Pool2D", padding=0 if same else 1, strideH=strides[0], strideW=strides[1], filterHeight=kernel[0],
        filterWidth=kernel[1], fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def transpose_conv(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    kernel = (g.whole(1, 4), g.whole(1, 4))
    strides = g.pick((1, 1), (2, 2), (g.whole(1, 3), g.whole(1, 3)))
    same = g.rng.random() < 0.5
    h, w = (
        n * s if same else (n - 1) * s + max(k, s) + g.whole(0, s - 1)
        for n, s, k in zip(x.shape[1:3], strides, kernel, strict=True)
    )
    co, ci = g.pick(1, 2, 3, 4, 7), x.shape[3]
    shape = (x.shape[0], h, w, co)
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    scales = g.channel_scales(co if g.rng.random() < 0.8 else 1)
    w_ = g.constant(g.weights((co, *kernel, ci)), "int8", [float(s) for s in scales])
    y = g.matrix_output(kernel[0] * kernel[1] * ci, x, scales, shape)
    inputs = [g.constant(np.array(shape), "int32"), w_, x]
    if g.rng.random() < 0.6:
        inputs.append(g.constant(g.bias(co, ci), g.bias_type, [float(s) * x.scale for s in scales]))
    g.op("TRANSPOSE_CONV", inputs, [y], settings(
        "TransposeConv", padding=0 if same else 1, strideH=strides[0], strideW=strides[1],
        fusedActivationFunction=g.pick(*ACTIVATIONS)))  # fmt: skip
    return True


def batch_matmul(g: Generator) -> bool:
    x = g.any(low=2)
    if x is None or len(x.shape) > 4:
        return False
    adjoint_x, adjoint_y = bool(g.whole(0, 1)), bool(g.whole(0, 1))
    rows, depth = x.shape[-2:][::-1] if adjoint_x else x.shape[-2:]
    columns = g.whole(1, 6)
    batches = x.shape[:-2]
    if g.rng.random() < 0.3:
        batches = tuple(1 for _ in batches)
    shape = (*batches, *((columns, depth) if adjoint_y else (depth, columns)))
    other: Any = constant_node(g, shape)
    same = [n for n in g.nodes if n.shape == x.shape and n.dtype == g.kind and not adjoint_x]
    if g.rng.random() < 0.4 and same:
        other, adjoint_y, columns = g.pick(*same), True, rows
    y = g.matrix_output(depth, x, np.array([other.scale]), (*x.shape[:-2], rows, columns))
    g.op("BATCH_MATMUL", [x, other], [y], settings("BatchMatMul", adjX=adjoint_x, adjY=adjoint_y))
    return True


def svdf(g: Generator, state_type: str = "int16") -> bool:
    x = g.any(rank=2)
    if x is None:
        return False
    batches, depth = x.shape
    rank, units, memory = g.whole(1, 2), g.whole(1, 5), g.whole(1, 6)
    state_scale = float(np.float32(10 ** g.rng.uniform(-3, -1)))
    time_scale = float(np.float32(10 ** g.rng.uniform(-5, -3)))
    features_scale = float(np.float32(10 ** g.rng.uniform(-3, -1)))
    name = f"state{len(g.b.graph.tensors)}"
    state = g.b.tensor(name, [batches, units * rank * memory], state_type, state_scale, variable=True)
    features = g.constant(g.weights((units * rank, depth)), "int8", features_scale)
    least = np.iinfo(state_type).min
    time = g.constant(g.rng.integers(least, -least, (units * rank, memory)), state_type, time_scale)
    bias = g.constant(g.bias(units, 1), "int32", float(np.float32(state_scale) * np.float32(time_scale)))
    reach = 2e7 if state_type == "int16" else 1e3
    scale = float(np.float32(state_scale * time_scale * reach * 10 ** g.rng.uniform(-1, 1)))
    y = g.node((batches, units), scale, g.pick(-128, 0, g.zero()))
    g.op("SVDF", [x, features, time, bias, state], [y], settings("SVDF", rank=rank, fusedActivationFunction=1))
    return True


def lstm(g: Generator) -> bool:
    x = g.any(rank=3)
    if x is None:
        return False
    major = bool(g.rng.random() < 0.4)
    batches, depth, units = x.shape[1 if major else 0], x.shape[2], g.whole(1, 6)
    power = g.pick(-11, -12, -10, -9, -13, -15)
    hidden_scale, zero = float(np.float32(10 ** g.rng.uniform(-3, -2))), g.zero()
    if x.dtype == "int16":
        hidden_scale, zero = hidden_scale / 256, 0
    label = f"_{len(g.b.graph.tensors)}"
    hidden = g.b.tensor("hidden" + label, [batches, units], x.dtype, hidden_scale, zero, variable=True)
    cell = g.b.tensor("cell" + label, [batches, units], "int16", 2.0**power, variable=True)
    inputs: list[Any] = [x]
    scales = [float(np.float32(10 ** g.rng.uniform(-3, -1.5))) for _ in range(8)]
    inputs += [g.constant(g.weights((units, depth)), "int8", scales[k]) for k in range(4)]
    inputs += [g.constant(g.weights((units, units)), "int8", scales[4 + k]) for k in range(4)]
    inputs += [-1] * 3
    inputs += [g.constant(g.bias(units, depth), g.bias_type, scales[k] * x.scale) for k in range(4)]
    inputs += [-1, -1, hidden, cell, -1, -1, -1, -1]
    y = g.node((*x.shape[:2], units), hidden_scale, zero)
    g.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], settings(
        "UnidirectionalSequenceLSTM", fusedActivationFunction=4, cellClip=float(g.pick(0, 0, 1.5, 10)),
        timeMajor=major))  # fmt: skip
    return True


def resize(g: Generator) -> bool:
    x = g.any(rank=4)
    if x is None:
        return False
    size = (g.whole(1, 12), g.whole(1, 12))
    shape = (x.shape[0], *size, x.shape[3])
    if math.prod(shape) > MAX_ELEMENTS:
        return False
    y = g.node(shape, x.scale, x.zero)
    name, options = g.pick(("RESIZE_BILINEAR", "ResizeBilinear"), ("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"))
    align, half = g.pick((False, False), (True, False), (False, True))
    g.op(name, [x, g.constant(np.array(size), "int32")], [y], settings(
        options, alignCorners=align, halfPixelCenters=half))  # fmt: skip
    return True
