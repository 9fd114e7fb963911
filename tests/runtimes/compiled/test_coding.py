"""Forms of weights: exact both ways, in Python and on every CPU that is emulated here."""

from __future__ import annotations

import numpy as np
import pytest

from microgen.runtimes.compiled import coding
from microgen.runtimes.compiled.compiler import Options
from tests.support.tools import needs_host

from . import check, decoding, random_models


def _weights(rng, values, zeros):
    channels, elements = rng.integers(1, 9), rng.integers(1, 400)
    w = rng.choice(rng.integers(-128, 128, values), (channels, elements)).astype(np.int8)
    w[rng.random(w.shape) < zeros] = 0
    return w


@pytest.mark.parametrize("zeros", [0.0, 0.2, 0.8, 0.99, 1.0])
def test_every_form_gives_its_weights_back(zeros):
    rng = np.random.default_rng(7)
    for _ in range(40):
        w = _weights(rng, 63, zeros)
        as_blocks, as_indices, as_runs = coding.blocks(w), coding.indexed(w), coding.runs(w)
        assert np.array_equal(decoding.blocks(as_blocks, *w.shape), w)
        assert as_indices is not None and np.array_equal(decoding.indices(as_indices), w)
        assert as_runs is None or np.array_equal(decoding.runs(as_runs, w.shape[1]), w)


def test_nibbles_give_their_weights_back():
    rng = np.random.default_rng(8)
    for _ in range(40):
        w = rng.integers(-8, 8, (rng.integers(1, 9), rng.integers(1, 60))).astype(np.int8)
        coded = coding.nibbles(w)
        assert coded is not None and np.array_equal(decoding.nibbles(coded, w.shape[1]), w)
    assert coding.nibbles(np.array([[8, 0]], np.int8)) is None and coding.nibbles(np.array([[-9]], np.int8)) is None


def test_pairs_give_their_weights_back():
    rng = np.random.default_rng(9)
    for _ in range(40):
        w = _weights(rng, 15, 0.1)
        coded = coding.pairs(w)
        assert coded is not None and np.array_equal(decoding.pairs(coded, *w.shape), w)
    w = np.tile(np.arange(1, 18, dtype=np.int8), (2, 4))
    assert coding.pairs(w) is None and coding.pairs(w[:, :16]) is not None
    assert coding.pairs(w[:, :15]) is not None  # and a zero to fill up


def test_runs_want_a_zero_to_fill_up_an_odd_channel():
    assert coding.runs(np.full((1, 3), 5, np.int8)) is None
    assert coding.runs(np.full((1, 4), 5, np.int8)) is not None


def test_too_many_values_have_no_indices():
    assert coding.indexed(np.arange(-100, 0, dtype=np.int8).reshape(1, -1)) is None


@pytest.mark.parametrize(("values", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (8, 3), (16, 4), (17, 5), (64, 6)])
def test_indices_have_as_many_bits_as_values_want(values, bits):
    w = np.tile(np.arange(1, values + 1, dtype=np.int8), (2, 256))
    coded = coding.indexed(w)
    assert coded is not None and coded.bits == bits
    assert coded.codes.size == w.size * bits // 8 + 3


def test_channels_share_books():
    """Quantization leaves the same values in all channels whose largest one is the same cluster."""
    one, two = np.tile(np.arange(1, 17) * 7, 30), np.tile(np.arange(1, 17) * -7, 30)
    w = np.stack([one, one, one, two])
    coded = coding.indexed(w.astype(np.int8))
    assert coded is not None and coded.books.shape == (2, 16) and coded.book.tolist() == [0, 0, 0, 1]
    assert coded.bytes == w.size // 2 + 3 + 2 * 16 + 4


def test_blocks_far_apart_have_blocks_of_zeros_between():
    w = np.zeros((2, 4 * 200), np.int8)
    w[0, 0], w[1, -1] = 1, 2
    coded = coding.blocks(w)
    assert coded.count == 6 and max(coded.gaps()) == 41 and max(coded.gaps(3, 1)) == 126


@pytest.mark.parametrize(
    ("fours", "places"),
    [([0, 2, 5], [0, 2, 5]), ([40], [40]), ([41], [40, 41]), ([82], [40, 81, 82]), ([1, 42], [1, 42]),
     ([1, 43], [1, 42, 43]), ([], [])],
)  # fmt: skip
def test_gaps_of_blocks_lead_from_one_to_the_next(fours, places):
    w = np.zeros((4, 4 * 90), np.int8)
    w[1, [4 * k + 3 for k in fours]] = 1  # the second pair has none
    coded = coding.blocks(w)
    assert [p.tolist() for p in coded.places] == [places, []] and coded.count == len(places)
    assert (np.cumsum(coded.gaps()[:-2].astype(int)) - 1).tolist() == places
    begins = np.arange(len(places)) > 0
    expected = [*(3 * (np.diff(places, prepend=-1) + 2 * begins)), 7, 7]
    assert coded.gaps(3, 2, 7).tolist() == expected
    assert coded.bytes == 9 * len(places) + 2


def test_large_channels_choose_their_books_first():
    """Small ones fit what is there; put together first, they would leave no book to the large ones."""
    w = np.array([[1, 2, 1, 2, 1, 2], [3, 4, 3, 4, 3, 4], [1, 2, 5, 6, 1, 2], [3, 4, 7, 8, 3, 4]], np.int8)
    coded = coding.indexed(np.tile(w, 30))
    assert coded is not None and coded.bits == 2 and coded.book.tolist() == [0, 1, 0, 1]
    assert coded.books.tolist() == [[1, 2, 5, 6], [3, 4, 7, 8]]


@pytest.mark.parametrize("kind", ["conv", "fully_connected"])
def test_coded_layers_are_equal_to_tflm(tmp_path, kind):
    needs_host()
    models = [random_models.one_operator(seed, kind) for seed in range(24)]
    outcomes = check.check(tmp_path, models, options=Options(storage="coded"))
    assert not {k: o.difference for k, o in enumerate(outcomes) if o.difference}


@pytest.mark.parametrize("kind", ["conv", "fully_connected"])
def test_coded_layers_are_equal_to_tflm_on_dsp_instructions(tmp_path, kind):
    from benchmarks.semihosting import CPUS

    if CPUS["m4f"].obstacle:
        pytest.skip(CPUS["m4f"].obstacle)
    models = [random_models.one_operator(seed, kind) for seed in range(16)]
    outcomes = check.check(tmp_path, models, count=4, cpu=CPUS["m4f"], options=Options(storage="coded"))
    assert not {k: o.difference for k, o in enumerate(outcomes) if o.difference}
