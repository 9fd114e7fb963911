"""The cheap requantization against TFLM's arithmetic: searched constants are right, wrong ones are not proven."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from microgen.runtimes.compiled import requantize
from microgen.runtimes.compiled.arithmetic import multiply, quantize_multiplier, quantize_multipliers, sigmoid_table
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


def forms(rng: np.random.Generator, r: Requantization) -> list[requantize.Form]:
    """The cheap forms of a requantization."""
    bias = rng.integers(-(2**18), 2**18, len(r.multiplier))
    found = [requantize.per_channel(r), requantize.per_channel(r, 6), requantize.uniform(r, bias)]
    return [form for form in found if form is not None]


@pytest.mark.parametrize("seed", range(25))
def test_found_constants_equal_tflm_everywhere(seed):
    rng = np.random.default_rng(seed)
    r = random_requantization(rng)
    if seed % 2:
        r = replace(r, zero_point=r.low)
    for form in forms(rng, r):
        steps = np.maximum(1, (r.acc_high - r.acc_low) // 50_000)
        for k in range(len(steps)):
            acc = np.unique(np.append(np.arange(r.acc_low[k], r.acc_high[k] + 1, steps[k]), r.acc_high[k]))
            acc = np.broadcast_to(acc, (len(steps), len(acc)))
            assert (form.outputs(r, acc)[k] == requantize.apply(r, acc)[k]).all()


def test_most_ranges_have_a_cheap_form():
    rng = np.random.default_rng(1)
    below, above = [], []
    for _ in range(60):
        scales = 10.0 ** (rng.uniform(-3, -2) + rng.uniform(-0.3, 0.3, 8))  # as weights per channel give them
        multiplier, shift = quantize_multipliers(scales.tolist())
        span = rng.integers(2**8, 2**20, 8)
        r = Requantization(multiplier, shift, int(rng.integers(-128, 128)), -128, 127, -span, span)
        below.append(requantize.per_channel(r) is not None)
        r = replace(r, zero_point=-128)
        above.append(requantize.uniform(r, rng.integers(-(2**16), 2**16, 8)) is not None)
    assert all(below)
    assert sum(above) > 40


@pytest.mark.parametrize("seed", range(20))
def test_wrong_constants_are_not_proven(seed):
    rng = np.random.default_rng(seed)
    multiplier, shift = quantize_multipliers((10.0 ** rng.uniform(-3, -2, 4)).tolist())
    ends = np.full(4, 2**20)
    r = Requantization(multiplier, shift, 0, -128, 127, -ends, ends)
    c = requantize.per_channel(r)
    assert c is not None and requantize.prove(r, c)
    assert not requantize.prove(r, replace(c, shift=c.shift + 1))
    assert not requantize.prove(r, replace(c, multiplier=c.multiplier + 2**16))
    assert not requantize.prove(replace(r, zero_point=1), replace(c, multiplier=c.multiplier - 2**16))
    r = replace(r, zero_point=-128)
    u = requantize.uniform(r, np.zeros(4, np.int64))
    if u is not None:
        assert not requantize.prove(r, replace(u, addend=u.addend + (1 << u.shift)))
        assert not requantize.prove(r, replace(u, multiplier=u.multiplier + 2**16))


def test_a_uniform_form_fits_only_if_nothing_leaves_int32():
    multiplier, shift = quantize_multipliers([0.005, 0.005])
    ends = np.full(2, 2**10)
    r = Requantization(multiplier, shift, -128, -128, 127, -ends, ends)
    u = requantize.uniform(r, np.zeros(2, np.int64))
    assert u is not None and u.fits(r) and not u.constant.any()
    one = np.array([0, 1])
    top = 2**31 - u.addend
    for wrong in (
        replace(u, multiplier=u.multiplier - one * (u.multiplier + 1)),  # below 0
        replace(u, multiplier=np.where(one, 2**31, u.multiplier), prescale=0, addend=np.zeros(2, np.int64)),
        replace(u, bias=one * -(2**31 >> u.prescale)),  # what is multiplied
        replace(u, addend=u.addend + one * (top - 1)),  # the sum alone
        replace(u, addend=u.addend - one * (u.addend + 2**31), multiplier=u.multiplier * 0 + 2**30),  # the addend alone
    ):
        assert not wrong.fits(r)
    unused = replace(u, bias=one * -(2**31 >> u.prescale), multiplier=u.multiplier * (1 - one))
    assert not unused.fits(r) and replace(unused, constant=one.astype(bool)).fits(r)


def test_outputs_below_the_zero_point_have_no_uniform_shift():
    multiplier, shift = quantize_multipliers([0.01])
    r = Requantization(multiplier, shift, 0, -128, 127, np.array([-(2**15)]), np.array([2**15]))
    assert requantize.uniform(r, np.zeros(1, np.int64)) is None


@pytest.mark.parametrize("shift", [-3, 0, 1, 9])
def test_a_range_that_tflm_shifts_out_of_int32_is_not_provable(shift):
    most = (2**31 - 1) >> max(shift, 0)
    for low, high, expected in ((-most, 0, True), (0, most, True), (-most - 1, 0, False), (0, most + 1, False)):
        r = Requantization(
            np.full(2, 2**30), np.array([0, shift]), 0, -128, 127, np.array([-3, low]), np.array([3, high])
        )
        assert requantize.is_provable(r) == expected


def test_multipliers_have_31_bits():
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(0.75) == (3 << 29, 0) and quantize_multiplier(3.0) == (3 << 29, 2)
    assert quantize_multiplier(1 - 2.0**-31) == (2**31 - 1, 0)
    assert quantize_multiplier(1 - 2.0**-40) == (2**30, 1), "rounded up to the next power of two"
    assert quantize_multiplier(2.0**-32) == (2**30, -31) and quantize_multiplier(2.0**-33) == (0, 0)


def test_multiply_rounds_halves_as_tflm_does():
    m, e = np.int64(1 << 30), np.int64(-1)  # a factor of 1/4: two roundings
    x = np.array([-6, -2, 2, 6, 1, -1, 3, -3])
    assert multiply(x, m, e).tolist() == [-2, -1, 1, 2, 1, 0, 1, -1]


def test_sigmoid_table_rises_and_ends_at_one():
    table = sigmoid_table()
    assert table[0] == 32768 and table[-1] == 65535 and (np.diff(table) >= 0).all()
