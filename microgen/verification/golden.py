"""The golden vectors that lie in a project, read back from its C++."""

from __future__ import annotations

import re

import numpy as np

from .. import workers
from ..devices import ONLY, Address, Sources
from ..support.render import c_identifier
from ..tflite import Tensor, TfliteModel
from ..tflite.unwritten import mark_unwritten
from ..workers import TFLM, tflm
from .deadline import deadline
from .samples import Samples


def golden_fault(project: Sources, model: TfliteModel, arena_bytes: int, address: Address = ONLY) -> str:
    """Describe the first golden vector of a project that differs from TFLM; "" if none does, or there are none.

    Args:
        project: its sources.
        model: its model.
        arena_bytes: an arena in which TFLM runs it.
        address: of the model in the project's firmware.
    """
    name = project.layout.golden_data
    path = project.folder / name
    if not path.is_file():
        return ""
    text = path.read_text("utf-8", "replace")
    prefix = f"g_{c_identifier(address.name)}_golden" if address.name else "g_golden"
    inputs, outputs = (_vectors(text, f"{prefix}_{kind}") for kind in ("inputs", "outputs"))
    if not inputs or len(inputs) != len(outputs):
        return f"{name} has different numbers of inputs and outputs"
    one = sum(t.bytes for t in model.inputs)
    steps = len(inputs[0]) // one
    if not steps or {len(v) for v in inputs} != {one * steps}:
        return f"{name}: the inputs are not of this model's size"
    samples = [v[s * one : (s + 1) * one] for v in inputs for s in range(steps)]
    request = tflm.RunRequest(model.data, _split(samples, model.inputs), arena_bytes, steps=steps)
    answers = mark_unwritten(model, workers.run(TFLM, tflm.run, request, deadline(model, len(samples))).outputs)
    for vector, expected in enumerate(outputs):
        answered = range(vector * steps, (vector + 1) * steps)
        if b"".join(np.ascontiguousarray(a[s]).tobytes() for s in answered for a in answers) != expected:
            return f"golden vector {vector} in {name} is stale: TFLM computes different bytes for its input"
    return ""


def _vectors(text: str, name: str) -> list[bytes]:
    match = re.search(rf"{name}\[[^=]*=\s*\{{(.*?)\n\}};", text, re.DOTALL)
    if not match:
        return []
    rows = re.findall(r"\{([^{}]*)\}", match[1])
    return [bytes(int(cell, 16) for cell in re.findall(r"0x([0-9a-f]{2})", row)) for row in rows]


def _split(samples: list[bytes], tensors: tuple[Tensor, ...]) -> Samples:
    arrays, start = [], 0
    for tensor in tensors:
        data = b"".join(s[start : start + tensor.bytes] for s in samples)
        arrays.append(np.frombuffer(data, tensor.numpy_dtype).reshape(len(samples), *tensor.shape))
        start += tensor.bytes
    return tuple(arrays)
