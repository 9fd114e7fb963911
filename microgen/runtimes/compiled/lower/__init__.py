"""From the graph of a .tflite to a program of typed steps; refuses by name what the compiled runtime lacks."""

from __future__ import annotations

from ....errors import InputError
from ....tflite import Operator, TfliteModel
from ....tflite.kept import kept_for_model
from ..path import Program
from ..steps import Step
from . import basic, elementwise, images, matrix, movement, recurrent, reduction, table, unary, wide
from .context import HINT, Context, Lowering, Op
from .folding import fold

_LOWERINGS: dict[str, Lowering] = {
    "ABS": unary.lookup(unary.absolute),
    "ADD": table.add,
    "ARG_MAX": images.arg,
    "ARG_MIN": images.arg,
    "ASSIGN_VARIABLE": recurrent.assign_variable,
    "AVERAGE_POOL_2D": matrix.pool,
    "BATCH_MATMUL": matrix.batch_matmul,
    "BATCH_TO_SPACE_ND": movement.batch_to_space,
    "BROADCAST_TO": movement.broadcast_to,
    "CALL_ONCE": recurrent.call_once,
    "CAST": table.cast,
    "CONCATENATION": movement.concatenation,
    "CONV_2D": matrix.conv,
    "DEPTHWISE_CONV_2D": matrix.depthwise,
    "DEPTH_TO_SPACE": movement.depth_to_space,
    "DEQUANTIZE": basic.dequantize,
    "EXPAND_DIMS": basic.alias,
    "FULLY_CONNECTED": matrix.fully_connected,
    "GATHER": table.gather,
    "HARD_SWISH": unary.lookup(unary.hard_swish),
    "LEAKY_RELU": unary.lookup(unary.leaky_relu),
    "LOGISTIC": unary.lookup(unary.logistic),
    "MAXIMUM": elementwise.extreme,
    "MAX_POOL_2D": matrix.pool,
    "MEAN": reduction.reduce,
    "MINIMUM": elementwise.extreme,
    "MIRROR_PAD": movement.mirror_pad,
    "MUL": elementwise.multiply_step,
    "PACK": movement.pack,
    "PAD": movement.pad,
    "PADV2": movement.pad,
    "PRELU": elementwise.prelu,
    "QUANTIZE": basic.quantize,
    "READ_VARIABLE": recurrent.read_variable,
    "REDUCE_MAX": reduction.reduce,
    "REDUCE_MIN": reduction.reduce,
    "RELU": unary.lookup(unary.relu),
    "RELU6": unary.lookup(unary.relu6),
    "RESHAPE": basic.alias,
    "RESIZE_BILINEAR": images.resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": images.resize_nearest,
    "REVERSE_V2": movement.reverse,
    "RSQRT": unary.lookup(unary.rsqrt),
    "SHAPE": basic.shape,
    "SLICE": movement.slice_,
    "SOFTMAX": basic.softmax,
    "SPACE_TO_BATCH_ND": movement.space_to_batch,
    "SPACE_TO_DEPTH": movement.space_to_depth,
    "SPLIT": movement.split,
    "SPLIT_V": movement.split_v,
    "SQUARED_DIFFERENCE": elementwise.squared_difference,
    "SQUEEZE": basic.alias,
    "STRIDED_SLICE": movement.strided_slice,
    "SUB": elementwise.add,
    "SUM": reduction.reduce,
    "SVDF": recurrent.svdf,
    "TANH": unary.lookup(unary.tanh),
    "TRANSPOSE": movement.transpose,
    "TRANSPOSE_CONV": matrix.transpose_conv,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": recurrent.lstm,
    "UNPACK": movement.unpack,
    "VAR_HANDLE": recurrent.var_handle,
}


# The same for int16 activations, where the function differs.
_WIDE: dict[str, Lowering] = {
    "ADD": wide.binary,
    "LEAKY_RELU": wide.unary,
    "LOGISTIC": wide.unary,
    "MAXIMUM": wide.binary,
    "MINIMUM": wide.binary,
    "MUL": wide.binary,
    "RELU": wide.unary,
    "RELU6": wide.unary,
    "SOFTMAX": wide.softmax,
    "SUB": wide.binary,
    "TANH": wide.unary,
    "TRANSPOSE_CONV": wide.transpose_conv,
}


OPERATORS = frozenset(_LOWERINGS)


@kept_for_model
def lower(model: TfliteModel) -> Program:
    """Return the steps of a model's main graph.

    Raises:
        InputError: an operator, or the way that it is used, is not among those that the compiled runtime has; the
            message names it.
    """
    lacking = sorted({op.name for op in model.main.operators if op.is_custom or op.name not in _LOWERINGS})
    if lacking:
        first = next(op for op in model.main.operators if op.name in lacking)
        raise InputError(
            f"{model.name}: the compiled runtime has no operator {', '.join(lacking)} "
            f"(operator {first.index} is the first)",
            HINT,
        )
    context = Context(model)
    steps = [fold(_lower(context, op), context) for op in model.main.operators]
    outputs = tuple(context.value(i) for i in model.main.outputs)
    return Program(
        inputs=tuple(context.value(i) for i in model.main.inputs),
        outputs=outputs,
        steps=recurrent.without_copies(steps, outputs),
        initial=context.initial,
    )


def _lower(context: Context, op: Operator) -> Step:
    lowered = Op(context, op)
    try:
        return _lowering(context, op)(lowered)
    except (ArithmeticError, IndexError, ValueError) as error:
        return lowered.refuse(f"inputs or options that do not go together ({error})")


def _lowering(context: Context, op: Operator) -> Lowering:
    is_wide = bool(op.outputs) and context.tensor(op.outputs[0]).dtype == "int16"
    return _WIDE[op.name] if is_wide and op.name in _WIDE else _LOWERINGS[op.name]
