"""A model that also outputs what lies inside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .pack import pack


def exposed(data: bytes, tensors: Sequence[int]) -> bytes:
    """Return a .tflite whose main graph outputs more tensors, behind its own outputs.

    Args:
        data: the .tflite.
        tensors: numbers of tensors of the main graph.
    """
    from ai_edge_litert import schema_py_generated as schema

    model: Any = schema.ModelT.InitFromPackedBuf(data, 0)
    main = model.subgraphs[0]
    main.outputs = [*main.outputs, *tensors]
    model.signatureDefs = None  # they name the outputs that there were
    return pack(model)
