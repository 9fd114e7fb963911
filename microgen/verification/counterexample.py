"""Saves a small input on which TFLM and LiteRT differ, as a file for a bug report."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np

from .. import workers
from ..runtimes import reference
from ..support.files import write_file
from ..tflite import TfliteModel, parse, variables
from ..workers import TFLM
from ..workers.difference import largest
from ..workers.shrink import ShrinkReply, ShrinkRequest, shrink
from .layer_proof.faults import reference_kernels
from .layer_proof.prove import Proof

_SECONDS = 20.0


def save_counterexample(model: TfliteModel, proof: Proof, path: Path) -> Path | None:
    """Shrink the inputs of the first operator that exceeds its bound, and save them with both outputs.

    The file has "in<k>", "tflm<k>", "litert<k>", and "model", the operator alone as the bytes of a .tflite.

    Args:
        model: the whole model.
        proof: the layer proof that found the operator.
        path: the .npz to write.

    Returns:
        The path, or None if no operator exceeds its bound, or no sample shows it in a fresh state.

    Raises:
        InputError: the file cannot be written.
    """
    layer = proof.culprit
    if layer is None or not proof.inputs or layer.op == variables.READ:
        return None
    graph = model.subgraphs[layer.subgraph]
    op = graph.operators[layer.index]
    activations = [i for i in dict.fromkeys(op.inputs) if i >= 0 and _is_fed(model, layer.subgraph, i)]
    request = ShrinkRequest(
        proof.cut,
        (),
        tuple(graph.tensors[i].zero_point for i in activations),
        layer.bound_lsb if layer.max_abs_diff_lsb > layer.bound_lsb else 0,
        reference_kernels(graph, op),
        reference.host_arena_bytes(parse(proof.cut)) + 2**16,
        _SECONDS,
    )
    for sample in range(len(proof.inputs[0])):
        fed = tuple(a[sample : sample + 1] for a in proof.inputs)
        small = workers.run(TFLM, shrink, dataclasses.replace(request, inputs=fed), 3 * _SECONDS)
        if any(largest(a, b) for a, b in zip(small.tflm, small.litert, strict=True)):
            write_file(path, _npz(proof.cut, small), "change to a writable folder")
            return path
    return None


def _npz(cut: bytes, small: ShrinkReply) -> bytes:
    arrays = {"model": np.frombuffer(cut, np.uint8)}
    for name, values in (("in", small.inputs), ("tflm", small.tflm), ("litert", small.litert)):
        arrays |= {f"{name}{k}": array for k, array in enumerate(values)}
    written = io.BytesIO()
    np.savez_compressed(written, **arrays)  # type: ignore[arg-type]
    return written.getvalue()


def _is_fed(model: TfliteModel, subgraph: int, index: int) -> bool:
    tensor = model.subgraphs[subgraph].tensors[index]
    return not tensor.is_constant and not tensor.is_variable and bool(tensor.elements)
