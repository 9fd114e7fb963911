"""What a conversion replaces in PyTorch while it runs."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from microgen.frontends.tracing.listing import operators_listed_once

NAME = "_materialize_cpp_cia_ops"


@pytest.fixture
def utils(monkeypatch):
    """A stand-in for the module of PyTorch that lists operators."""
    module = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "torch._export.utils", module)
    return module


def test_operators_are_listed_once_in_a_conversion_and_each_time_behind_it(utils):
    listed = []
    original = lambda: listed.append("all")  # noqa: E731
    setattr(utils, NAME, original)
    for count in (1, 2):
        with pytest.raises(ValueError), operators_listed_once():
            getattr(utils, NAME)()
            getattr(utils, NAME)()
            raise ValueError
        assert len(listed) == count
    assert getattr(utils, NAME) is original


@pytest.mark.parametrize("answer", [["an operator"], None])
def test_a_later_pytorch_whose_function_is_another_gets_what_it_asks_for(utils, answer):
    asked = []

    def original(*arguments, **named):
        asked.append((arguments, named))
        return answer if arguments or named else ["all"]

    setattr(utils, NAME, original)
    with operators_listed_once():
        function = getattr(utils, NAME)
        for _ in range(2):
            assert function() == ["all"] and function([1]) == answer and function(namespace="aten") == answer
    assert asked == [((), {}), (([1],), {}), ((), {"namespace": "aten"})] * 2


def test_a_later_pytorch_without_the_function_or_its_module_lists_as_it_does(utils, monkeypatch):
    with operators_listed_once():
        assert not hasattr(utils, NAME)
    monkeypatch.setitem(sys.modules, "torch._export.utils", None)
    with operators_listed_once():
        assert sys.modules["torch._export.utils"] is None
