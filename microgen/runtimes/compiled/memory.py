"""Places of values and scratch in one buffer: overlap where lifetimes, or an operator's order of work, allow it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .path import Code, Overlap, Program
from .steps import Alias
from .values import Value

ALIGNMENT = 8
# Orders that are tried: more of them for models with few items, where each costs less.
_TRIES, _ITEMS_TRIED = 300, 30_000
_FAR = 2**40  # beyond any buffer


@dataclass(frozen=True)
class Item:
    """What needs a place: a value by its root's index (>= 0), or the scratch of step k (-1 - k).

    Attributes:
        born, dies: the first and last step at which it must keep its bytes.
        persistent: whether it keeps them between inferences.
    """

    key: int
    born: int
    dies: int
    bytes: int
    persistent: bool = False


@dataclass(frozen=True)
class Layout:
    """Offsets of values and scratch.

    Attributes:
        values: offset of each value, by index; aliases have that of their root.
        scratch: offset of the scratch of each step that needs some.
        bytes: size of the buffer.
        state: offset of each value that is kept between inferences, in a buffer of its own; empty where these lie among
            the others.
        state_bytes: size of that buffer.
    """

    values: Mapping[int, int]
    scratch: Mapping[int, int]
    bytes: int
    state: Mapping[int, int] = field(default_factory=dict)
    state_bytes: int = 0


def plan(program: Program, codes: Mapping[int, Code], *, state_apart: bool = False) -> Layout:
    """Place everything; the same program gives the same layout.

    Args:
        codes: of the steps, by `Step.index`.
        state_apart: keep what stays between inferences in a buffer of its own.
    """
    roots = _roots(program)
    items, allowed = _items(program, codes, roots)
    state: dict[int, int] = {}
    state_bytes = 0
    for item in items:
        if state_apart and item.persistent:
            state[item.key] = state_bytes
            state_bytes += _up(item.bytes)
    offsets, size = _Planner([i for i in items if i.key not in state], allowed).best()
    scratch = {-1 - key: offset for key, offset in offsets.items() if key < 0}
    values, kept = ({i: of[root] for i, root in roots.items() if root in of} for of in (offsets, state))
    return Layout(values, scratch, _up(size), kept, state_bytes)


def alive(program: Program, codes: Mapping[int, Code]) -> dict[int, int]:
    """Return how many bytes of values are kept while each step runs, by `Step.index`: without scratch or overlaps."""
    items, _ = _items(program, codes, _roots(program))
    count = len(program.steps)
    change = [0] * (count + 1)
    for item in items:
        born, dies = max(item.born, 0), min(item.dies, count - 1)
        if item.key >= 0 and born <= dies:
            change[born] += _up(item.bytes)
            change[dies + 1] -= _up(item.bytes)
    return dict(zip((step.index for step in program.steps), itertools.accumulate(change), strict=False))


def _up(x: int) -> int:
    return -(-x // ALIGNMENT) * ALIGNMENT


def _roots(program: Program) -> dict[int, int]:
    """Return for each value the value whose memory it has."""
    roots: dict[int, int] = {v.index: v.index for v in program.inputs}
    for step in program.steps:
        for v in step.inputs:
            roots.setdefault(v.index, v.index)
        for v in step.outputs:
            source = step.input if isinstance(step, Alias) else v
            roots[v.index] = roots[source.index] if source is not v else v.index
    return roots


def _items(
    program: Program, codes: Mapping[int, Code], roots: Mapping[int, int]
) -> tuple[list[Item], dict[tuple[int, int], Overlap]]:
    """Return what needs a place, and how an output may lie over an input that dies where it is born."""
    last = len(program.steps)
    values: dict[int, Value] = {}
    born: dict[int, int] = {}
    dies: dict[int, int] = {}
    persistent: set[int] = set()

    def use(v: Value, when: int) -> None:
        root = roots[v.index]
        if v.data is not None:
            return
        known = values.setdefault(root, v)
        if v.bytes > known.bytes:
            values[root] = v
        born.setdefault(root, when)
        dies[root] = max(dies.get(root, when), when)
        if v.persistent:
            born[root], dies[root] = -1, last
            persistent.add(root)

    for v in program.inputs:
        use(v, -1)
    for k, step in enumerate(program.steps):
        for v in (*step.inputs, *step.outputs):
            if v.bytes:
                use(v, k)
    for v in program.outputs:
        use(v, last)
    items = [Item(root, born[root], dies[root], v.bytes, root in persistent) for root, v in values.items()]
    allowed: dict[tuple[int, int], Overlap] = {}
    for k, step in enumerate(program.steps):
        code = codes.get(step.index)
        if code is None:
            continue
        if code.scratch_bytes:
            items.append(Item(-1 - step.index, k, k, code.scratch_bytes))
        out = roots[step.output.index] if step.outputs else -1
        roots_read = [roots[v.index] for v in step.inputs]
        given_up = {root for root in roots_read if dies.get(root) == k and roots_read.count(root) == 1}
        if code.scratch_bytes and code.scratch_overlap and roots_read[0] in given_up:
            allowed[roots_read[0], -1 - step.index] = code.scratch_overlap
        for root, overlap in zip(roots_read, code.overlaps, strict=False):
            if overlap is not None and root in given_up and born.get(out) == k:
                allowed[root, out] = overlap
    return items, allowed


class _Planner:
    """Places items one after the other, each as low as it goes, in many orders."""

    def __init__(self, items: Sequence[Item], allowed: Mapping[tuple[int, int], Overlap]) -> None:
        self._items = items
        self._near = _near(items, allowed)
        self._keys = {key: tuple(other for other, _, _ in near) for key, near in self._near.items()}
        # Orders that are tried differ little: most items meet the same places again.
        self._lowest_of: dict[tuple[int | None, ...], int] = {}

    def best(self) -> tuple[dict[int, int], int]:
        """Return the offsets of the best order tried, and the size."""
        items = list(self._items)
        orders = [
            sorted(items, key=lambda i: (-i.bytes, i.born, i.key)),
            sorted(items, key=lambda i: (i.born, i.key)),
            sorted(items, key=lambda i: (-i.born, i.key)),
        ]
        rng = random.Random(1)  # noqa: S311 - the same layout every time
        best: tuple[int, dict[int, int], list[Item]] | None = None
        for n in range(max(_TRIES, _ITEMS_TRIED // len(items)) if len(items) > 2 else 3):
            if n < len(orders):
                order = orders[n]
            else:
                assert best is not None
                order = list(best[2])
                for _ in range(rng.randint(1, 4)):
                    order.insert(rng.randrange(len(order)), order.pop(rng.randrange(len(order))))
            placed = self._place(order, best[0] if best else None)
            if placed is not None and (best is None or placed[0] <= best[0]):
                best = (placed[0], placed[1], order)
            if best is not None and best[0] <= self._least:
                break
        assert best is not None
        return best[1], best[0]

    @property
    def _least(self) -> int:
        """A size that no order can go below: the largest item."""
        return max((i.bytes for i in self._items), default=0)

    def _place(self, order: Sequence[Item], limit: int | None) -> tuple[int, dict[int, int]] | None:
        offsets: dict[int, int] = {}
        size = 0
        for item in order:
            places = (item.key, *map(offsets.get, self._keys[item.key]))
            offset = self._lowest_of.get(places)
            if offset is None:
                offset = self._lowest_of[places] = self._lowest(item, offsets)
            offsets[item.key] = offset
            size = max(size, offset + item.bytes)
            if limit is not None and size > limit:
                return None
        return size, offsets

    def _lowest(self, item: Item, offsets: Mapping[int, int]) -> int:
        # This runs a hundred thousand times in a build: plain numbers, and no calls.
        need = item.bytes
        near = [(offsets[key], size, windows) for key, size, windows in self._near[item.key] if key in offsets]
        candidates = {0}
        for at, size, windows in near:
            candidates.add(-(-(at + size) // ALIGNMENT) * ALIGNMENT)
            candidates.add((at - need) // ALIGNMENT * ALIGNMENT)
            for low, high in windows:
                candidates.add(-(-(at + low) // ALIGNMENT) * ALIGNMENT)
                candidates.add((at + high) // ALIGNMENT * ALIGNMENT)
        for candidate in sorted(c for c in candidates if c >= 0):
            for at, size, windows in near:
                distance = candidate - at
                if distance + need > 0 and distance < size:
                    for low, high in windows:
                        if low <= distance <= high:
                            break
                    else:
                        break
            else:
                return candidate
        raise AssertionError("behind everything is always a place")


# Of two that live at once: the other's key and bytes, and where the first may begin relative to it despite that.
_Neighbour = tuple[int, int, tuple[tuple[int, int], ...]]


def _near(items: Sequence[Item], allowed: Mapping[tuple[int, int], Overlap]) -> dict[int, list[_Neighbour]]:
    """Return what lives at the same time as each item."""
    found: dict[int, list[_Neighbour]] = {item.key: [] for item in items}
    alive: list[Item] = []
    for item in sorted(items, key=lambda i: i.born):
        alive = [other for other in alive if other.dies >= item.born]
        for other in alive:
            for a, b in ((item, other), (other, item)):
                found[a.key].append((b.key, b.bytes, _windows(a, b, allowed)))
        alive.append(item)
    return found


def _windows(a: Item, b: Item, allowed: Mapping[tuple[int, int], Overlap]) -> tuple[tuple[int, int], ...]:
    """Return between which distances from b's first byte a may begin, although both live."""
    windows = []
    if over := allowed.get((b.key, a.key)):  # a is the output
        windows.append((-_FAR if over.low is None else over.low, over.high))
    if over := allowed.get((a.key, b.key)):
        windows.append((-over.high, _FAR if over.low is None else -over.low))
    return tuple(windows)
