"""The rows of a model's outputs that an operator leaves unwritten.

TFLite_Detection_PostProcess writes a row of its boxes, classes and scores for each object that it finds, and their
number into its last output. The other rows keep what lay in that memory before, so that no two runs need agree on them.

Source: `NonMaxSuppressionMultiClassFastHelper` in TFLM's detection_postprocess.cc.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .model import Operator, Subgraph, TfliteModel

_DETECTIONS = "TFLite_Detection_PostProcess"
# In a golden vector: any value is right here. The bytes of a NaN that no arithmetic gives.
_ANY = np.frombuffer(b"\xff" * 4, np.float32)[0]


def counting_output(graph: Subgraph, op: Operator) -> int:
    """Return which output of an operator counts the rows that it writes of its others; -1 where it writes all."""
    if not op.is_custom or op.name != _DETECTIONS or len(op.outputs) != 4:
        return -1
    *listed, counted = (graph.tensors[i] for i in op.outputs)
    return 3 if counted.elements and all(len(t.shape) > 1 and t.shape[0] == 1 for t in listed) else -1


def writes_outside(op: Operator) -> bool:
    """Return whether an operator lists an object once for each class, for which the kernels count rows wrongly."""
    if not op.is_custom or op.name != _DETECTIONS:
        return False
    from flatbuffers import flexbuffers

    try:
        fields = flexbuffers.GetRoot(op.custom_options).AsMap
        classes = min(fields[name].AsInt for name in ("max_classes_per_detection", "num_classes"))
        return bool(classes > 1 and not fields["use_regular_nms"].AsBool)
    except (ValueError, LookupError, TypeError, struct.error):
        return False


def clear_unwritten(model: TfliteModel, outputs: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
    """Return a model's outputs with zeros in the rows that nothing wrote.

    Args:
        model: the model.
        outputs: one array per output, samples first, of the shapes that the model gives them.
    """
    return _filled(model, outputs, np.float32(0))


def mark_unwritten(model: TfliteModel, outputs: Sequence[npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], ...]:
    """Return a model's outputs with the mark of golden vectors (golden.cc) in the rows that nothing wrote.

    Args:
        model: the model.
        outputs: one array per output, samples first, of the shapes that the model gives them.
    """
    return _filled(model, outputs, _ANY)


def _filled(model: TfliteModel, outputs: Sequence[npt.NDArray[Any]], value: np.float32) -> tuple[npt.NDArray[Any], ...]:
    result = list(outputs)
    places = {tensor.index: k for k, tensor in enumerate(model.outputs)}
    for op in model.main.operators:
        number = counting_output(model.main, op)
        if number < 0 or op.outputs[number] not in places:
            continue
        counted = outputs[places[op.outputs[number]]]
        count = counted.reshape(len(counted), model.main.tensors[op.outputs[number]].elements)[:, :1]
        for tensor in op.outputs[:number]:
            shape = model.main.tensors[tensor].shape
            if tensor not in places:
                continue
            array = np.array(result[places[tensor]], np.float32).reshape(len(counted), shape[1], math.prod(shape[2:]))
            array[np.arange(shape[1]) >= count] = value
            result[places[tensor]] = array.reshape(len(counted), *shape)
    return tuple(result)
