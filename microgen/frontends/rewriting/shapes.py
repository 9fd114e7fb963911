"""An open batch becomes a batch of one: shapes as an inference has them, and constants for what is computed of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .graph import Graph


def has_open_shapes(graph: Graph) -> bool:
    """Return whether a tensor has an open dimension, and the inputs have none but their batch."""
    opened = [_signature(graph, i) for i in range(len(graph.main.tensors))]
    inputs = [opened[int(i)] for i in graph.main.inputs]
    return any(-1 in s for s in opened) and not any(-1 in s[1:] for s in inputs)


def is_computed(graph: Graph) -> bool:
    """Return whether shapes are computed from an open batch while the model runs."""
    return any(graph.name(op) == "SHAPE" for op in graph.operators) or any(
        -1 in _signature(graph, i)[1:] for i in range(len(graph.main.tensors))
    )


def fix_batch(graph: Graph, inputs: list[npt.NDArray[Any]]) -> None:
    """Give all tensors the shapes that one inference has, and fold what depends on shapes only; signatures stay.

    Args:
        graph: the model; its operators are changed.
        inputs: one sample: one array per input, with a batch of 1.

    Raises:
        RuntimeError, ValueError: LiteRT does not run it.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter: Any = Interpreter(
        model_content=graph.pack(),
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
    interpreter.invoke()
    details = {d["index"]: d for d in interpreter.get_tensor_details()}
    known = {i for i in range(len(graph.main.tensors)) if graph.constant(i) is not None}
    for op in graph.operators:
        read, written = graph.inputs(op), graph.outputs(op)
        is_static = graph.name(op) == "SHAPE" or (bool(read) and all(i in known for i in read if i >= 0))
        if is_static and all(graph.dtype(i) in ("int32", "int64") for i in written):
            for i in written:
                graph.fill(i, np.array(interpreter.get_tensor(i)))
            known.update(written)
            graph.replace(op, [])
    for i, tensor in enumerate(graph.main.tensors):
        if graph.constant(i) is None and i in details:
            tensor.shape = [int(d) for d in details[i]["shape"]]
    for op in graph.operators:
        # What a RESHAPE's options say is about the open batch.
        if graph.name(op) == "RESHAPE" and op.builtinOptions is not None:
            op.builtinOptions.newShape = graph.shape(graph.outputs(op)[0])
            target = np.array(graph.shape(graph.outputs(op)[0]), np.int32)
            op.inputs = [graph.inputs(op)[0], graph.add_constant(f"{graph.label(graph.outputs(op)[0])}/shape", target)]


def _signature(graph: Graph, tensor: int) -> list[int]:
    signature = graph.main.tensors[tensor].shapeSignature
    return graph.shape(tensor) if signature is None else [int(d) for d in signature]
