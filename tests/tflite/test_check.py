"""What is refused before anything is built, in words: models that no TFLM runs."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.tflite import parse
from microgen.tflite.check import check_runnable, float_operators, requantizing
from tests.support import models

UINT8, INT8, FLOAT16, INT4, BFLOAT16, FLOAT64, COMPLEX64 = 3, 9, 1, 17, 18, 10, 8


def refusal(check, data, *more, **options):
    """What a check says of a model that it refuses; there is always a hint."""
    with pytest.raises(InputError) as caught:
        check(parse(data, "m"), *more, **options)
    assert caught.value.hint not in ("", "None")
    return caught.value.message


def relu(**changed):
    """RELU, whose input has something changed."""
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4])
    for name, value in changed.items():
        setattr(b.graph.tensors[x], name, value)
    b.op("RELU", [x], [y])
    return b.build([x], [y])


def float_dense(kind):
    """FULLY_CONNECTED from float32 to float32, over weights of another type."""
    b = models.ModelBuilder()
    w = b.tensor("w", [2, 4], "int8", values=np.zeros(4 if kind == INT4 else 8))
    b.graph.tensors[w].type = kind
    x, y = b.tensor("x", [1, 4], "float32"), b.tensor("y", [1, 2], "float32")
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


# ---- models that no TFLM runs


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"shapeSignature": [1, -1]}, "m: tensor 'x' has a dynamic shape [1, -1]"),
        ({"shape": [1, 2**26 + 1]}, "m: tensor 'x' [1, 67108865] takes 67,108,865 bytes"),
        ({"type": FLOAT16}, "m: tensor 'x' is float16"),
        ({"type": BFLOAT16}, "m: tensor 'x' is bfloat16"),
        ({"type": FLOAT64}, "m: tensor 'x' is float64"),
        ({"type": COMPLEX64}, "m: tensor 'x' is complex64"),
        ({"sparsity": schema.SparsityParametersT()}, "m: tensor 'x' is stored sparse, which TFLM cannot read"),
        ({"shape": [1, 0]}, "m: tensor 'x' has no elements"),
        ({"type": INT4}, "tensor 'x' has type int4, which microgen cannot read or write"),
    ],
)
def test_an_input_that_no_tflm_takes_is_named(changed, says):
    assert refusal(check_runnable, relu(**changed)) == says


@pytest.mark.parametrize(
    ("source", "weights", "output"), [((3, 9), (5, 8), (3, 5)), ((1, 8), (4, 8), (2, 4)), ((1, 8), (4, 4, 2), (1, 4))]
)
def test_weights_that_do_not_fit_their_tensors_are_named(source, weights, output):
    b = models.ModelBuilder()
    x, y, w = (b.tensor("x", source), b.tensor("y", output), b.tensor("w", weights, values=np.zeros(weights)))
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    says = f"weights {list(weights)} that do not fit its input {list(source)} and output {list(output)}"
    assert says in refusal(check_runnable, b.build([x], [y]))


def test_what_is_unusual_and_runs_is_accepted():
    check_runnable(parse(relu(shapeSignature=[-1, 4])))
    check_runnable(parse(models.float_edges()))
    check_runnable(parse(relu(shape=[1, 2**26])))
    b = models.ModelBuilder()
    x, y = b.tensor("x", [2, 4]), b.tensor("y", [2, 4])
    no_axes = b.tensor("axes", [1, 0], "int32", ())
    b.op("SUM", [x, no_axes], [y], schema.ReducerOptionsT())
    check_runnable(parse(b.build([x], [y])))


@pytest.mark.parametrize("kind", [INT8, UINT8, INT4])
def test_hybrid_operators_are_refused_even_where_float_is_allowed(kind):
    says = "m: operator 0 (FULLY_CONNECTED) is hybrid: int8 weights on float32 activations"
    assert refusal(check_runnable, float_dense(kind)) == says
    assert refusal(check_runnable, float_dense(kind), allow_float=True) == says


def test_operators_in_float32_are_refused_unless_they_are_allowed():
    b = models.ModelBuilder()
    w = b.tensor("w", [2, 4], "float32", values=np.zeros(8))
    x, q, y = b.tensor("x", [1, 4], "float32"), b.tensor("q", [1, 4]), b.tensor("y", [1, 2], "float32")
    b.op("FULLY_CONNECTED", [x, w, q], [y], schema.FullyConnectedOptionsT())
    data = b.build([x, q], [y])
    assert refusal(check_runnable, data) == "m: operator 0 (FULLY_CONNECTED) computes in float32"
    check_runnable(parse(data), allow_float=True)


def test_only_activations_make_an_operator_one_in_float32():
    def names(data):
        return [op.name for _, op in float_operators(parse(data))]

    assert names(models.one_operator("RELU", dtype="float32")) == ["RELU"]
    assert names(models.float_edges()) == names(models.two_by_two()) == []
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4]), b.tensor("y", [1, 4], "float32")
    b.op("ADD", [x, x], [y], schema.AddOptionsT())
    assert names(b.build([x], [y])) == ["ADD"]
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 4], "float32"), b.tensor("y", [1, 4])
    b.op("ADD", [x, x], [y], schema.AddOptionsT())
    assert names(b.build([x], [y])) == ["ADD"]
    b = models.ModelBuilder()
    x, y, c = b.tensor("x", [1, 4]), b.tensor("y", [1, 4]), b.tensor("c", [4], "float32", values=np.zeros(4))
    b.op("ADD", [x, c, -1], [y], schema.AddOptionsT())
    b.tensor("unused", [1, 4], "float32")
    assert names(b.build([x], [y])) == []


def test_requantizing_is_from_integers_to_integers():
    assert [(g.index, op.index) for g, op in requantizing(parse(models.two_by_two()))] == [(0, 1)]
    assert not requantizing(parse(models.float_edges()))
