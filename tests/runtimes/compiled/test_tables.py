"""Tables of operators of one input, all 256 entries against TFLM, for many scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import InputError
from microgen.runtimes.compiled.compiler import compile_model
from microgen.runtimes.compiled.lower import lower
from microgen.runtimes.compiled.steps import Lookup, Nothing
from microgen.tflite import parse
from tests.support import models
from tests.support.models import ModelBuilder
from tests.support.tools import needs_host

from . import check, reference

CASES: dict[str, dict[str, Any]] = {
    "LOGISTIC": {"output": (1 / 256, -128)},
    "TANH": {"output": (1 / 128, 0)},
    "RELU": {},
    "RELU6": {"same": True},
    "LEAKY_RELU": {"options": "LeakyReluOptionsT", "alpha": 0.3},
    "HARD_SWISH": {},
    "QUANTIZE": {},
    "ABS": {},
}


@pytest.mark.parametrize("name", CASES)
def test_tables_equal_tflm(name):
    rng = np.random.default_rng(4)
    case, made, tables = CASES[name], [], []
    for _ in range(40):
        b = ModelBuilder()
        scale, zero = float(np.float32(10 ** rng.uniform(-4, 0.5))), int(rng.integers(-128, 128))
        out = case.get("output") or (float(np.float32(scale * 10 ** rng.uniform(-1, 1))), int(rng.integers(-128, 128)))
        x = b.tensor("x", [1, 256], "int8", scale, zero)
        y = b.tensor("y", [1, 256], "int8", *((scale, zero) if case.get("same") else out))
        options = getattr(schema, case["options"])() if "options" in case else None
        if "alpha" in case:
            options.alpha = case["alpha"]
        b.op(name, [x], [y], options)
        data = b.build([x], [y])
        try:
            (step,) = lower(parse(data)).steps
        except InputError:
            continue
        assert isinstance(step, Lookup)
        made.append((data, [[np.arange(-128, 128, dtype=np.int8)[None]]]))
        tables.append(step.table)
    answers = reference.run(made)
    compared = [
        (table == answer[0][0].reshape(-1)).all()
        for table, answer in zip(tables, answers, strict=True)
        if not isinstance(answer, reference.Crashed)
    ]
    assert len(compared) > 20 and all(compared)


def test_factors_are_computed_in_double(tmp_path):
    """RELU of int16 shows the last bits of a factor: float32 in its place differs in one of a few hundred numbers."""
    needs_host()
    rng = np.random.default_rng(1)
    made = []
    for _ in range(12):
        b = ModelBuilder()
        scale = float(np.float32(10 ** rng.uniform(-5, -3)))
        x = b.tensor("x", [1, 32768], "int16", scale, 0)
        y = b.tensor("y", [1, 32768], "int16", float(np.float32(scale * 10 ** rng.uniform(-0.3, 0.5))), 0)
        b.op("RELU", [x], [y], None)
        made.append(b.build([x], [y]))
    assert not [o for o in check.check(tmp_path, made, count=1) if o != check.Outcome()]


def test_a_table_of_three_operators_is_one_look_up():
    program = lower(parse(models.table()))
    *nothing, step = program.steps
    assert isinstance(step, Lookup) and all(isinstance(other, Nothing) for other in nothing)
    numbers = np.arange(-128, 128, dtype=np.int8).reshape(1, 8, 32)
    ((answer,),) = reference.run([(models.table(), [[numbers]])])
    np.testing.assert_array_equal(step.table, answer[0].reshape(-1))
    assert compile_model(parse(models.table())).ram_bytes < 2 * 256 + 64, "no indices of four bytes lie in the RAM"


def test_other_casts_and_sums_are_refused():
    with pytest.raises(InputError, match="a CAST that is no part of a table of 256 bytes"):
        lower(parse(models.table(offset=127)))
