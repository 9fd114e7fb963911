"""The operators of ONNX, each as calls of torch. Runs in a worker.

A function takes a `Call` and the inputs of its node, None for one that is left out. What must be known before the model
runs (shapes, axes, paddings) it asks the call for: `Call.constant`.
"""

from __future__ import annotations

from . import arithmetic, images, movement, recurrent  # noqa: F401 - they fill `OPERATORS`
from .call import OPERATORS, QUANTIZED, REMEDIES, Array, Call
from .quantized import dequantized

__all__ = ["ELEMENTWISE", "OPERATORS", "QUANTIZED", "REMEDIES", "SPATIAL", "Array", "Call", "dequantized"]

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
