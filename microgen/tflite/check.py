"""Rejects models that no TFLM can run, before anything is built."""

from __future__ import annotations

from ..errors import InputError, command, option
from .kept import kept_for_model
from .model import Operator, Subgraph, TfliteModel
from .unwritten import writes_outside
from .variables import check_variables

MAX_TENSOR_BYTES = 64 * 2**20
_NOT_FLOAT32 = frozenset({"float16", "bfloat16", "float64", "complex64", "complex128"})
_QUANTIZE_HINT = (
    f"quantize it to full int8: {command('build', 'MODEL.keras', option('calibration', 'DATA.npz'))}, "
    "or TFLiteConverter with a representative dataset and int8 input and output"
)
# Operators that only convert between float and integer; they may have float tensors.
_BOUNDARY = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST"})


@kept_for_model
def check_runnable(model: TfliteModel, *, allow_float: bool = False) -> None:
    """Reject what no TFLM runs: dynamic shapes, hybrid models, floats other than float32, tensors beyond any memory.

    Models in float32 are rejected too, unless `allow_float` is set.

    Args:
        model: the model.
        allow_float: accept operators that compute in float32.

    Raises:
        InputError: names the tensor or operator.
    """
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if any(d < 0 for d in tensor.signature[1:]):
                raise InputError(
                    f"{model.name}: tensor '{tensor.name}' has a dynamic shape {list(tensor.signature)}",
                    "TFLM needs fixed shapes: convert again with a fixed input shape (only the batch size may be "
                    "unknown)",
                    tensor=tensor.name,
                )
            if not tensor.is_constant and tensor.bytes > MAX_TENSOR_BYTES:
                raise InputError(
                    f"{model.name}: tensor '{tensor.name}' {list(tensor.shape)} takes {tensor.bytes:,} bytes",
                    "no microcontroller has room for it; check the shape",
                    tensor=tensor.name,
                )
            if tensor.dtype in _NOT_FLOAT32:
                raise InputError(
                    f"{model.name}: tensor '{tensor.name}' is {tensor.dtype}", _QUANTIZE_HINT, tensor=tensor.name
                )
            if tensor.is_sparse:
                raise InputError(
                    f"{model.name}: tensor '{tensor.name}' is stored sparse, which TFLM cannot read",
                    "convert again without sparsity (tf.lite.Optimize.EXPERIMENTAL_SPARSITY)",
                    tensor=tensor.name,
                )
        for op in graph.operators:
            _check_quantized(model, graph, op, allow_float)
            _check_dense(model, graph, op)
            if writes_outside(op):
                raise InputError(
                    f"{model.name}: operator {op.index} ({op.name}) lists an object once for each of its classes, for "
                    "which TFLM's kernel writes outside the outputs",
                    "convert the model with max_classes_per_detection=1 or use_regular_nms=True",
                    operator=op.name,
                )
    edges = sum(t.bytes for t in (*model.inputs, *model.outputs))
    if edges > 2 * MAX_TENSOR_BYTES:
        raise InputError(
            f"{model.name}: its inputs and outputs take {edges:,} bytes together",
            "no microcontroller has room for them; check the shapes",
        )
    check_variables(model)
    for tensor in (*model.inputs, *model.outputs):
        _ = tensor.numpy_dtype
        if not tensor.elements:
            raise InputError(
                f"{model.name}: tensor '{tensor.name}' has no elements",
                "convert again with a batch of 1",
                tensor=tensor.name,
            )


@kept_for_model
def float_operators(model: TfliteModel) -> tuple[tuple[Subgraph, Operator], ...]:
    """Return the operators that compute in float32; conversions between float and integer do not count."""
    return tuple((graph, op) for graph in model.subgraphs for op in graph.operators if computes_in_float(graph, op))


def requantizing(model: TfliteModel) -> list[tuple[Subgraph, Operator]]:
    """Return the QUANTIZE operators that convert integers from one scale to another."""
    return [
        (graph, op)
        for graph in model.subgraphs
        for op in graph.operators
        if op.name == "QUANTIZE" and graph.tensors[op.inputs[0]].dtype != "float32"
    ]


def computes_in_float(graph: Subgraph, op: Operator) -> bool:
    """Return whether an operator computes in float32; conversions to and from integers do not count."""
    activations = [graph.tensors[i] for i in op.inputs if i >= 0 and not graph.tensors[i].is_constant]
    touched = (*activations, *(graph.tensors[i] for i in op.outputs))
    return op.name not in _BOUNDARY and any(t.dtype == "float32" for t in touched)


def _check_dense(model: TfliteModel, graph: Subgraph, op: Operator) -> None:
    """Check the weights of FULLY_CONNECTED, whose kernel in TFLM does not compare shapes."""
    if op.name != "FULLY_CONNECTED" or len(op.inputs) < 2 or min(op.inputs[:2]) < 0 or not op.outputs:
        return
    source, weights = (graph.tensors[i] for i in op.inputs[:2])
    output = graph.tensors[op.outputs[0]]
    units, depth = weights.shape if len(weights.shape) == 2 else (0, 0)
    if not units or not depth or source.elements % depth or source.elements // depth * units != output.elements:
        raise InputError(
            f"{model.name}: operator {op.index} (FULLY_CONNECTED) has weights {list(weights.shape)} that do not fit "
            f"its input {list(source.shape)} and output {list(output.shape)}",
            "the file is damaged or was written by a faulty tool; convert the model again",
            operator=op.name,
            tensor=weights.name,
        )
    if weights.dtype == "int4" and weights.quantization is not None and weights.quantization.per_channel:
        raise InputError(
            f"{model.name}: operator {op.index} (FULLY_CONNECTED) has int4 weights with a scale per channel",
            "TFLM supports int4 FULLY_CONNECTED per tensor only; quantize its weights with one scale, or to int8",
            operator=op.name,
            tensor=weights.name,
        )


def _check_quantized(model: TfliteModel, graph: Subgraph, op: Operator, allow_float: bool) -> None:
    if not computes_in_float(graph, op):
        return
    inputs = [graph.tensors[i] for i in op.inputs if i >= 0]
    if any(t.is_constant and t.dtype in ("int8", "uint8", "int4") and t.quantization for t in inputs):
        raise InputError(
            f"{model.name}: operator {op.index} ({op.name}) is hybrid: int8 weights on float32 activations",
            f"dynamic-range quantization does not run in TFLM; {_QUANTIZE_HINT}",
            operator=op.name,
        )
    if not allow_float:
        raise InputError(
            f"{model.name}: operator {op.index} ({op.name}) computes in float32",
            f"{_QUANTIZE_HINT}; {option('allow_float', True)} accepts layers that stay in float32",
            operator=op.name,
        )
