"""Variables beside the graph: what TFLM would read or write wrongly is refused before it runs."""

from __future__ import annotations

import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.tflite import parse, variables
from microgen.tflite.check import check_runnable
from tests.support import models


def changed(change, start=7):
    """The model with a variable, changed as an object."""
    model = schema.ModelT.InitFromPackedBuf(models.variable(start), 0)
    change(model)
    return parse(models.packed(model), "m")


def operators(model, name, graph=0):
    code = getattr(schema.BuiltinOperator, name)
    return [op for op in model.subgraphs[graph].operators if model.operatorCodes[op.opcodeIndex].builtinCode == code]


def options(model, graph=0):
    return operators(model, "VAR_HANDLE", graph)[0].builtinOptions


def unassigned(model):
    for graph in (0, 1):
        for op in operators(model, "ASSIGN_VARIABLE", graph):
            model.subgraphs[graph].operators.remove(op)


def elsewhere(model):
    read = operators(model, "READ_VARIABLE")[0]
    model.subgraphs[0].tensors[read.inputs[0]].isVariable = True
    read.inputs = [0]


@pytest.mark.parametrize("start", [None, 7])
def test_a_variable_and_what_moves_it_are_found(start):
    model = parse(models.variable(start))
    check_runnable(model)
    assert variables.names(model) == ("sum",) and model.is_stateful and model.has_variables
    moves = [(g, op) for g in model.subgraphs for op in g.operators if op.name in (variables.READ, variables.ASSIGN)]
    assert [variables.name_of(g, op) for g, op in moves] == ["sum"] * (2 if start is None else 3)
    assert [variables.value_of(g, op).name for g, op in moves][:2] == ["before", "after"]


@pytest.mark.parametrize(
    ("change", "operator", "says"),
    [
        (lambda m: setattr(options(m), "sharedName", None), "VAR_HANDLE", "names no variable"),
        (lambda m: setattr(options(m), "container", "other"), "VAR_HANDLE", "a different container"),
        (lambda m: setattr(options(m, 1), "container", None), "VAR_HANDLE", "a different container"),
        (lambda m: setattr(m.subgraphs[1].tensors[1], "shape", [1, 2, 2]), None, None),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "shape", [1, 3]), "ASSIGN_VARIABLE", "a different size or type"),
        (lambda m: setattr(m.subgraphs[0].tensors[1], "type", 3), "ASSIGN_VARIABLE", "a different size or type"),
        (elsewhere, "READ_VARIABLE", "has no handle of a variable from the same graph"),
        (unassigned, "READ_VARIABLE", "reads variable 'sum', which nothing assigns"),
    ],
)
def test_what_would_take_tflm_beyond_a_variable_is_refused(change, operator, says):
    model = changed(change)
    if operator is None:
        return check_runnable(model)  # the same bytes in another shape
    with pytest.raises(InputError, match=says) as caught:
        check_runnable(model)
    assert caught.value.operator == operator
