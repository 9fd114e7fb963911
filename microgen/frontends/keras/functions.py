"""Layers of Keras 2 that call functions by name, and the TensorFlow functions that they may call.

A Keras 2 model that was made with TensorFlow's functions stores each call as a layer, with the public name of the
function: whoever writes the file chooses any function of TensorFlow, and Keras calls it while it loads the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# The layers that store the call of a function by its public name.
FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
# Layers that run, load or read whatever their configuration names: methods and attributes by name, any operator of
# TensorFlow, a SavedModel, modules of other frameworks, columns that read files and call functions.
REFUSED_LAYERS = (
    "ClassMethod", "DenseFeatures", "FlaxLayer", "InstanceMethod", "InstanceProperty", "JaxLayer", "SequenceFeatures",
    "TFSMLayer", "TensorFlowOpLayer", "TorchModuleWrapper",
)  # fmt: skip

# Functions whose result depends on their arguments only, and that do nothing else; by the names that Keras 2 stores.
_PLAIN = (
    "__operators__.add", "__operators__.getitem", "broadcast_to", "cast", "clip_by_value", "concat",
    "convert_to_tensor", "einsum", "expand_dims", "gather", "identity", "one_hot", "ones_like", "pad", "rank",
    "reshape", "reverse", "roll", "shape", "slice", "split", "squeeze", "stack", "stop_gradient", "strided_slice",
    "tensordot", "tile", "transpose", "unstack", "where", "zeros_like",
)  # fmt: skip
_MATH = (
    "abs", "add", "add_n", "argmax", "argmin", "ceil", "cos", "cumsum", "divide", "divide_no_nan", "equal", "erf",
    "exp", "floor", "floordiv", "floormod", "greater", "greater_equal", "is_nan", "l2_normalize", "less", "less_equal",
    "log", "log1p", "logical_and", "logical_not", "logical_or", "maximum", "minimum", "mod", "multiply", "negative",
    "not_equal", "pow", "reciprocal", "reduce_all", "reduce_any", "reduce_max", "reduce_mean", "reduce_min",
    "reduce_prod", "reduce_std", "reduce_sum", "reduce_variance", "round", "rsqrt", "sigmoid", "sign", "sin",
    "softplus", "sqrt", "square", "squared_difference", "subtract", "tanh", "top_k", "truediv",
)  # fmt: skip
_NN = (
    "avg_pool2d", "batch_normalization", "bias_add", "conv2d", "depth_to_space", "depthwise_conv2d", "elu", "gelu",
    "l2_loss", "leaky_relu", "log_softmax", "max_pool2d", "relu", "relu6", "silu", "softmax", "softsign",
    "space_to_depth",
)  # fmt: skip
_IMAGE = ("flip_left_right", "flip_up_down", "per_image_standardization", "resize")
_V1 = (
    "argmax", "argmin", "floor_div", "gather", "image.resize_bilinear", "image.resize_nearest_neighbor", "norm", "pad",
    "shape", "squeeze", "transpose",
)  # fmt: skip
PURE = frozenset(
    [
        *_PLAIN,
        "linalg.matmul",
        "norm",
        *(f"{v1}{room}.{name}" for v1 in ("", "compat.v1.") for room, names in (
            ("math", _MATH), ("nn", _NN), ("image", _IMAGE),
        ) for name in names),
        *(f"compat.v1.{name}" for name in _V1),
    ]
)  # fmt: skip


def refused_function(kind: str, config: Mapping[str, Any]) -> str:
    """Return what a layer would call that it may not; "" for a layer that calls nothing, or a function of `PURE`.

    Args:
        kind: the name of the layer's class, without a package.
        config: its configuration.
    """
    if kind in REFUSED_LAYERS:
        return kind
    if kind not in FUNCTION_LAYERS:
        return ""
    function = config.get("function")
    return "" if isinstance(function, str) and function in PURE else f"the function {function!r}"
