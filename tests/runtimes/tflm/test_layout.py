"""Places of buffers: those that TFLM's planner chooses, in time that grows with their number."""

from __future__ import annotations

import importlib
import itertools
import random
from dataclasses import dataclass
from typing import ClassVar

import pytest

import microgen
from microgen.runtimes.memory import Buffer, MemoryLayout
from microgen.runtimes.tflm import arena
from microgen.runtimes.tflm.planner import layout
from microgen.tflite.pack import pack
from tests.support.models import ModelBuilder


@dataclass
class Alive:
    size: int
    first: int
    last: int


def placed_one_by_one(buffers, fixed):
    """The greedy planner as TFLM has it: buffer after buffer, each against all that lie there already."""
    offsets = {i: offset for i, offset in enumerate(fixed) if offset >= 0}
    for i in sorted(reversed(range(len(buffers))), key=lambda i: -buffers[i].size):
        if i in offsets:
            continue
        offsets[i] = end = 0
        for k in sorted(offsets, key=lambda k: offsets[k]):
            if k == i or buffers[k].first > buffers[i].last or buffers[k].last < buffers[i].first:
                continue
            if offsets[k] - end >= buffers[i].size:
                break
            end = max(end, offsets[k] + buffers[k].size)
        offsets[i] = end
    return [offsets[i] for i in range(len(buffers))]


@pytest.mark.parametrize("seed", range(20))
def test_buffers_lie_where_the_greedy_planner_puts_them(seed):
    rng = random.Random(seed)
    for _ in range(20):
        starts = [rng.randrange(-1, 12) for _ in range(rng.randrange(25))]
        buffers = [Alive(rng.choice([0, 16, 32, 160, 1008]), first, first + rng.randrange(5)) for first in starts]
        fixed = [rng.choice([-1, -1, -1, 0, 16, 64]) for _ in buffers]
        assert layout.place(buffers, fixed) == placed_one_by_one(buffers, fixed)


class Counted(Buffer):
    looks: ClassVar[int] = 0

    @property
    def size(self) -> int:
        Counted.looks += 1
        return super().size


def looks(count):
    """How often a buffer is looked at while a chain of operators is placed, and each operator's memory asked for."""
    Counted.looks = 0
    buffers = tuple(Counted(f"t{i}", "tensor", 0, i, 16, i, i + 1) for i in range(count))
    layout.place(buffers)
    scopes = tuple((0, i) for i in range(count))
    memory = MemoryLayout(buffers, scopes, (0, 0))
    assert [memory.top(*scope) for scope in scopes] == [16] * count
    assert memory.scratch(0, 1) == 0
    return Counted.looks


def test_the_work_grows_with_the_number_of_operators():
    assert looks(800) == 2 * looks(400)


def test_boards_with_the_same_kernels_share_a_plan(tmp_path, monkeypatch):
    b = ModelBuilder()
    tensors = [b.tensor(f"t{i}", [1, 8], scale=1 / 256, zero_point=-128) for i in range(301)]
    for before, after in itertools.pairwise(tensors):
        b.op("LOGISTIC", [before], [after])
    (tmp_path / "long.tflite").write_bytes(b.build(tensors[:1], tensors[-1:]))
    planned, packed = [], []
    plan, flashed = arena.plan, importlib.import_module("microgen.tflite.flashed")
    monkeypatch.setattr(arena, "plan", lambda *asked: (planned.append(asked[1]), plan(*asked))[1])
    monkeypatch.setattr(flashed, "pack", lambda model: (packed.append(model), pack(model))[1])
    found = microgen.inspect(tmp_path / "long.tflite", "pico")
    assert found.fit is not None and sorted(planned) == sorted(set(planned)), "one plan for each kind of target"
    assert len(packed) == 1, "all boards flash the same bytes"
