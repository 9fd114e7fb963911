"""What the compiled runtime lacks is named, with its place, before anything is written."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.runtimes.compiled.compiler import compile_model
from microgen.runtimes.compiled.lower import lower
from microgen.tflite import parse
from tests.support import models
from tests.support.models import ModelBuilder, packed

from . import random_models


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        compile_model(parse(data, "net"))
    assert caught.value.hint == "build the model from operators that it has"
    return caught.value


def test_an_unknown_operator_is_named():
    assert "no operator ELU (operator 0 is the first)" in refusal(models.one_operator("ELU")).message


def test_a_custom_operator_is_named():
    assert "no operator Mine" in refusal(models.one_operator("", custom="Mine")).message


def test_a_computed_filter_is_named():
    message = refusal(models.multiplied()).message
    assert message.startswith("net: operator 0 (FULLY_CONNECTED, 'y'): its weights is not constant")


def test_float_is_named():
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 4], "float32"), b.tensor("out", [1, 4], "float32")
    b.op("RELU", [x], [y])
    message = refusal(b.build([x], [y])).message
    assert "operator 0 (RELU, 'out'): float32 to float32" in message


def test_padding_that_tflm_leaves_to_chance_is_named():
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 3, 4, 1]), b.tensor("y", [4, 2, 2, 1])
    block = b.tensor("block", [2], "int32", (), values=np.array([2, 2]))
    pads = b.tensor("pads", [2, 2], "int32", (), values=np.array([[0, 1], [0, 0]]))
    b.op("SPACE_TO_BATCH_ND", [x, block, pads], [y], schema.SpaceToBatchNDOptionsT())
    assert "memory that it never wrote" in refusal(b.build([x], [y])).message


def of_other_types(data: bytes, old: str, new: str) -> list[bytes]:
    """The model with one tensor of type `old`, which an operator reads or writes, of type `new`: each in turn."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    graph = model.subgraphs[0]
    used = {i for op in graph.operators for i in (*op.inputs, *op.outputs) if i >= 0}
    found = []
    for i in sorted(used):
        tensor = graph.tensors[i]
        if tensor.type == models.TYPES[old]:
            tensor.type = models.TYPES[new]
            found.append(packed(model))
            tensor.type = models.TYPES[old]
    return found


CONVERTING = {"quantize", "floats"}  # from any type to any other
KINDS = sorted({name.removesuffix(" again") for name in random_models.OPERATORS} - CONVERTING)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tensor_of_another_type_is_refused(kind):
    """Weights, inputs, outputs, states: bytes without a sign would be read with one."""
    for data in of_other_types(random_models.one_operator(0, kind), "int8", "uint8"):
        with pytest.raises(InputError):
            lower(parse(data, "net"))


@pytest.mark.parametrize("kind", sorted(set(random_models.WIDE) - CONVERTING))
def test_a_tensor_of_another_type_than_int16_is_refused(kind):
    for data in of_other_types(random_models.one_wide(0, kind), "int16", "int32"):
        with pytest.raises(InputError):
            lower(parse(data, "net"))


@pytest.mark.parametrize("kind", ["mean", "sum", "reduce_max", "reduce_min"])
def test_reductions_of_uint8_are_refused(kind):
    model = schema.ModelT.InitFromPackedBuf(random_models.one_operator(0, kind), 0)
    for tensor in model.subgraphs[0].tensors:
        tensor.type = models.TYPES["uint8"] if tensor.type == models.TYPES["int8"] else tensor.type
    assert "uint8, which the compiled runtime does not support" in refusal(packed(model)).message


@pytest.mark.parametrize("position", [9, 16, 20])  # a peephole, a projection, layer normalization
def test_an_lstm_with_more_than_its_gates_is_refused(position):
    model = schema.ModelT.InitFromPackedBuf(random_models.one_operator(0, "lstm"), 0)
    (op, *_) = model.subgraphs[0].operators
    op.inputs = [op.inputs[5] if k == position else i for k, i in enumerate(op.inputs)]
    assert "peepholes, a projection, layer normalization" in refusal(packed(model)).message
