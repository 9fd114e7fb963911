"""A prepared ONNX model as a torch module, compared with onnxruntime. Runs in a worker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from ..tracing.convert import COMPARED, TOLERANCE, Step, Traced
from ..tracing.module import GraphModule
from .operators import ELEMENTWISE, QUANTIZED, SPATIAL, Array, Call, dequantized
from .reading import Prepared

_KINDS = {1: "float32", 10: "float32", 11: "float32", 16: "float32", 2: "uint8", 3: "int8", 5: "int16", 6: "int32",
          7: "int64", 9: "bool"}  # fmt: skip


# How many samples show what folding constants changed, and by how much: a step of a quantized value is no change.
_FOLDED = 4
_FOLDING = 0.05


def traced(file: str, prepared: Prepared) -> Traced:
    """Return a model for conversion.

    Raises:
        InputError: it has an operator that is not read.
    """
    import onnx

    graph = prepared.model.graph
    constants = {t.name: _values(onnx.numpy_helper.to_array(t)) for t in graph.initializer}
    nodes = []
    scales: list[tuple[float, ...]] = []
    for node in graph.node:
        attributes = {a.name: _attribute(a) for a in node.attribute}
        if node.op_type == "Constant":
            value = next(iter(attributes.values()))
            constants[node.output[0]] = _values(np.asarray(value))
            continue
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            stored, scale, zero = (constants.get(name) for name in (*node.input, "")[:3])
            assert stored is not None
            constants[node.output[0]] = dequantized(stored, scale, zero, attributes.get("axis", 1))
            if stored.dtype == np.int8 and scale is not None:
                scales.append(tuple(float(s) for s in scale.reshape(-1)))
            continue
        nodes.append((node, attributes))

    def module(count: int | None, outputs: Sequence[str] | None) -> GraphModule:
        calls = [
            (
                Call(file, n.op_type, n.name or n.output[0], prepared.opset, a, n.input, constants, len(n.output)),
                tuple(n.output),
            )
            for n, a in nodes[:count]
        ]
        read = {name for n, _ in nodes for name in n.input[: 1 if n.op_type in QUANTIZED else None]}
        weights = {name: values for name, values in constants.items() if name in read}
        return GraphModule(names, wanted if outputs is None else outputs, weights, calls)

    names, wanted = [i.name for i in graph.input], [o.name for o in graph.output]
    steps = tuple(
        Step(
            "spatial" if n.op_type in SPATIAL else "elementwise" if n.op_type in ELEMENTWISE else "",
            tuple(name for name in n.input if name and name not in constants),
            tuple(n.output),
            _path(n.name or n.output[0]),
            n.op_type,
        )
        for n, _ in nodes
    )
    dtypes = tuple(_KINDS.get(kind, "float32") for kind in prepared.dtypes)
    return Traced(tuple(names), prepared.shapes, dtypes, tuple(wanted), steps, module, tuple(dict.fromkeys(scales)))


def check_reading(file: str, prepared: Prepared, graph: Traced, data: Sequence[Array]) -> None:
    """Hold the module against onnxruntime, on a model's data in its owner's order.

    Raises:
        InputError: an output differs; names the first operator that does. Or onnxruntime's optimizer, which folds the
            constants, has changed what the model computes.
    """
    tolerance = max(TOLERANCE, prepared.rounding)
    samples = [[a[k : k + 1] for a in data] for k in range(min(len(data[0]), COMPARED))]
    changed = max(_off(prepared.run_exported(s), prepared.run(s)) for s in samples[:_FOLDED])
    if changed > _FOLDING:
        raise InputError(
            f"{file}: onnxruntime's optimizer changes the model's outputs: off by {changed:.2g} of the largest",
            "it takes a group of operators for a similar one; export the layer with its own operator",
        )
    if _largest(prepared, graph, samples, graph.outputs) <= tolerance:
        return
    for step in graph.steps:
        names = [name for name in step.writes if name]
        off = _largest(prepared, graph, samples[:1], names)
        if off > tolerance:
            raise InputError(
                f"{file}: {step.title} differs from onnxruntime: off by {off:.2g} of the largest",
                "use a different operator there",
                operator=step.operator,
            )
    raise InputError(f"{file}: the model computes different values from onnxruntime", "export it with different layers")


def _largest(prepared: Prepared, graph: Traced, samples: Sequence[Sequence[Array]], names: Sequence[str]) -> float:
    module = graph.module(None, names).eval()
    largest = 0.0
    for sample in samples:
        theirs = prepared.run(sample, names)
        with torch.no_grad():
            result = module(*(torch.from_numpy(np.ascontiguousarray(a)) for a in sample))
        ours = result if isinstance(result, tuple) else (result,)
        largest = max(largest, _off(theirs, [a.numpy() for a in ours]))
    return largest


def _off(wanted: Sequence[Array], found: Sequence[Array]) -> float:
    """Return the largest difference of an output, as a part of the output's largest value."""
    largest = 0.0
    for a, b in zip(wanted, found, strict=True):
        wide, other = a.astype(np.float64), b.astype(np.float64)
        if wide.shape != other.shape:
            return float("inf")
        scale = max(float(np.abs(wide[np.isfinite(wide)]).max(initial=0.0)), 1e-30)
        off = np.where((wide == other) | (np.isnan(wide) & np.isnan(other)), 0.0, np.abs(wide - other))
        largest = max(largest, float(np.nan_to_num(off, nan=np.inf).max(initial=0.0)) / scale)
    return largest


def _values(values: Array) -> Array:
    """Return a constant in a type that is computed with here."""
    return values.astype(np.float32) if values.dtype.kind not in "iub" else values


def _attribute(attribute: Any) -> Any:  # noqa: ANN401 - of any type
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    if isinstance(value, (list, tuple)) or hasattr(value, "extend"):
        return [v.decode(errors="replace") if isinstance(v, bytes) else v for v in value]
    return value


def _path(name: str) -> str:
    """Return what a person calls a node: "features.0" of "/features/features.0/Conv"."""
    parts = [part for part in re.split(r"[/:]", name) if part]
    return parts[-2] if len(parts) > 1 else (parts or [""])[0]
