from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from microgen.workers import wire


@dataclass(frozen=True)
class Inner:
    name: str
    values: npt.NDArray[Any]


@dataclass(frozen=True)
class Everything:
    flag: bool
    count: int
    ratio: float
    text: str
    data: bytes
    path: Path
    array: npt.NDArray[np.int16]
    maybe: int | None
    nothing: bytes | None
    inner: Inner
    inners: tuple[Inner, ...]
    pair: tuple[str, npt.NDArray[Any]]
    named: Mapping[str, npt.NDArray[Any]]
    deep: dict[str, tuple[tuple[bytes, ...], ...]]
    plain: Any
    options: dict[str, Any] = field(default_factory=dict)


def same(a, b):
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, (Inner, Everything)):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple):
        return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def make(rng):
    def array():
        kind = rng.choice(["int8", "uint8", "int16", "int64", "float32", "float64", "bool", ">i4", "complex64"])
        return rng.integers(0, 2, rng.integers(0, 4, rng.integers(0, 4))).astype(kind)

    def data():
        return rng.bytes(int(rng.integers(0, 50)))

    def text():
        return "".join(chr(c) for c in rng.integers(1, 0xD7FF, int(rng.integers(0, 9))))

    return Everything(
        bool(rng.integers(2)), int(rng.integers(-(2**62), 2**62)) * 3, float(rng.choice([0.1, -0.0, 1e300, math.inf])),
        text(), data(), Path("/a/b c"), array(), None if rng.integers(2) else 5, None if rng.integers(2) else data(),
        Inner(text(), array()), tuple(Inner(text(), array()) for _ in range(rng.integers(0, 3))), (text(), array()),
        {text() + str(k): array() for k in range(rng.integers(0, 3))}, {"x": ((data(), data()), ()), "y": ()},
        rng.choice([None, 1, "a"]) if rng.integers(2) else {"a": [1, {"b": None}]}, {"z": 1, "a": [2.5, "c"]},
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read(tmp_path, seed):
    value = make(np.random.default_rng(seed))
    wire.save(tmp_path, "value", Everything, value)
    assert same(wire.load(tmp_path, "value", Everything), value)


def test_not_a_number_crosses(tmp_path):
    wire.save(tmp_path, "value", float, math.nan)
    assert math.isnan(wire.load(tmp_path, "value", float))


def test_a_number_without_a_fraction_is_a_float_where_one_is_declared(tmp_path):
    wire.save(tmp_path, "value", float, 2)
    assert isinstance(wire.load(tmp_path, "value", float), float)


@dataclass(frozen=True)
class Wrong:
    field: Any


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (int, "1"), (int, True), (int, 1.0), (int, np.int64(1)), (float, True), (str, 1), (bytes, "x"),
        (tuple[int, ...], [1]), (tuple[int, ...], (1, "2")), (npt.NDArray[Any], [1, 2]), (Inner, Wrong(1)),
        (dict[str, int], {1: 1}), (dict[str, int], [("a", 1)]), (Path, "x"), (int | None, "x"),
        (npt.NDArray[Any], np.array([object()])), (set[int], {1}), (int | str, 1),
    ],
)  # fmt: skip
def test_a_value_that_is_not_of_its_declared_type_is_refused_with_its_place(tmp_path, kind, value):
    with pytest.raises(TypeError, match=r"^(?!: )\S.*: "):
        wire.save(tmp_path, "value", kind, value)
    assert not (tmp_path / "value.json").exists()


def test_the_place_of_a_wrong_value_is_named(tmp_path):
    good = make(np.random.default_rng(0))
    bad = Everything(**{**vars(good), "inners": (good.inner, Inner("a", [1]))})
    with pytest.raises(TypeError, match=r"^Everything\.inners\[1\]\.values: list instead of its declared type$"):
        wire.save(tmp_path, "value", Everything, bad)


def test_a_job_declares_what_it_takes_and_gives():
    def job(request: Inner) -> Everything:
        raise NotImplementedError

    assert wire.signature(job) == (Inner, Everything)
