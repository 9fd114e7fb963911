"""The memory plan: nothing overlaps but where an operator's order of work allows it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest

from microgen.runtimes.compiled import memory
from microgen.runtimes.compiled.memory import Item, _Planner
from microgen.runtimes.compiled.path import IN_PLACE, Code, Overlap, Program
from microgen.runtimes.compiled.steps import Alias, Step
from microgen.runtimes.compiled.values import Value


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


def first_fit(order: Iterable[Item], allowed: Mapping[tuple[int, int], Overlap]) -> int:
    """The size that items take, each as low as it goes."""
    placed: list[tuple[int, Item]] = []

    def is_free(at: int, item: Item) -> bool:
        for begin, other in placed:
            if other.dies < item.born or item.dies < other.born:
                continue
            if at + item.bytes <= begin or begin + other.bytes <= at:
                continue
            after, before = allowed.get((other.key, item.key)), allowed.get((item.key, other.key))
            rule, distance = (after, at - begin) if after else (before, begin - at)
            if rule is None or distance > rule.high or (rule.low is not None and distance < rule.low):
                return False
        return True

    for item in order:
        placed.append((next(at for at in itertools.count(0, 8) if is_free(at, item)), item))
    return max(at + item.bytes for at, item in placed)


@pytest.mark.parametrize("seed", range(24))
def test_few_items_take_as_little_as_any_order_gives(seed):
    items, allowed = random_items(seed)
    items = items[:4]
    assert _Planner(items, allowed).best()[1] == min(first_fit(o, allowed) for o in itertools.permutations(items))


def value(index: int, size: int, **more: object) -> Value:
    return Value(index, f"v{index}", (size,), "int8", 0.0, 0, **more)


def step(index: int, inputs: Sequence[Value], outputs: Sequence[Value], kind: type[Step] = Step) -> Step:
    return kind(index=index, name="STEP", inputs=tuple(inputs), outputs=tuple(outputs))


def random_program(seed: int) -> tuple[Program, dict[int, Code]]:
    """Steps that read any values before them, some in place, some constant, some kept between inferences."""
    rng = random.Random(seed)
    numbers = itertools.count()
    inputs = [value(next(numbers), rng.randint(1, 60)) for _ in range(rng.randint(1, 2))]
    known = [*inputs, *(value(next(numbers), rng.randint(1, 60), persistent=True) for _ in range(rng.randint(0, 2)))]
    steps, codes, made = [], {}, list(inputs)
    for index in range(3, 3 + rng.randint(1, 8)):
        read = [rng.choice(known) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.2:
            read.append(value(next(numbers), 9, data=np.zeros(9, np.int8)))
        if rng.random() < 0.2 and not read[0].persistent:
            output = value(next(numbers), read[0].bytes)
            steps.append(step(index, read[:1], [output], Alias))
            known.append(output)
            made.append(output)
            continue
        written = [value(next(numbers), rng.randint(1, 60)) for _ in range(rng.randint(1, 2))]
        overlaps = tuple(rng.choice([None, IN_PLACE]) for _ in read)
        scratch = rng.choice([0, rng.randint(1, 60)])
        codes[index] = Code("", scratch_bytes=scratch, overlaps=overlaps, scratch_overlap=rng.choice([None, IN_PLACE]))
        steps.append(step(index, read, written))
        known += written
        made += written
    outputs = rng.sample(made, min(2, len(made)))
    return Program(tuple(inputs), tuple(outputs), tuple(steps)), codes


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_each_step_finds_what_was_written_for_it(seed, apart, monkeypatch):
    """Runs twice: each step fills its outputs with a number of their own, and its inputs still have theirs."""
    monkeypatch.setattr(memory, "_ITEMS_TRIED", 1)
    monkeypatch.setattr(memory, "_TRIES", 9)
    program, codes = random_program(seed)
    layout = memory.plan(program, codes, state_apart=apart)
    buffer, state = bytearray(layout.bytes), bytearray(layout.state_bytes)
    numbers, has = itertools.cycle(range(1, 251)), {}

    def place(v: Value) -> tuple[bytearray, int]:
        assert (v.index in layout.state) == (apart and v.persistent) != (v.index in layout.values)
        return (state, layout.state[v.index]) if v.index in layout.state else (buffer, layout.values[v.index])

    def fill(where: bytearray, at: int, size: int) -> int:
        assert at >= 0 and at % 8 == 0 and at + size <= len(where)
        number = next(numbers)
        where[at : at + size] = bytes([number]) * size
        return number

    def write(v: Value) -> None:
        has[v.index] = fill(*place(v), v.bytes)

    def is_kept(v: Value) -> bool:
        where, at = place(v)
        return v.data is not None or where[at : at + v.bytes] == bytes([has[v.index]]) * v.bytes

    kept = [v for v in dict.fromkeys(v for s in program.steps for v in s.inputs) if v.persistent]
    for v in kept:
        write(v)
    for _ in range(2):
        for v in program.inputs:
            write(v)
        for s in program.steps:
            if isinstance(s, Alias):
                has[s.output.index] = has[s.input.index]
                assert place(s.output) == place(s.input) and is_kept(s.input)
                continue
            code = codes[s.index]
            read = [v for v in s.inputs if v.data is None]
            assert all(map(is_kept, read))
            if code.scratch_bytes:
                number = fill(buffer, layout.scratch[s.index], code.scratch_bytes)
                lost = [v for v in read if not is_kept(v)]
                assert not lost or (code.scratch_overlap and lost == [s.input]), "an input that is read once, and first"
                read = [v for v in read if v not in lost]
            for v in s.outputs:
                write(v)
            assert all(
                is_kept(v) for v, over in zip(s.inputs, code.overlaps, strict=True) if over is None and v in read
            )
            assert all(map(is_kept, s.outputs))
            if code.scratch_bytes:
                at = layout.scratch[s.index]
                assert buffer[at : at + code.scratch_bytes] == bytes([number]) * code.scratch_bytes
            for v in s.inputs:
                if v.persistent:
                    assert is_kept(v)
                    write(v)
        assert all(map(is_kept, program.outputs))


def test_what_a_layout_takes():
    x, y, s, t = value(0, 100), value(1, 100), value(2, 20, persistent=True), value(3, 9, persistent=True)
    program = Program((x,), (y,), (step(7, [x, s, t], [y]),))
    apart = memory.plan(program, {7: Code("", overlaps=(IN_PLACE,))}, state_apart=True)
    assert (apart.bytes, apart.state_bytes, apart.values, apart.state) == (104, 24 + 16, {0: 0, 1: 0}, {2: 0, 3: 24})
    assert apart.scratch == {}
    assert memory.plan(program, {}).bytes == 2 * 104 + 24 + 16


def test_how_many_bytes_are_alive():
    x, a, b, c, s = value(0, 100), value(1, 50), value(2, 9), value(3, 50), value(4, 1, persistent=True)
    steps = (step(5, [x], [a]), step(6, [a], [c], Alias), step(7, [c, s, x], [b]), step(9, [b], [value(8, 17)]))
    assert memory.alive(Program((x,), (b,), steps), {5: Code("", scratch_bytes=999)}) == {
        5: 104 + 56 + 8, 6: 104 + 56 + 8, 7: 104 + 56 + 16 + 8, 9: 16 + 24 + 8,
    }  # fmt: skip
