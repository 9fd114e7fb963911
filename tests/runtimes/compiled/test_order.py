"""Convolutions run early where less memory is kept then, and nothing runs before what it reads is made."""

from __future__ import annotations

import random

import numpy as np
import pytest

from microgen.runtimes.compiled import memory
from microgen.runtimes.compiled.order import early
from microgen.runtimes.compiled.path import Program
from microgen.runtimes.compiled.steps import Conv, Step
from microgen.runtimes.compiled.values import Requantization, Value

NONE = np.zeros(0, np.int64)
NOTHING = Requantization(NONE, NONE, 0, 0, 0, NONE, NONE)


def value(index: int, size: int) -> Value:
    return Value(index, "", (size,), "int8", 0.0, 0)


def step(index: int, inputs: list[Value], output: Value) -> Step:
    return Step(index=index, name="", inputs=tuple(inputs), outputs=(output,))


def conv(index: int, inputs: list[Value], output: Value) -> Conv:
    return Conv(
        index=index, name="", inputs=tuple(inputs), outputs=(output,), filter=NONE.astype(np.int8), bias=NONE,
        strides=(1, 1), dilations=(1, 1), padding=(0, 0), groups=1, requantization=NOTHING,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("source", "branch", "shortcut", "expected"),
    [
        (400, 104, 104, [2, 0, 1, 3]),  # the most is the same
        (400, 104, 112, [0, 1, 2, 3]),  # the most would be more
        (400, 400, 392, [2, 0, 1, 3]),
        (400, 400, 400, [0, 1, 2, 3]),  # nothing is won
    ],
)
def test_a_shortcut_runs_first_where_that_keeps_less(source, branch, shortcut, expected):
    x, a, b, s, y = (value(k, size) for k, size in enumerate((source, 400, branch, shortcut, 8)))
    steps = (conv(0, [x], a), conv(1, [a], b), conv(2, [x], s), step(3, [b, s], y))
    assert [s.index for s in early(Program((x,), (y,), steps)).steps] == expected
    slow = (*steps[:2], step(2, [x], s), steps[3])
    assert [s.index for s in early(Program((x,), (y,), slow)).steps] == [0, 1, 2, 3], "only convolutions move"


@pytest.mark.parametrize("seed", range(30))
def test_the_order_stays_one_and_keeps_no_more(seed):
    rng = random.Random(seed)
    known, steps = [value(100, rng.randint(1, 500))], []
    for index in range(rng.randint(2, 12)):
        made = value(index, rng.randint(1, 500))
        read = rng.sample(known, min(len(known), rng.randint(1, 2)))
        steps.append((conv if rng.random() < 0.6 else step)(index, read, made))
        known.append(made)
    program = Program((known[0],), (known[-1],), tuple(steps))
    found = early(program)
    ready = {known[0].index}
    for s in found.steps:
        assert {v.index for v in s.inputs} <= ready
        ready.add(s.output.index)
    assert sorted(s.index for s in found.steps) == list(range(len(steps)))
    others = [[s.index for s in p.steps if not isinstance(s, Conv)] for p in (program, found)]
    assert others[0] == others[1]
    kept, now = (list(memory.alive(p, {}).values()) for p in (program, found))
    assert max(now) <= max(kept) and (found is program or sum(now) < sum(kept))
