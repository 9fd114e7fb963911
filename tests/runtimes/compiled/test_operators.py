"""Random models of every operator, and of all together, byte by byte against TFLM, every tensor of them."""

from __future__ import annotations

import pytest

from microgen.runtimes.compiled.analyse import analyse
from microgen.runtimes.compiled.lower import lower
from microgen.tflite import parse
from tests.support.tools import needs_host

from . import check, random_models

KINDS = [k for k in random_models.OPERATORS if "again" not in k]


@pytest.mark.parametrize("part", range(6))
def test_every_operator_alone(tmp_path, part):
    needs_host()
    kinds = KINDS[part::6]
    models = [random_models.one_operator(seed, kind) for kind in kinds for seed in range(3)]
    outcomes = check.check(tmp_path, models, seed=part)
    labels = [kind for kind in kinds for _ in range(3)]
    assert not {k: o for k, o in zip(labels, outcomes, strict=True) if o != check.Outcome()}


def test_every_operator_on_int16(tmp_path):
    needs_host()
    models = [random_models.one_wide(seed, kind) for kind in random_models.WIDE for seed in range(2)]
    outcomes = check.check(tmp_path, models)
    labels = [kind for kind in random_models.WIDE for _ in range(2)]
    assert not {k: o for k, o in zip(labels, outcomes, strict=True) if o != check.Outcome()}


def test_operators_together(tmp_path):
    needs_host()
    outcomes = check.check(tmp_path, [random_models.model(seed) for seed in range(40)])
    assert not {seed: o for seed, o in enumerate(outcomes) if o != check.Outcome()}


def test_channels_are_left_out(tmp_path):
    needs_host()
    models = [random_models.thinned(seed) for seed in (0, 1, 4, 10, 11, 37)]
    assert all(any(s.output.channels for s in analyse(lower(parse(data))).steps) for data in models)
    assert check.check(tmp_path, models) == [check.Outcome()] * len(models)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(100_000, 100_100, 50))
def test_many_operators_together(tmp_path, first):
    needs_host()
    outcomes = check.check(tmp_path, [random_models.model(seed) for seed in range(first, first + 50)])
    assert not {first + k: o.difference for k, o in enumerate(outcomes) if o.difference}
