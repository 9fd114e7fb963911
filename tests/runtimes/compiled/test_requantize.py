"""The cheap requantization against TFLM's arithmetic: searched constants are right, wrong ones are not proven."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microgen.runtimes.compiled import requantize
from microgen.runtimes.compiled.arithmetic import multiply, quantize_multipliers, sigmoid_table
from microgen.runtimes.compiled.values import Requantization


def random_requantization(rng: np.random.Generator, channels: int = 4) -> Requantization:
    scales = 10.0 ** rng.uniform(-6, 0.5, channels)
    multiplier, shift = quantize_multipliers(scales.tolist())
    size = rng.integers(1, 2 ** int(rng.integers(2, 23)), channels)
    middle = rng.integers(-(2**22), 2**22, channels) // int(rng.choice([1, 64, 2**22]))
    low, high = sorted(int(v) for v in rng.choice([-128, 127, -100, 0, 50], 2, replace=False))
    return Requantization(
        multiplier, shift, int(rng.integers(-128, 128)), low, high, np.maximum(middle - size, -(2**23) + 1),
        np.minimum(middle + size, 2**23 - 1),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_found_constants_equal_tflm_everywhere(seed):
    rng = np.random.default_rng(seed)
    r = random_requantization(rng)
    for found in (requantize.uniform(r), requantize.per_channel(r, (8, 4, 2))):
        if found is None:
            continue
        for lo, hi, k in zip(r.acc_low, r.acc_high, range(len(r.acc_low)), strict=True):
            step = max(1, int(hi - lo) // 200_000)
            acc = np.unique(np.append(np.arange(lo, hi + 1, step), hi))
            one = [np.full(1, a[k]) for a in (found.multiplier, found.addend, found.shift, found.offset)]
            c = replace(
                found, multiplier=one[0], addend=one[1], shift=one[2], offset=one[3], constant=found.constant[k : k + 1]
            )
            channel = replace(
                r, multiplier=r.multiplier[k : k + 1], shift=r.shift[k : k + 1], acc_low=acc[:1], acc_high=acc[-1:]
            )
            got, wanted = requantize.apply_constants(channel, c, acc[None]), requantize.apply(channel, acc[None])
            assert (got == wanted).all()


def test_most_ranges_have_a_cheap_form():
    rng = np.random.default_rng(1)
    found = [requantize.per_channel(random_requantization(rng), (8, 4, 2)) is not None for _ in range(60)]
    assert sum(found) > 50


@pytest.mark.parametrize("seed", range(20))
def test_wrong_constants_are_not_proven(seed):
    rng = np.random.default_rng(seed)
    r = replace(random_requantization(rng), low=-128, high=127, zero_point=0)
    r = replace(r, acc_low=np.full(4, -(2**22)), acc_high=np.full(4, 2**22))
    multiplier, shift = quantize_multipliers((10.0 ** rng.uniform(-4, -2, 4)).tolist())
    r = replace(r, multiplier=multiplier, shift=shift)
    c = requantize.per_channel(r)
    assert c is not None
    assert requantize.prove(r, c)
    assert not requantize.prove(r, replace(c, tie=0))
    assert not requantize.prove(r, replace(c, addend=c.addend + (np.int64(1) << c.shift)))
    assert not requantize.prove(r, replace(c, multiplier=c.multiplier + 2**16))


def test_multiply_rounds_halves_as_tflm_does():
    m, e = np.int64(1 << 30), np.int64(-1)  # a factor of 1/4: two roundings
    x = np.array([-6, -2, 2, 6, 1, -1, 3, -3])
    assert multiply(x, m, e).tolist() == [-2, -1, 1, 2, 1, 0, 1, -1]


def test_sigmoid_table_rises_and_ends_at_one():
    table = sigmoid_table()
    assert table[0] == 32768 and table[-1] == 65535 and (np.diff(table) >= 0).all()
