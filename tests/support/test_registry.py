from __future__ import annotations

from types import SimpleNamespace

import pytest

from microgen.errors import InputError
from microgen.support.registry import Registry


def shapes():
    loaded = []

    def circle():
        loaded.append("circle")
        return SimpleNamespace(name="circle")

    return Registry("shape", {"circle": circle}), loaded


def test_a_member_is_loaded_when_it_is_asked_for():
    registry, loaded = shapes()
    assert registry.names == ["circle"] and not loaded
    assert registry.get("circle").name == "circle" and loaded == ["circle"]


def test_an_unknown_name_is_refused_with_the_nearest():
    registry, _ = shapes()
    with pytest.raises(InputError, match="no shape 'circel'") as caught:
        registry.get("circel")
    assert caught.value.hint == "did you mean 'circle'?"
    with pytest.raises(InputError) as caught:
        registry.get("zzz")
    assert caught.value.hint == "one of circle"


def test_a_program_adds_a_member_once_and_removes_it():
    registry, _ = shapes()
    square = SimpleNamespace(name="square")
    registry.register(square)
    assert registry.get("square") is square and registry.names == ["circle", "square"]
    for taken in ("square", "circle"):
        with pytest.raises(InputError, match=f"shape '{taken}' already exists"):
            registry.register(SimpleNamespace(name=taken))
    registry.unregister("square")
    with pytest.raises(InputError, match="no shape 'square'"):
        registry.unregister("square")
