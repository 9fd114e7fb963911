"""Refuses the models that a board's TFLM lacks something for, or computes wrongly."""

from __future__ import annotations

from ...boards import TflmSnapshot, snapshots
from ...errors import InputError, option
from ...tflite import Operator, Subgraph, TfliteModel
from ...tflite.kept import kept_for_model
from .resolver import METHODS

_FULLY_CONNECTED = "FULLY_CONNECTED"
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
# Operators that move values of any width.
_ANY_WIDTH = frozenset({"CAST", "DEQUANTIZE", "QUANTIZE", "RESHAPE", "SHAPE", "SQUEEZE"})


def check_board(model: TfliteModel, snapshot: TflmSnapshot) -> None:
    """Refuse what this board's TFLM lacks or computes wrongly.

    Raises:
        InputError: names the operators, and in the hint the TFLM of other boards that runs them, where there is one.
    """
    try:
        _check(model, snapshot)
    except InputError as error:
        message, hint = error.template
        able = sorted({other.title for other in snapshots() if _is_able(model, other)})
        # Of one that is made for some chips only, its plain form says enough.
        plain = [title for title in able if not any(title != other and title.startswith(other) for other in able)]
        if plain:
            hint += f", or choose a board with {' or '.join(plain)} (microgen boards)"
        raise InputError(message, hint, **error.data) from None


def _is_able(model: TfliteModel, snapshot: TflmSnapshot) -> bool:
    try:
        _check(model, snapshot)
    except InputError:
        return False
    return True


def _check(model: TfliteModel, snapshot: TflmSnapshot) -> None:
    used = _used(model)
    lacking = sorted({name for name, custom in used if name not in (snapshot.custom_ops if custom else snapshot.ops)})
    builtin = {name for name, custom in used if not custom}
    if nowhere := [name for name in lacking if name in builtin and name not in METHODS]:
        raise InputError(
            f"{model.name}: TFLM has no operator {', '.join(nowhere)}",
            "use the Keras model or SavedModel that it was converted from: microgen replaces some layers, and suggests "
            "alternatives to others",
            operator=nowhere[0],
        )
    if "TFLM_DECODE" in lacking:
        raise InputError(
            f"{model.name}: was compressed with TFLM's own tools; {snapshot.title} has no operator TFLM_DECODE",
            "use the model from before that compression",
            operator="TFLM_DECODE",
        )
    if lacking:
        raise InputError(
            f"{model.name}: {snapshot.title} has no operator {', '.join(lacking)}",
            "use only layers that it supports",
            operator=lacking[0],
        )
    for op in _wide(model):
        if op.name not in (*_ANY_WIDTH, *snapshot.int16x8):
            raise InputError(
                f"{model.name}: operator {op.index} ({op.name}) computes in int16, for which {snapshot.title} "
                "has no known kernel",
                f"quantize the float model to int8 ({option('scheme', 'int8')})",
                operator=op.name,
            )
    for op, name in _int32_sums(model):
        raise InputError(
            f"{model.name}: operator {op.index} (ADD, '{name}') computes in int32, as an index into a table does, and "
            f"{snapshot.title} has no kernel for it",
            "use an activation that TFLM has in int8 (ReLU, LeakyReLU, Hardswish, SiLU, ...)",
            operator=op.name,
        )
    for op in _without_bias(model):
        if op.name in snapshot.needs_bias:
            raise InputError(
                f"{model.name}: operator {op.index} ({op.name}) has no bias, without which {snapshot.title} rejects it "
                "on the device",
                "give the layer a bias, of zeros if need be",
                operator=op.name,
            )
    for op, dtype in _per_channel_dense(model):
        support = {
            "int8": snapshot.per_channel_fully_connected,
            "int16": snapshot.per_channel_fully_connected_int16,
        }.get(dtype, "supported")
        if support != "supported":
            effect = "rejects it on the device" if support == "refused" else "computes it wrongly without an error"
            raise InputError(
                f"{model.name}: operator {op.index} ({op.name}) has per-channel weights; {snapshot.title} {effect}",
                "convert with _experimental_disable_per_channel_quantization_for_dense_layers = True",
                operator=op.name,
            )


# What of a model each snapshot is held against.
@kept_for_model
def _used(model: TfliteModel) -> frozenset[tuple[str, bool]]:
    """Return the names of the operators, and whether each is a custom one."""
    return frozenset((op.name, op.is_custom) for graph in model.subgraphs for op in graph.operators)


@kept_for_model
def _wide(model: TfliteModel) -> tuple[Operator, ...]:
    """Return the operators on int16, but for those of TFLM's audio front end: they are int16 by nature."""
    return tuple(op for graph in model.subgraphs for op in graph.operators if not op.is_custom and _is_wide(graph, op))


@kept_for_model
def _int32_sums(model: TfliteModel) -> tuple[tuple[Operator, str], ...]:
    """Return the ADD operators on int32, such as the index into a table, and the tensors that they write.

    TFLM's reference kernel has them; those of CMSIS-NN and ESP-NN, which all boards' libraries take instead, do not
    (`EvalAdd` of kernels/cmsis_nn/add.cc and kernels/esp_nn/add.cc).
    """
    return tuple(
        (op, graph.tensors[op.outputs[0]].name)
        for graph in model.subgraphs
        for op in graph.operators
        if op.name == "ADD" and op.outputs and graph.tensors[op.outputs[0]].dtype == "int32"
    )


@kept_for_model
def _without_bias(model: TfliteModel) -> tuple[Operator, ...]:
    """Return the quantized convolutions without a bias."""
    return tuple(
        op
        for graph in model.subgraphs
        for op in graph.operators
        if op.name in _CONVOLUTIONS
        and (len(op.inputs) < 3 or op.inputs[2] < 0)
        and any(graph.tensors[i].dtype != "float32" for i in op.inputs[:1] if i >= 0)
    )


@kept_for_model
def _per_channel_dense(model: TfliteModel) -> tuple[tuple[Operator, str], ...]:
    """Return the FULLY_CONNECTED operators with per-channel weights, and the dtype of their input."""
    return tuple(
        (op, graph.tensors[op.inputs[0]].dtype)
        for graph in model.subgraphs
        for op in graph.operators
        if op.name == _FULLY_CONNECTED and _per_channel_weights(graph, op)
    )


def _is_wide(graph: Subgraph, op: Operator) -> bool:
    """Tell whether an operator reads or writes int16 activations; the state of an int8 one may be int16, too."""
    read = [graph.tensors[i] for i in op.inputs if i >= 0]
    activations = [t for t in read if not t.is_constant and not t.is_variable]
    return any(t.dtype == "int16" for t in (*activations, *(graph.tensors[i] for i in op.outputs)))


def _per_channel_weights(graph: Subgraph, op: Operator) -> bool:
    quantization = graph.tensors[op.inputs[1]].quantization if len(op.inputs) > 1 and op.inputs[1] >= 0 else None
    return quantization is not None and quantization.per_channel
