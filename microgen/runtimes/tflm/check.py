"""Refuses the models that a board's TFLM lacks something for, or computes wrongly."""

from __future__ import annotations

from ...boards import TflmSnapshot
from ...errors import InputError, option
from ...tflite import Operator, Subgraph, TfliteModel
from .resolver import METHODS

_FULLY_CONNECTED = "FULLY_CONNECTED"
# Operators that move values of any width.
_ANY_WIDTH = frozenset({"CAST", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE"})


def check_board(model: TfliteModel, snapshot: TflmSnapshot) -> None:
    """Refuse what this board's TFLM lacks or computes wrongly.

    Raises:
        InputError: names the operators.
    """
    lacking = sorted(
        {
            op.name
            for graph in model.subgraphs
            for op in graph.operators
            if op.name not in (snapshot.custom_ops if op.is_custom else snapshot.ops)
        }
    )
    builtin = {op.name for graph in model.subgraphs for op in graph.operators if not op.is_custom}
    if nowhere := [name for name in lacking if name in builtin and name not in METHODS]:
        raise InputError(
            f"{model.name}: no TFLM has {', '.join(nowhere)}",
            "give the Keras model or SavedModel that it was made from: microgen converts some layers otherwise, and "
            "names what to use instead of the others",
            operator=nowhere[0],
        )
    if "TFLM_DECODE" in lacking:
        raise InputError(
            f"{model.name}: was compressed by TFLM's own tools; {snapshot.title} has no operator TFLM_DECODE",
            "give the model as it was before its compression",
            operator="TFLM_DECODE",
        )
    if lacking:
        raise InputError(
            f"{model.name}: {snapshot.title} has no operator {', '.join(lacking)}",
            "build the model from layers that TFLM has, or choose a board with a newer TFLM (microgen boards)",
            operator=lacking[0],
        )
    for graph in model.subgraphs:
        for op in graph.operators:
            wide = any(graph.tensors[i].dtype == "int16" for i in op.outputs)
            # Custom operators of TFLM's audio front end are int16 by nature.
            if wide and not op.is_custom and op.name not in (*_ANY_WIDTH, *snapshot.int16x8):
                raise InputError(
                    f"{model.name}: operator {op.index} ({op.name}) computes in int16, for which {snapshot.title} "
                    "is not known to have a kernel",
                    f"quantize to int8 ({option('scheme', 'int8')}), or choose another board (microgen boards)",
                    operator=op.name,
                )
            if op.name != _FULLY_CONNECTED or not _per_channel_weights(graph, op):
                continue
            support = {
                "int8": snapshot.per_channel_fully_connected,
                "int16": snapshot.per_channel_fully_connected_int16,
            }.get(graph.tensors[op.inputs[0]].dtype, "supported")
            if support != "supported":
                effect = "refuses it on the device" if support == "refused" else "computes it wrongly without a word"
                raise InputError(
                    f"{model.name}: operator {op.index} ({op.name}) has per-channel weights; {snapshot.title} {effect}",
                    "convert with _experimental_disable_per_channel_quantization_for_dense_layers = True, "
                    "or choose a board with a newer TFLM (microgen boards)",
                    operator=op.name,
                )


def _per_channel_weights(graph: Subgraph, op: Operator) -> bool:
    quantization = graph.tensors[op.inputs[1]].quantization if len(op.inputs) > 1 and op.inputs[1] >= 0 else None
    return quantization is not None and quantization.per_channel
