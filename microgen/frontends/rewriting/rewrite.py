"""What decides on a rewrite, makes it, and holds it against the original; the job runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import EngineError, InputError
from ...tflite import TfliteModel, parse
from ...workers.difference import largest
from . import rules, shapes
from .graph import Graph

_SAMPLES = 16
_DEADLINE_S = 300.0
# What no TFLM has or takes on integers, and a rule may rewrite.
_REFUSED = frozenset({"SELECT", "SELECT_V2", "TILE"})
# Of the largest value of an output: float kernels add in other orders. Integers must be equal.
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class RewriteRequest:
    """A model, and what it is tried on.

    Attributes:
        model: the .tflite.
        inputs: one array per input, samples first, as real values or in the input's dtype; none for made-up ones.
        seed: of the made-up ones.
    """

    model: bytes
    inputs: tuple[npt.NDArray[Any], ...]
    seed: int = 0


@dataclass(frozen=True)
class RewriteReply:
    """The rewritten model.

    Attributes:
        model: the .tflite; the one that came where nothing was rewritten.
        changes: what was rewritten, one line per change.
        difference: the largest difference from the original at an output, see `difference`.
    """

    model: bytes
    changes: tuple[str, ...]
    difference: float = 0.0


def needs_rewriting(model: TfliteModel) -> bool:
    """Return whether a model has something that a rule may rewrite; of a quantized one, only what TFLM cannot run."""
    graph = model.main
    if any(d < 0 for t in graph.tensors for d in t.signature[1:]):
        return True
    if any(t.quantization for t in graph.tensors):
        return any(op.name in _REFUSED for op in graph.operators)
    read = {i for op in graph.operators for i in op.inputs} | set(graph.outputs)
    return any(rules.may_apply(op) or (op.outputs and not read.intersection(op.outputs)) for op in graph.operators)


def rewritten(
    model: TfliteModel, data: Sequence[npt.NDArray[Any]], seed: int = 0
) -> tuple[TfliteModel, tuple[str, ...]]:
    """Return a model with what TFLM lacks rewritten, where that computes the same, and what was rewritten.

    Args:
        model: the model.
        data: samples of its inputs, which the rewrite is tried on; none for made-up ones.
        seed: of the made-up ones.

    Raises:
        InputError: what was rewritten computes something else on the data.
    """
    from ... import workers

    if not needs_rewriting(model):
        return model, ()
    request = RewriteRequest(model.data, tuple(a[:_SAMPLES] for a in data), seed)
    try:
        reply = workers.run(workers.LITERT, rewrite, request, _DEADLINE_S)
    except EngineError:
        return model, ()  # what does not run in LiteRT is told by the checks that follow
    if reply.difference > _TOLERANCE:
        raise InputError(
            f"{model.name}: {', '.join(reply.changes)} was rewritten for TFLM, and computes different values on the "
            "data",
            "are the inputs in range (no negative index of an Embedding)? If they are, use the Keras model that it "
            "was converted from",
        )
    if not reply.changes:
        return model, ()
    return replace(parse(reply.model, model.name), name=model.name), reply.changes


def rewrite_warnings(changes: Sequence[str]) -> tuple[str, ...]:
    """Return what a user is told of the changes: one line, or none."""
    return (f"rewritten for TFLM, with equal results on the samples: {', '.join(changes)}",) if changes else ()


def rewrite(request: RewriteRequest) -> RewriteReply:
    """Rewrite a model, and compare it with the original in LiteRT."""
    graph = Graph(request.model)
    samples = _samples(graph, request)
    changes: list[str] = []
    if shapes.has_open_shapes(graph):
        if shapes.is_computed(graph):
            shapes.fix_batch(graph, samples[0])
            changes.append("an open batch, fixed to 1")
        for tensor in graph.main.tensors:
            tensor.shapeSignature = None
    changes += rules.apply(graph)
    if not changes:
        return RewriteReply(request.model, ())
    graph.drop_tensors()
    model = graph.pack()
    original = _run(request.model, samples)
    try:
        answers = _run(model, samples)
    except (RuntimeError, ValueError):
        return RewriteReply(model, tuple(changes), float("inf"))
    pairs = [(a, b) for ours, theirs in zip(original, answers, strict=True) for a, b in zip(ours, theirs, strict=True)]
    return RewriteReply(model, tuple(changes), max(difference(a, b) for a, b in pairs))


def difference(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> float:
    """Return the largest difference of two outputs, any shapes: for floats, as a part of the largest finite value.

    It is infinite if sizes differ, and where one alone is NaN or infinite; what is NaN in both is equal.
    """
    if ours.size != theirs.size:
        return float("inf")
    a, b = ours.reshape(-1), theirs.reshape(-1)
    if a.dtype.kind != "f":
        return largest(a, b)
    is_nan = np.isnan(a) & np.isnan(b)
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=0.0))
    return largest(a[~is_nan], b[~is_nan]) / max(scale, 1e-30)


def _samples(graph: Graph, request: RewriteRequest) -> list[list[npt.NDArray[Any]]]:
    """Return samples, each one array per input, in the inputs' types."""
    rng = np.random.default_rng(request.seed)
    numbers = [int(i) for i in graph.main.inputs]
    count = min(len(request.inputs[0]), _SAMPLES) if request.inputs else _SAMPLES
    columns = []
    for k, tensor in enumerate(numbers):
        dtype, shape = np.dtype(graph.dtype(tensor)), [max(d, 1) for d in graph.shape(tensor)]
        if request.inputs:
            values = request.inputs[k][:count]
            quantization = graph.main.tensors[tensor].quantization
            if values.dtype.kind == "f" and dtype.kind in "iu" and quantization is not None and len(quantization.scale):
                steps = np.round(values / quantization.scale[0]) + quantization.zeroPoint[0]
                values = np.clip(steps, np.iinfo(dtype).min, np.iinfo(dtype).max)
            columns.append(values.astype(dtype).reshape(count, *shape))
        elif dtype.kind == "f":
            columns.append(rng.normal(size=(count, *shape)).astype(dtype))
        else:
            limits = np.iinfo(dtype) if dtype.itemsize < 4 and dtype.kind in "iu" else None
            low, high = (limits.min, limits.max) if limits is not None else (0, 1)
            columns.append(rng.integers(low, high, (count, *shape), endpoint=True).astype(dtype))
    return [[column[s] for column in columns] for s in range(count)]


def _run(model: bytes, samples: Sequence[Sequence[npt.NDArray[Any]]]) -> list[list[npt.NDArray[Any]]]:
    from ...workers.litert import Interpreter

    interpreter = Interpreter(model)
    return [[np.array(a) for a in interpreter.infer(sample)] for sample in samples]
