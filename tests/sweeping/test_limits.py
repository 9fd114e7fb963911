"""Limits of a sweep, and what is tried between what keeps to them and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from microgen.deployment import DeviceCost
from microgen.errors import InputError
from microgen.sweeping.candidates import between, read_candidates
from microgen.sweeping.limits import Limits, read_limits

COST = DeviceCost("compiled", "a board", 60_000, 4_000, 16_384, 1_000_000, 20.0, 15, ())


def test_limits_are_read():
    assert read_limits("board=pico, flash=64K,ram=16384 ,ms=20.5") == ("pico", Limits(65_536, 16_384, 20.5))
    assert read_limits("flash=1MB") == (None, Limits(1_048_576))
    assert str(Limits(65_536, None, 2.5)) == "flash 65,536 bytes, time 2.5 ms"


@pytest.mark.parametrize(
    "text", ["", "board=pico", "flash", "flash=", "flash=-1", "flash=0", "ms=0", "ms=1e9", "ms=x", "ram=4Q", "rom=4K",
             "flash=1K,flash=2K"],
)  # fmt: skip
def test_what_is_no_limit_is_refused(text):
    with pytest.raises(InputError) as caught:
        read_limits(text)
    assert caught.value.option == "fit" and caught.value.hint


def test_the_first_limit_that_is_broken_is_named():
    assert Limits(64_000, 16_384, 20).broken(COST) == ""
    assert Limits(63_999, 16_383, 20).broken(COST) == "flash"
    assert Limits(ram=16_383).broken(COST) == "RAM"
    assert Limits(ms=19.9).broken(COST) == "time"
    assert Limits(ms=19.9).broken(replace(COST, milliseconds=None)) == "its time is unknown"
    assert Limits(64_000).broken(None)


def test_amounts_between_are_tried():
    candidates = read_candidates("prune:0.5,prune:0.8,cluster:32,cluster:16,prune:0.5+qat")
    names = ["original", "prune:0.5", "prune:0.8", "cluster:32", "cluster:16", "prune:0.5+qat"]
    assert [c.name for c in candidates] == names
    more = between(candidates, [False, False, True, False, True, True])
    assert [c.name for c in more] == ["cluster:24", "prune:0.65"]
    # Nothing keeps to the limits: stronger amounts are tried.
    assert [c.name for c in between(candidates, [False] * 6)] == ["cluster:10", "prune:0.895"]
    # Everything does: there is nothing milder to try.
    assert between(candidates, [True] * 6) == ()
