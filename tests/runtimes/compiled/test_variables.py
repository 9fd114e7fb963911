"""What was read from a variable stays what it was, though the variable is assigned before it is used."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.runtimes.compiled.compiler import compile_model
from microgen.tflite import parse
from tests.support.models import ModelBuilder, append_table
from tests.support.tools import needs_host

from . import check

SHAPE = [1, 6]


def _constant(b: ModelBuilder, values: list[int]) -> int:
    return b.tensor(f"c{len(b.graph.tensors)}", [len(values)], "int32", (), values=np.array(values))


def transpose(b: ModelBuilder, x: int, y: int) -> None:
    b.op("TRANSPOSE", [x, _constant(b, [0, 1])], [y], schema.TransposeOptionsT())


def slice_(b: ModelBuilder, x: int, y: int) -> None:
    b.op("SLICE", [x, _constant(b, [0, 0]), _constant(b, SHAPE)], [y], schema.SliceOptionsT())


def concatenation(b: ModelBuilder, x: int, y: int) -> None:
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    b.op("CONCATENATION", [x], [y], options)


def reshape(b: ModelBuilder, x: int, y: int) -> None:
    b.op("RESHAPE", [x, _constant(b, SHAPE)], [y], schema.ReshapeOptionsT())


def table(b: ModelBuilder, x: int, y: int) -> None:
    append_table(b, x, b.tensor("entries", [256], values=np.arange(128, -128, -1)), y)


def model(operator: Callable[[ModelBuilder, int, int], None], before: int, *, is_output: bool = False) -> bytes:
    """Reads a variable, and joins what an operator makes of it with the input; the variable is assigned this many
    operators before the end. is_output: what the operator makes is an output, too."""
    b = ModelBuilder()
    x, y, z = (b.tensor(name, shape) for name, shape in (("x", SHAPE), ("y", SHAPE), ("z", [1, 2 * SHAPE[1]])))
    handle, old = b.tensor("handle", [], "resource", ()), b.tensor("old", SHAPE)
    options = schema.VarHandleOptionsT()
    options.sharedName, options.container = "v", ""
    b.op("VAR_HANDLE", [], [handle], options)
    b.op("READ_VARIABLE", [handle], [old], schema.ReadVariableOptionsT())
    operator(b, old, y)
    joined = schema.ConcatenationOptionsT()
    joined.axis = 1
    b.op("CONCATENATION", [y, x], [z], joined)
    b.op("ASSIGN_VARIABLE", [handle, x], [], schema.AssignVariableOptionsT())
    operators = b.graph.operators
    operators.insert(len(operators) - 1 - before, operators.pop())
    return b.build([x], [z, y] if is_output else [z])


@pytest.mark.parametrize("operator", [transpose, slice_, concatenation, reshape, table])
def test_what_was_read_is_used_after_the_assignment(operator, tmp_path):
    needs_host()
    made = [model(operator, before) for before in (1, 2 if operator is table else 0)]
    outcomes = check.check(tmp_path, [*made, model(operator, 0, is_output=True)])
    assert outcomes == [check.Outcome()] * 3


def test_what_is_used_before_the_assignment_is_no_copy():
    copied, shared = (compile_model(parse(model(reshape, before))) for before in (1, 0))
    assert copied.ram_bytes > shared.ram_bytes
