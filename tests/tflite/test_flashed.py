"""What a device reads of a model: fewer bytes, the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen import workers
from microgen.errors import InputError
from microgen.runtimes import reference
from microgen.tflite import flashed, is_flashed, parse
from microgen.workers import TFLM, tflm
from tests.support import models


def annotated(data):
    """The model with all that people and converters put into a file."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for graph in model.subgraphs:
        graph.name = b"a graph with a long name"
        for tensor in graph.tensors:
            tensor.name = b"some/module/path/" + tensor.name
            if tensor.quantization is not None:
                tensor.quantization.min, tensor.quantization.max = [-1.5], [2.5]
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = "min_runtime_version", len(model.buffers)
    buffer.data = np.frombuffer(b"of the converter", np.uint8)
    signature, x = schema.SignatureDefT(), schema.TensorMapT()
    x.name, signature.signatureKey, signature.inputs = "the_input", "serving_default", [x]
    model.buffers, model.metadata = [*model.buffers, buffer], [*(model.metadata or []), entry]
    model.signatureDefs = [signature]
    return models.packed(model)


KINDS = {
    "dense": models.fully_connected(per_channel=True),
    "int16": models.fully_connected(dtype="int16"),
    "state": models.stateful(),
    "variable": models.variable(7),
    "branches": models.control_flow(),
    "planned": models.planned(models.fully_connected(), [0, -1, -1, 64]),
}


def answers(model, inputs):
    arena = 2 * reference.host_arena_bytes(model) + 4096
    return workers.run(TFLM, tflm.run, tflm.RunRequest(model.data, inputs, arena, 4 if model.is_stateful else 0), 60)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_smaller_and_answers_with_the_same_bytes(kind):
    model = parse(annotated(KINDS[kind]), "m")
    small = flashed(model)
    assert flashed(model) is small, "a build asks for it several times"
    assert len(small.data) < len(KINDS[kind]) and (small.name, small.ops) == ("m", model.ops)
    for word in (b"module/path", b"long name", b"of the converter", b"the_input", b"serving_default"):
        assert word in model.data and word not in small.data
    for ours, theirs in zip(small.subgraphs, model.subgraphs, strict=True):
        assert (ours.operators, ours.inputs, ours.outputs) == (theirs.operators, theirs.inputs, theirs.outputs)
        for a, b in zip(ours.tensors, theirs.tensors, strict=True):
            assert (a.name, a.shape, a.dtype, a.quantization) == (b.name, b.shape, b.dtype, b.quantization)
            assert a.offline_offset == b.offline_offset
            assert model.data[b.offset : b.offset + b.size] == small.data[a.offset : a.offset + a.size]
            assert not a.size or a.offset % 16 == 0
    rng = np.random.default_rng(1)
    inputs = tuple(rng.integers(0, 2, (5, *t.shape)).astype(t.numpy_dtype) for t in model.inputs)
    one, two = answers(model, inputs), answers(small, inputs)
    for a, b in zip((*one.outputs, *one.sequence), (*two.outputs, *two.sequence), strict=True):
        assert a.tobytes() == b.tobytes()


def test_an_array_is_the_model_in_full_or_as_a_device_reads_it_and_nothing_else():
    model = parse(annotated(models.fully_connected()))
    small = flashed(model).data
    assert is_flashed(model.data, model) and is_flashed(small, model)
    changed = bytearray(small)
    changed[flashed(model).main.tensors[1].offset] ^= 1
    assert not is_flashed(bytes(changed), model) and not is_flashed(small[:-1], model)


def test_what_has_nothing_to_leave_out_stays():
    small = flashed(parse(models.fully_connected()))
    again = parse(small.data)
    assert flashed(again) is again


def test_damage_where_no_device_reads_is_said():
    data = annotated(models.fully_connected())
    tensor = bytearray(data)
    # The length of the first tensor's list of minima.
    place = data.index(np.array([1], "<i4").tobytes() + np.float32(-1.5).tobytes())
    tensor[place : place + 4] = b"\xff\xff\xff\x3f"
    with pytest.raises(InputError, match="damaged in a part that no device reads"):
        flashed(parse(bytes(tensor)))
