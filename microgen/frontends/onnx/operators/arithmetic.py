"""Operators that compute values: element by element, reductions, normalizations and products of matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor as T

from .call import OPERATORS, Call, Operator, op, plain

# ONNX's numbers of element types; what is wider or narrower than float32 is computed in it.
_DTYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    10: torch.float32, 11: torch.float32, 16: torch.float32,
}  # fmt: skip
plain(
    {
        "Abs": torch.abs, "And": torch.logical_and, "Atan": torch.atan, "Ceil": torch.ceil, "Cos": torch.cos,
        "Equal": torch.eq, "Erf": torch.erf, "Exp": torch.exp, "Floor": torch.floor, "Greater": torch.gt,
        "GreaterOrEqual": torch.ge, "HardSwish": F.hardswish, "Identity": lambda x: x, "Less": torch.lt,
        "LessOrEqual": torch.le, "Log": torch.log, "Mish": F.mish, "Mul": torch.mul, "Neg": torch.neg,
        "Not": torch.logical_not, "Or": torch.logical_or, "Pow": torch.pow, "Reciprocal": torch.reciprocal,
        "Relu": F.relu, "Round": torch.round, "Sigmoid": torch.sigmoid, "Sign": torch.sign, "Sin": torch.sin,
        "Softplus": F.softplus, "Sqrt": torch.sqrt, "Sub": torch.sub, "Add": torch.add, "Tan": torch.tan,
        "Tanh": torch.tanh, "Softsign": lambda x: x / (1 + torch.abs(x)), "Xor": torch.logical_xor,
        "Where": torch.where, "Sum": lambda *xs: _fold(torch.add, xs), "Max": lambda *xs: _fold(torch.maximum, xs),
        "Min": lambda *xs: _fold(torch.minimum, xs), "Mean": lambda *xs: _fold(torch.add, xs) / len(xs),
    }
)  # fmt: skip


def _fold(function: Callable[[T, T], T], values: Sequence[T]) -> T:
    result = values[0]
    for value in values[1:]:
        result = function(result, value)
    return result


@op("Div")
def _div(call: Call, x: T, y: T) -> T:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


@op("Mod")
def _mod(call: Call, x: T, y: T) -> T:
    return torch.fmod(x, y) if call.get("fmod", 0) else torch.remainder(x, y)


@op("LeakyRelu")
def _leaky_relu(call: Call, x: T) -> T:
    return F.leaky_relu(x, call.get("alpha", 0.01))


@op("PRelu")
def _prelu(call: Call, x: T, slope: T) -> T:
    if x.ndim > 1 and slope.numel() in (1, x.shape[1]) and slope.ndim < x.ndim and slope.shape[0] == slope.numel():
        return F.prelu(x, slope.reshape(-1))
    return F.relu(x) - slope * F.relu(-x)


@op("Elu")
def _elu(call: Call, x: T) -> T:
    return F.elu(x, call.get("alpha", 1.0))


@op("Celu")
def _celu(call: Call, x: T) -> T:
    return F.celu(x, call.get("alpha", 1.0))


@op("Selu")
def _selu(call: Call, x: T) -> T:
    alpha, gamma = call.get("alpha", 1.6732631921768188), call.get("gamma", 1.0507010221481323)
    return torch.where(x > 0, gamma * x, gamma * alpha * (torch.exp(x) - 1))


@op("ThresholdedRelu")
def _thresholded_relu(call: Call, x: T) -> T:
    return torch.where(x > call.get("alpha", 1.0), x, torch.zeros_like(x))


@op("HardSigmoid")
def _hard_sigmoid(call: Call, x: T) -> T:
    return torch.clamp(x * call.get("alpha", 0.2) + call.get("beta", 0.5), 0, 1)


@op("Gelu")
def _gelu(call: Call, x: T) -> T:
    return F.gelu(x, approximate=call.get("approximate", "none"))


@op("Swish")
def _swish(call: Call, x: T) -> T:
    return x * torch.sigmoid(call.get("alpha", 1.0) * x)


@op("Clip")
def _clip(call: Call, x: T, low: T | None = None, high: T | None = None) -> T:
    least, most = call.get("min", call.constant(1)), call.get("max", call.constant(2))
    if (least, most) == (0, 6):
        return F.relu6(x)
    if least is None and most is None:
        return x
    return torch.clamp(x, least, most)


@op("Softmax", "LogSoftmax")
def _softmax(call: Call, x: T) -> T:
    function = F.softmax if call.operator == "Softmax" else F.log_softmax
    if call.opset >= 13:
        return function(x, call.get("axis", -1))
    axis = call.get("axis", 1) % max(x.ndim, 1)
    if axis == x.ndim - 1:
        return function(x, axis)
    # Before opset 13: over all dimensions from the axis on.
    return function(x.reshape(*x.shape[:axis], -1), axis).reshape(x.shape)


def _reduction(function: Callable[[T, tuple[int, ...], bool], T]) -> Operator:
    def reduce(call: Call, x: T, axes: T | None = None) -> T:
        chosen = call.axes()
        if not chosen:
            if call.get("noop_with_empty_axes", 0):
                return x
            chosen = list(range(x.ndim))
        return function(x, tuple(a % x.ndim for a in chosen), bool(call.get("keepdims", 1)))

    return reduce


OPERATORS.update(
    {
        "ReduceMean": _reduction(lambda x, axes, keep: x.mean(axes, keepdim=keep)),
        "ReduceSum": _reduction(lambda x, axes, keep: x.sum(axes, keepdim=keep)),
        "ReduceMax": _reduction(lambda x, axes, keep: x.amax(axes, keepdim=keep)),
        "ReduceMin": _reduction(lambda x, axes, keep: x.amin(axes, keepdim=keep)),
        "ReduceL1": _reduction(lambda x, axes, keep: x.abs().sum(axes, keepdim=keep)),
        "ReduceL2": _reduction(lambda x, axes, keep: torch.sqrt((x * x).sum(axes, keepdim=keep))),
        "ReduceSumSquare": _reduction(lambda x, axes, keep: (x * x).sum(axes, keepdim=keep)),
        "ReduceLogSum": _reduction(lambda x, axes, keep: torch.log(x.sum(axes, keepdim=keep))),
        "ReduceLogSumExp": _reduction(lambda x, axes, keep: torch.log(torch.exp(x).sum(axes, keepdim=keep))),
    }
)


@op("ReduceProd")
def _reduce_prod(call: Call, x: T, axes: T | None = None) -> T:
    for axis in sorted((a % x.ndim for a in call.axes() or range(x.ndim)), reverse=True):
        x = x.prod(axis, keepdim=bool(call.get("keepdims", 1)))
    return x


@op("ArgMax", "ArgMin")
def _arg(call: Call, x: T) -> T:
    if call.get("select_last_index", 0):
        call.refuse("returns the last of equal values", "use select_last_index=0")
    function = torch.argmax if call.operator == "ArgMax" else torch.argmin
    return function(x, call.get("axis", 0), keepdim=bool(call.get("keepdims", 1)))


@op("BatchNormalization")
def _batch_norm(call: Call, x: T, scale: T, bias: T, mean: T, variance: T) -> T:
    if call.get("training_mode", 0):
        call.refuse("was exported in train mode: it takes the mean of the batch", "export it in eval mode")
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, call.get("epsilon", 1e-5))


@op("InstanceNormalization")
def _instance_norm(call: Call, x: T, scale: T, bias: T) -> T:
    return F.instance_norm(x, weight=scale, bias=bias, eps=call.get("epsilon", 1e-5))


@op("GroupNormalization")
def _group_norm(call: Call, x: T, scale: T, bias: T) -> T:
    groups = call.get("num_groups")
    if call.opset < 21 and scale.numel() == groups:  # once a scale for each group
        scale, bias = (t.repeat_interleave(x.shape[1] // groups) for t in (scale, bias))
    return F.group_norm(x, groups, scale, bias, call.get("epsilon", 1e-5))


@op("LayerNormalization")
def _layer_norm(call: Call, x: T, scale: T, bias: T | None = None) -> T:
    return F.layer_norm(x, x.shape[call.get("axis", -1) :], scale, bias, call.get("epsilon", 1e-5))


@op("RMSNormalization")
def _rms_norm(call: Call, x: T, scale: T) -> T:
    axes = tuple(range(call.get("axis", -1) % x.ndim, x.ndim))
    return x * torch.rsqrt((x * x).mean(axes, keepdim=True) + call.get("epsilon", 1e-5)) * scale


@op("LpNormalization")
def _lp_norm(call: Call, x: T) -> T:
    axis = call.get("axis", -1)
    size = x.abs().sum(axis, keepdim=True) if call.get("p", 2) == 1 else torch.sqrt((x * x).sum(axis, keepdim=True))
    return x / size


@op("Gemm")
def _gemm(call: Call, a: T, b: T, c: T | None = None) -> T:
    a = a.T if call.get("transA", 0) else a
    weight = b if call.get("transB", 0) else b.T
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    if alpha == 1 and beta == 1 and (c is None or c.ndim == 1):
        return F.linear(a, weight, c)
    y = alpha * F.linear(a, weight)
    return y if c is None else y + beta * c


@op("MatMul")
def _matmul(call: Call, a: T, b: T) -> T:
    return F.linear(a, b.T) if b.ndim == 2 and a.ndim >= 2 and call.has_constant(1) else torch.matmul(a, b)


@op("Einsum")
def _einsum(call: Call, *inputs: T) -> T:
    return torch.einsum(call.get("equation"), *inputs)


@op("Cast")
def _cast(call: Call, x: T) -> T:
    kind = _DTYPES.get(call.get("to"))
    if kind is None:
        call.refuse("casts to a type that no model here has", "use float32 and int32")
    return x.to(kind)


@op("CastLike")
def _cast_like(call: Call, x: T, other: T) -> T:
    return x.to(other.dtype)


@op("CumSum")
def _cumsum(call: Call, x: T, axis: T) -> T:
    if call.get("exclusive", 0) or call.get("reverse", 0):
        call.refuse("sums exclusively or backwards", "use a plain CumSum")
    return torch.cumsum(x, int(np.ravel(call.constant(1))[0]))


@op("Scaler")
def _scaler(call: Call, x: T) -> T:
    return (x - torch.tensor(call.get("offset"))) * torch.tensor(call.get("scale"))
