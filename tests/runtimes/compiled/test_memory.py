"""The memory plan: nothing overlaps but where an operator's order of work allows it."""

from __future__ import annotations

import random

import pytest

from microgen.runtimes.compiled.memory import Item, _Planner
from microgen.runtimes.compiled.path import IN_PLACE, Overlap


def random_items(seed: int) -> tuple[list[Item], dict[tuple[int, int], Overlap]]:
    rng = random.Random(seed)
    items, allowed, last = [], {}, rng.randint(2, 9)
    for key in range(rng.randint(1, 12)):
        born = rng.randint(-1, last)
        items.append(Item(key, born, rng.randint(born, last), rng.randint(1, 400)))
    for a in items:
        for b in items:
            if a is not b and a.born < b.born == a.dies and rng.random() < 0.5:
                allowed[a.key, b.key] = rng.choice([IN_PLACE, Overlap(None, -rng.randint(0, 64)), Overlap(None, 8)])
    return items, allowed


@pytest.mark.parametrize("seed", range(60))
def test_items_that_live_together_do_not_meet(seed):
    items, allowed = random_items(seed)
    offsets, size = _Planner(items, allowed).best()
    assert (offsets, size) == _Planner(items, allowed).best()
    for a in items:
        assert offsets[a.key] % 8 == 0 and offsets[a.key] + a.bytes <= size
        for b in items:
            together = a is not b and max(a.born, b.born) <= min(a.dies, b.dies)
            apart = offsets[a.key] + a.bytes <= offsets[b.key] or offsets[b.key] + b.bytes <= offsets[a.key]
            if together and not apart:
                (source, target) = (a, b) if (a.key, b.key) in allowed else (b, a)
                rule, delta = allowed[source.key, target.key], offsets[target.key] - offsets[source.key]
                assert delta <= rule.high and (rule.low is None or rule.low <= delta)


def test_an_operator_in_place_takes_no_second_buffer():
    items = [Item(0, -1, 0, 100), Item(1, 0, 1, 100)]
    assert _Planner(items, {(0, 1): IN_PLACE}).best()[1] == 100
    assert _Planner(items, {}).best()[1] == 204
