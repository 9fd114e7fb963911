"""Damaged models end as an error or a verdict: a small, seeded part of `python -m tests.support.mutations`."""

from __future__ import annotations

import collections

from tests.conftest import SHARED
from tests.support import mutations
from tests.support.tools import needs_host


def test_damaged_models_pass_the_reader_and_the_planner_or_are_refused():
    folder = SHARED if SHARED.is_dir() else None
    ends = collections.Counter(mutations.read_and_plan(data) for data in mutations.mutations(1500, 7, folder))
    assert ends["refused"] > 300 and ends["accepted"] > 100


def test_damaged_models_end_a_build_with_a_code_and_no_traceback():
    needs_host()
    for n, data in enumerate(mutations.mutations(25, 8)):
        ended, _, text = mutations.build(data)
        assert ended in ("exit 0", "exit 1", "exit 2"), (n, ended, text[-500:])


def test_the_same_seed_damages_alike():
    assert list(mutations.mutations(40, 3)) == list(mutations.mutations(40, 3))
    assert list(mutations.mutations(40, 3)) != list(mutations.mutations(40, 4))
