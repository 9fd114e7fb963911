"""The operators of ONNX, each as calls of torch. Runs in a worker.

A function takes a `Call` and the inputs of its node, None for one that is left out. What must be known before the model
runs (shapes, axes, paddings) it asks the call for: `Call.constant`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor as T

from ...errors import InputError
from ..tracing.ranges import Quantize
from ..tracing.recurrent import Lstm
from ..tracing.stepping import Recurrent, fitted

Array = npt.NDArray[Any]
Operator = Callable[..., Any]
OPERATORS: dict[str, Operator] = {}
_LOWEST = -3.0e38
# ONNX's numbers of element types; what is wider or narrower than float32 is computed in it.
_DTYPES = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    10: torch.float32, 11: torch.float32, 16: torch.float32,
}  # fmt: skip


# They read their scales and zero points when they are made.
QUANTIZED = frozenset({"QuantizeLinear", "DequantizeLinear"})
# What QuantizeLinear stores.
_STORED = {2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}


class Unreadable(InputError):
    """A node that is not computed here."""


class Call(torch.nn.Module):
    """A node.

    Attributes:
        operator, opset: its type, and the version of the operators.
        attributes: of the node.
        inputs: the names of what it reads, "" for one that is left out.
    """

    def __init__(
        self,
        file: str,
        operator: str,
        name: str,
        opset: int,
        attributes: Mapping[str, Any],
        inputs: Sequence[str],
        constants: Mapping[str, Array],
        outputs: int,
    ) -> None:
        super().__init__()
        self.operator, self.opset, self.attributes, self.inputs = operator, opset, dict(attributes), tuple(inputs)
        self._title = f"{file}: {operator} '{name}'"
        self._constants = {k: constants[n] for k, n in enumerate(inputs) if n in constants}
        self.outputs = outputs
        self.layer: Any = None
        if operator in _USUAL:
            self.layer = Lstm() if operator == "LSTM" else Recurrent(self._kind())
        self.exact = True
        self.quantize = self._quantization() if operator == "QuantizeLinear" else None
        if operator not in OPERATORS:
            raise Unreadable(
                f"{self._title} is not among the {len(OPERATORS)} operators that are read",
                REMEDIES.get(operator, _OTHER),
                operator=operator,
            )

    def _kind(self) -> str:
        activations = self.get("activations", ["Tanh"])
        return "gru" if self.operator == "GRU" else "rnn_relu" if activations[0] == "Relu" else "rnn_tanh"

    def values(self, number: int) -> Array | None:
        """Return an input that is a constant; None for others."""
        return self._constants.get(number)

    def _quantization(self) -> Quantize:
        scale, zero = self.values(1), self.values(2)
        if scale is None or (zero is None and len(self.inputs) > 2 and self.inputs[2]):
            self.refuse("has a scale that is computed from the data", "quantize it statically, or export it in float32")
        kind = _STORED.get(self.get("output_dtype", 0), "uint8")
        zero = np.zeros((), kind) if zero is None else zero
        if str(zero.dtype) not in _STORED.values():
            self.refuse(f"stores {zero.dtype}", "quantize to int8 or uint8")
        return Quantize(self._title, np.asarray(scale), zero, self.get("axis", 1))

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        """Return an attribute."""
        return self.attributes.get(name, default)

    def constant(self, number: int) -> Any:  # noqa: ANN401 - a number or nested lists
        """Return the values of an input that is a constant, as plain numbers; None for one that is left out."""
        if number >= len(self.inputs) or not self.inputs[number]:
            return None
        if number not in self._constants:
            self.refuse(f"has an input {number} that is computed from the data", "export it with fixed shapes")
        return self._constants[number].tolist()

    def has_constant(self, number: int) -> bool:
        """Return whether an input is a constant."""
        return number in self._constants

    def axes(self, number: int = 1) -> list[int] | None:
        """Return the axes of a reduction or a squeeze: an attribute once, an input since."""
        axes = self.get("axes")
        if axes is None:
            axes = self.constant(number)
        return None if axes is None else [int(a) for a in np.atleast_1d(axes)]

    def refuse(self, why: str, remedy: str) -> None:
        """Raise the refusal of this node."""
        raise Unreadable(f"{self._title} {why}", remedy, operator=self.operator)

    def forward(self, known: dict[str, Any]) -> Any:  # noqa: ANN401
        """Compute the node."""
        names = self.inputs[:1] if self.operator in QUANTIZED else self.inputs
        return OPERATORS[self.operator](self, *(known[name] if name else None for name in names))


_OTHER = "export it with different layers"
_FOREST = "a forest has no weights; emlearn converts it to C"
REMEDIES = {
    **dict.fromkeys(("TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"), _FOREST),
    **dict.fromkeys(("SVMClassifier", "SVMRegressor"), "train a small neural network on the same data"),
    **dict.fromkeys(("Loop", "Scan", "If"), "export it without loops and branches over data"),
    **dict.fromkeys(("NonZero", "NonMaxSuppression", "Unique", "TopK"), "do this after the model, in your own code"),
    **dict.fromkeys(("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial"),
                    "give random numbers to the model as an input"),
}  # fmt: skip


def _op(*names: str) -> Callable[[Operator], Operator]:
    def add(function: Operator) -> Operator:
        for name in names:
            OPERATORS[name] = function
        return function

    return add


def _plain(names: Mapping[str, Callable[..., Any]]) -> None:
    """Add operators that are one call of torch, without attributes."""

    def of(function: Callable[..., Any]) -> Operator:
        return lambda call, *inputs: function(*inputs)

    OPERATORS.update({name: of(function) for name, function in names.items()})


_plain(
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


@_op("Div")
def _div(call: Call, x: T, y: T) -> T:
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


@_op("Mod")
def _mod(call: Call, x: T, y: T) -> T:
    return torch.fmod(x, y) if call.get("fmod", 0) else torch.remainder(x, y)


@_op("LeakyRelu")
def _leaky_relu(call: Call, x: T) -> T:
    return F.leaky_relu(x, call.get("alpha", 0.01))


@_op("PRelu")
def _prelu(call: Call, x: T, slope: T) -> T:
    if x.ndim > 1 and slope.numel() in (1, x.shape[1]) and slope.ndim < x.ndim and slope.shape[0] == slope.numel():
        return F.prelu(x, slope.reshape(-1))
    return F.relu(x) - slope * F.relu(-x)


@_op("Elu")
def _elu(call: Call, x: T) -> T:
    return F.elu(x, call.get("alpha", 1.0))


@_op("Celu")
def _celu(call: Call, x: T) -> T:
    return F.celu(x, call.get("alpha", 1.0))


@_op("Selu")
def _selu(call: Call, x: T) -> T:
    alpha, gamma = call.get("alpha", 1.6732631921768188), call.get("gamma", 1.0507010221481323)
    return torch.where(x > 0, gamma * x, gamma * alpha * (torch.exp(x) - 1))


@_op("ThresholdedRelu")
def _thresholded_relu(call: Call, x: T) -> T:
    return torch.where(x > call.get("alpha", 1.0), x, torch.zeros_like(x))


@_op("HardSigmoid")
def _hard_sigmoid(call: Call, x: T) -> T:
    return torch.clamp(x * call.get("alpha", 0.2) + call.get("beta", 0.5), 0, 1)


@_op("Gelu")
def _gelu(call: Call, x: T) -> T:
    return F.gelu(x, approximate=call.get("approximate", "none"))


@_op("Swish")
def _swish(call: Call, x: T) -> T:
    return x * torch.sigmoid(call.get("alpha", 1.0) * x)


@_op("Clip")
def _clip(call: Call, x: T, low: T | None = None, high: T | None = None) -> T:
    least, most = call.get("min", call.constant(1)), call.get("max", call.constant(2))
    if (least, most) == (0, 6):
        return F.relu6(x)
    if least is None and most is None:
        return x
    return torch.clamp(x, least, most)


@_op("Softmax", "LogSoftmax")
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


@_op("ReduceProd")
def _reduce_prod(call: Call, x: T, axes: T | None = None) -> T:
    for axis in sorted((a % x.ndim for a in call.axes() or range(x.ndim)), reverse=True):
        x = x.prod(axis, keepdim=bool(call.get("keepdims", 1)))
    return x


@_op("ArgMax", "ArgMin")
def _arg(call: Call, x: T) -> T:
    if call.get("select_last_index", 0):
        call.refuse("returns the last of equal values", "use select_last_index=0")
    function = torch.argmax if call.operator == "ArgMax" else torch.argmin
    return function(x, call.get("axis", 0), keepdim=bool(call.get("keepdims", 1)))


def _paddings(call: Call, space: Sequence[int], kernel: Sequence[int], strides: Sequence[int],
              dilations: Sequence[int]) -> list[tuple[int, int]]:  # fmt: skip
    """Return the padding before and after each dimension of space."""
    n, auto = len(kernel), call.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for size, k, s, d in zip(space, kernel, strides, dilations, strict=True):
            total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
            less, more = total // 2, total - total // 2
            found.append((less, more) if auto == "SAME_UPPER" else (more, less))
        return found
    pads = call.get("pads") or [0] * (2 * n)
    return [(pads[k], pads[k + n]) for k in range(n)]


def _padded(x: T, pads: Sequence[tuple[int, int]], value: float = 0.0) -> T:
    if not any(a or b for a, b in pads):
        return x
    return F.pad(x, [edge for pair in reversed(pads) for edge in pair], value=value)


@_op("Conv")
def _conv(call: Call, x: T, weight: T, bias: T | None = None) -> T:
    n = weight.ndim - 2
    if n not in (1, 2):
        call.refuse(f"is a {n}-D convolution, which TFLM does not have", "use 1 or 2 dimensions")
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = _paddings(call, x.shape[2:], weight.shape[2:], strides, dilations)
    function = (F.conv1d, F.conv2d)[n - 1]
    groups = call.get("group", 1)
    if all(a == b for a, b in pads):
        return function(x, weight, bias, strides, [a for a, _ in pads], dilations, groups)
    return function(_padded(x, pads), weight, bias, strides, 0, dilations, groups)


@_op("ConvTranspose")
def _conv_transpose(call: Call, x: T, weight: T, bias: T | None = None) -> T:
    n = weight.ndim - 2
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = call.get("pads") or [0] * (2 * n)
    if any(call.get("output_padding") or ()) or call.get("output_shape"):
        call.refuse("has output_padding or output_shape", "use a kernel as large as the stride, or Resize and Conv")
    if call.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or n not in (1, 2):
        call.refuse("has automatic padding", "give its pads")
    function = (F.conv_transpose1d, F.conv_transpose2d)[n - 1]
    even = pads[:n] == pads[n:]
    y = function(x, weight, bias, strides, pads[:n] if even else 0, 0, call.get("group", 1), dilations)
    if not even:
        for k in range(n):
            y = y.narrow(2 + k, pads[k], y.shape[2 + k] - pads[k] - pads[k + n])
    return y


@_op("MaxPool")
def _max_pool(call: Call, x: T) -> T:
    kernel = call.get("kernel_shape")
    n = len(kernel)
    if n not in (1, 2) or call.outputs > 1:
        call.refuse("returns indices, or pools over more than two dimensions", "pool over 1 or 2, for values only")
    strides, dilations = call.get("strides", [1] * n), call.get("dilations", [1] * n)
    pads = _paddings(call, x.shape[2:], kernel, strides, dilations)
    function, ceil = (F.max_pool1d, F.max_pool2d)[n - 1], bool(call.get("ceil_mode", 0))
    if all(a == b and a <= k // 2 for (a, b), k in zip(pads, kernel, strict=True)):
        return function(x, kernel, strides, [a for a, _ in pads], dilations, ceil)
    return function(_padded(x, pads, _LOWEST), kernel, strides, 0, dilations, ceil)


@_op("AveragePool")
def _average_pool(call: Call, x: T) -> T:
    kernel = call.get("kernel_shape")
    n = len(kernel)
    if n not in (1, 2) or any(d != 1 for d in call.get("dilations", [1])):
        call.refuse("pools over more than two dimensions, or with dilation", "pool over 1 or 2, without")
    strides = call.get("strides", [1] * n)
    pads = _paddings(call, x.shape[2:], kernel, strides, [1] * n)
    function, ceil = (F.avg_pool1d, F.avg_pool2d)[n - 1], bool(call.get("ceil_mode", 0))
    counted = bool(call.get("count_include_pad", 0))
    if all(a == b and a <= k // 2 for (a, b), k in zip(pads, kernel, strict=True)):
        return function(x, kernel, strides, [a for a, _ in pads], ceil, counted)
    summed = function(_padded(x, pads), kernel, strides, 0, ceil)
    if counted:
        return summed
    return summed / function(_padded(torch.ones_like(x), pads), kernel, strides, 0, ceil)


@_op("GlobalAveragePool")
def _global_average(call: Call, x: T) -> T:
    return x.mean(tuple(range(2, x.ndim)), keepdim=True)


@_op("GlobalMaxPool")
def _global_max(call: Call, x: T) -> T:
    return x.amax(tuple(range(2, x.ndim)), keepdim=True)


@_op("BatchNormalization")
def _batch_norm(call: Call, x: T, scale: T, bias: T, mean: T, variance: T) -> T:
    if call.get("training_mode", 0):
        call.refuse("was exported in train mode: it takes the mean of the batch", "export it in eval mode")
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, call.get("epsilon", 1e-5))


@_op("InstanceNormalization")
def _instance_norm(call: Call, x: T, scale: T, bias: T) -> T:
    return F.instance_norm(x, weight=scale, bias=bias, eps=call.get("epsilon", 1e-5))


@_op("GroupNormalization")
def _group_norm(call: Call, x: T, scale: T, bias: T) -> T:
    groups = call.get("num_groups")
    if call.opset < 21 and scale.numel() == groups:  # once a scale for each group
        scale, bias = (t.repeat_interleave(x.shape[1] // groups) for t in (scale, bias))
    return F.group_norm(x, groups, scale, bias, call.get("epsilon", 1e-5))


@_op("LayerNormalization")
def _layer_norm(call: Call, x: T, scale: T, bias: T | None = None) -> T:
    return F.layer_norm(x, x.shape[call.get("axis", -1) :], scale, bias, call.get("epsilon", 1e-5))


@_op("RMSNormalization")
def _rms_norm(call: Call, x: T, scale: T) -> T:
    axes = tuple(range(call.get("axis", -1) % x.ndim, x.ndim))
    return x * torch.rsqrt((x * x).mean(axes, keepdim=True) + call.get("epsilon", 1e-5)) * scale


@_op("LpNormalization")
def _lp_norm(call: Call, x: T) -> T:
    axis = call.get("axis", -1)
    size = x.abs().sum(axis, keepdim=True) if call.get("p", 2) == 1 else torch.sqrt((x * x).sum(axis, keepdim=True))
    return x / size


@_op("Gemm")
def _gemm(call: Call, a: T, b: T, c: T | None = None) -> T:
    a = a.T if call.get("transA", 0) else a
    weight = b if call.get("transB", 0) else b.T
    alpha, beta = call.get("alpha", 1.0), call.get("beta", 1.0)
    if alpha == 1 and beta == 1 and (c is None or c.ndim == 1):
        return F.linear(a, weight, c)
    y = alpha * F.linear(a, weight)
    return y if c is None else y + beta * c


@_op("MatMul")
def _matmul(call: Call, a: T, b: T) -> T:
    return F.linear(a, b.T) if b.ndim == 2 and a.ndim >= 2 and call.has_constant(1) else torch.matmul(a, b)


@_op("Einsum")
def _einsum(call: Call, *inputs: T) -> T:
    return torch.einsum(call.get("equation"), *inputs)


@_op("Flatten")
def _flatten(call: Call, x: T) -> T:
    axis = call.get("axis", 1) % (x.ndim + 1)
    return x.reshape(math.prod(x.shape[:axis]), -1)


@_op("Reshape")
def _reshape(call: Call, x: T, shape: T) -> T:
    keeps = not call.get("allowzero", 0)
    return x.reshape(fitted([x.shape[k] if d == 0 and keeps else d for k, d in enumerate(call.constant(1))], x))


@_op("Transpose")
def _transpose(call: Call, x: T) -> T:
    return x.permute(call.get("perm") or list(range(x.ndim))[::-1])


@_op("Squeeze")
def _squeeze(call: Call, x: T, axes: T | None = None) -> T:
    chosen = call.axes()
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


@_op("Unsqueeze")
def _unsqueeze(call: Call, x: T, axes: T | None = None) -> T:
    chosen = call.axes() or []
    for axis in sorted(a % (x.ndim + len(chosen)) for a in chosen):
        x = x.unsqueeze(axis)
    return x


@_op("Concat")
def _concat(call: Call, *inputs: T) -> T:
    return torch.cat(inputs, call.get("axis"))


@_op("Split")
def _split(call: Call, x: T, sizes: T | None = None) -> Any:  # noqa: ANN401 - a tuple of tensors
    axis = call.get("axis", 0)
    lengths = call.get("split") or call.constant(1)
    if lengths is None:
        count = call.get("num_outputs") or call.outputs
        lengths = [-(-x.shape[axis] // count)] * (count - 1)
        lengths.append(x.shape[axis] - sum(lengths))
    return torch.split(x, list(lengths), axis)


@_op("Slice")
def _slice(call: Call, x: T, *rest: T) -> T:
    starts, ends = call.constant(1), call.constant(2)
    axes, steps = call.constant(3) or list(range(len(starts))), call.constant(4) or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        indices = range(x.shape[axis])[slice(start, None if step < 0 and end < -x.shape[axis] else end, step)]
        if step > 0:
            x = x[(slice(None),) * (axis % x.ndim) + (slice(indices.start, indices.stop, step),)]
        else:
            low = indices[-1] if len(indices) else 0
            part = x.narrow(axis, low, (indices[0] - low + 1) if len(indices) else 0).flip(axis)
            x = part[(slice(None),) * (axis % x.ndim) + (slice(None, None, -step),)]
    return x


@_op("Gather")
def _gather(call: Call, x: T, indices: T) -> T:
    axis = call.get("axis", 0) % x.ndim
    if call.has_constant(1):
        chosen = call.constant(1)
        if isinstance(chosen, int):
            return x.select(axis, chosen % x.shape[axis])
        indices = torch.remainder(indices, x.shape[axis])
    if axis == 0 and x.ndim == 2:
        return F.embedding(indices, x)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    return torch.index_select(x, axis, indices.reshape(-1)).reshape(shape)


@_op("GatherElements")
def _gather_elements(call: Call, x: T, indices: T) -> T:
    return torch.gather(x, call.get("axis", 0), indices)


@_op("Pad")
def _pad(call: Call, x: T, pads: T | None = None, value: T | None = None, axes: T | None = None) -> T:
    edges = call.get("pads") or call.constant(1)
    n = len(edges) // 2
    full = [(0, 0)] * x.ndim
    for k, axis in enumerate(call.constant(3) or range(n)):
        full[axis] = (edges[k], edges[k + n])
    mode = call.get("mode", "constant")
    if mode == "constant":
        filled = call.constant(2) if len(call.inputs) > 2 else call.get("value", 0.0)
        return _padded(x, full, float(np.ravel(filled)[0]) if filled is not None else 0.0)
    if mode not in ("reflect", "edge") or any(full[0] + full[1]):
        call.refuse(f"pads in the mode '{mode}'", "pad height and width with a constant, reflect or edge")
    flat = [edge for pair in reversed(full[2:]) for edge in pair]
    return F.pad(x, flat, mode="reflect" if mode == "reflect" else "replicate")


@_op("Expand")
def _expand(call: Call, x: T, shape: T) -> T:
    wanted = [int(d) for d in call.constant(1)]
    return x.expand(torch.broadcast_shapes(tuple(wanted), tuple(x.shape)))


@_op("Tile")
def _tile(call: Call, x: T, repeats: T) -> T:
    return x.repeat(*call.constant(1))


@_op("Resize", "Upsample")
def _resize(call: Call, x: T, *rest: T) -> T:
    if call.operator == "Upsample":
        scales, sizes, how = call.get("scales") or call.constant(1), None, "asymmetric"
    else:
        scales, sizes = call.constant(2), call.constant(3)
        how = call.get("coordinate_transformation_mode", "half_pixel")
    mode = call.get("mode", "nearest")
    if mode == "cubic":
        call.refuse("interpolates bicubically, which no runtime for microcontrollers does", "use mode='linear'")
    if call.get("antialias", 0) or call.get("axes"):
        call.refuse("resizes with antialias or named axes", "resize height and width of all channels plainly")
    space = x.shape[2:]
    size = [int(d) for d in sizes[2:]] if sizes else [math.floor(d * s) for d, s in zip(space, scales[2:], strict=True)]
    if size == list(space):
        return x
    if mode == "nearest":
        if any(new % old for new, old in zip(size, space, strict=True)):
            call.refuse(
                "resizes to the nearest by a factor that is no integer, which the converter does wrongly",
                "resize to a whole multiple of the size, or with mode='linear'",
            )
        # Of a whole multiple all roundings choose the same, but those that ask for the middle of the new pixels.
        if how == "align_corners" or (how == "asymmetric" and call.get("nearest_mode", "round_prefer_floor") == "ceil"):
            call.refuse("resizes to the nearest by corners", "use coordinate_transformation_mode='half_pixel'")
        if how == "asymmetric" and call.get("nearest_mode", "round_prefer_floor") != "floor":
            call.refuse("rounds positions, where others take the lower", "use nearest_mode='floor'")
        return F.interpolate(x, size=size, mode="nearest")
    if how not in ("half_pixel", "pytorch_half_pixel", "align_corners") or len(size) > 2:
        call.refuse(f"interpolates with '{how}'", "use coordinate_transformation_mode='half_pixel'")
    kind = "bilinear" if len(size) == 2 else "linear"
    return F.interpolate(x, size=size, mode=kind, align_corners=how == "align_corners")


@_op("DepthToSpace")
def _depth_to_space(call: Call, x: T) -> T:
    block = call.get("blocksize")
    if call.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    y = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // block**2, h * block, w * block)


@_op("SpaceToDepth")
def _space_to_depth(call: Call, x: T) -> T:
    block = call.get("blocksize")
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * block**2, h // block, w // block)


@_op("Cast")
def _cast(call: Call, x: T) -> T:
    kind = _DTYPES.get(call.get("to"))
    if kind is None:
        call.refuse("casts to a type that no model here has", "use float32 and int32")
    return x.to(kind)


@_op("CastLike")
def _cast_like(call: Call, x: T, other: T) -> T:
    return x.to(other.dtype)


@_op("Shape")
def _shape(call: Call, x: T) -> T:
    shape = list(x.shape)[call.get("start", 0) : call.get("end", x.ndim)]
    return torch.tensor(shape, dtype=torch.int64)


@_op("ConstantOfShape")
def _constant_of_shape(call: Call, shape: T) -> T:
    value = call.get("value")
    filled = np.ravel(value)[0].item() if value is not None else 0.0
    dtype = torch.float32 if isinstance(filled, float) else torch.int64
    return torch.full(tuple(call.constant(0)), filled, dtype=dtype)


@_op("Range")
def _range(call: Call, *inputs: T) -> T:
    return torch.arange(*(call.constant(k) for k in range(3)))


@_op("CumSum")
def _cumsum(call: Call, x: T, axis: T) -> T:
    if call.get("exclusive", 0) or call.get("reverse", 0):
        call.refuse("sums exclusively or backwards", "use a plain CumSum")
    return torch.cumsum(x, int(np.ravel(call.constant(1))[0]))


@_op("Trilu")
def _trilu(call: Call, x: T, k: T | None = None) -> T:
    return (torch.triu if call.get("upper", 1) else torch.tril)(x, call.constant(1) or 0)


@_op("Dropout")
def _dropout(call: Call, x: T, *rest: T) -> T:
    if call.constant(2):
        call.refuse("was exported in train mode: it draws random numbers", "export it in eval mode")
    return x


@_op("QuantizeLinear")
def _quantize(call: Call, x: T) -> T:
    assert call.quantize is not None
    return call.quantize(x)


@_op("DequantizeLinear")
def _dequantize(call: Call, x: T) -> T:
    """Of what is computed; that of a constant is one (`dequantized`)."""
    if not call.exact:
        return x  # what QuantizeLinear got
    scale, zero = (call.values(k) for k in (1, 2))
    return torch.from_numpy(dequantized(x.numpy(), scale, zero, call.get("axis", 1)))


def dequantized(values: Array, scale: Array | None, zero: Array | None, axis: int) -> Array:
    """Return the numbers that integers stand for, as float32."""
    if scale is None:
        raise Unreadable("a DequantizeLinear has a scale that is computed from the data", "quantize it statically")
    shape = [1] * values.ndim
    if scale.size > 1:
        shape[axis] = -1
    steps = values.astype(np.float32) - (0 if zero is None else zero.astype(np.float32).reshape(shape))
    return np.asarray(steps * scale.astype(np.float32).reshape(shape), np.float32)


@_op("Scaler")
def _scaler(call: Call, x: T) -> T:
    return (x - torch.tensor(call.get("offset"))) * torch.tensor(call.get("scale"))


@_op("LRN")
def _lrn(call: Call, x: T) -> T:
    size = call.get("size")
    if size % 2 == 0:
        call.refuse("normalizes over an even number of channels", "use an odd one")
    return F.local_response_norm(x, size, call.get("alpha", 1e-4), call.get("beta", 0.75), call.get("bias", 1.0))


def _gates(values: T, order: Sequence[int]) -> T:
    """Return the parts of a weight for the gates in another order."""
    if len(order) == 1:
        return values
    parts = values.chunk(len(order))
    return torch.cat([parts[k] for k in order])


@_op("LSTM", "GRU", "RNN")
def _recurrent(call: Call, x: T, w: T, r: T, b: T | None = None, lengths: T | None = None, h0: T | None = None,
               c0: T | None = None, peepholes: T | None = None) -> Any:  # noqa: ANN401 # fmt: skip
    """A layer over all steps, shapes (steps, batch, values), in torch's own order of gates."""
    if call.get("layout", 0) or lengths is not None or peepholes is not None or call.get("clip"):
        call.refuse("has a batch in front, lengths, peepholes or a limit", "export a plain layer")
    hidden, both = call.get("hidden_size"), call.get("direction", "forward") == "bidirectional"
    usual = _USUAL[call.operator]
    activations = call.get("activations", usual[0])
    if call.get("direction", "forward") == "reverse" or activations not in [n * u for u in usual for n in (1, 2)]:
        call.refuse("runs backwards, or has other activations", "use a plain or bidirectional layer")
    if call.operator == "GRU" and not call.get("linear_before_reset", 0):
        call.refuse("resets before its product (linear_before_reset=0)", "export from PyTorch, which resets after it")
    order = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}[call.operator]
    weights: list[T] = []
    for direction in range(w.shape[0]):
        weights += [_gates(w[direction], order), _gates(r[direction], order)]
        if b is not None:
            weights += [_gates(part, order) for part in b[direction].chunk(2)]
    directions = 2 if both else 1
    start = torch.zeros(directions, x.shape[1], hidden) if h0 is None else h0
    settings = (b is not None, 1, 0.0, False, both, False)
    if call.operator == "LSTM":
        cell = torch.zeros_like(start) if c0 is None else c0
        y, h, c = call.layer(x, [start, cell], weights, *settings)
    else:
        y, h = call.layer(x, start, weights, *settings)
    # ONNX has the directions as a dimension of their own, before the batch.
    y = y.reshape(y.shape[0], y.shape[1], directions, hidden).permute(0, 2, 1, 3)
    return (y, h, c) if call.operator == "LSTM" else (y, h)


_USUAL = {"LSTM": [["Sigmoid", "Tanh", "Tanh"]], "GRU": [["Sigmoid", "Tanh"]], "RNN": [["Tanh"], ["Relu"]]}

SPATIAL = frozenset(
    {
        "Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization",
        "InstanceNormalization", "GroupNormalization", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "PRelu",
        "LRN",
    }
)  # fmt: skip
ELEMENTWISE = frozenset(
    {
        "Abs", "Add", "Cast", "Ceil", "Celu", "Clip", "Concat", "Cos", "DequantizeLinear", "Div", "Dropout", "Elu",
        "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Log", "LogSoftmax", "Max",
        "Min", "Mish", "Mul", "Neg", "Pad", "Pow", "QuantizeLinear", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sin",
        "Softmax", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tanh", "ThresholdedRelu", "Where",
    }
)  # fmt: skip
