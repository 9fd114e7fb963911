"""Cepstral coefficients: Python against the formula, and C against Python, value by value."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.semihosting import CPUS
from microgen.errors import InputError
from microgen.preprocessing.log_mel import LogMel
from microgen.preprocessing.mfcc import Mfcc
from tests.support.audio import signals
from tests.support.tools import needs, needs_cpu

from . import c_logmel

FRONT = LogMel(step_ms=20, low_hz=20, high_hz=4000, noise_reduction=False, pcan=False)


@pytest.fixture(scope="module")
def whole():
    return np.concatenate(list(signals(4000).values()))


@pytest.mark.parametrize(("channels", "coefficients"), [(40, 10), (40, 40), (1, 1), (13, 12)])
def test_coefficients_are_those_of_the_formula(whole, channels, coefficients):
    front = LogMel(channels=channels)
    features = front.frames(whole).astype(np.float64)
    k, i = np.arange(coefficients), np.arange(channels)
    transform = np.sqrt(2 / channels) * np.cos(np.pi * k[:, None] * (i + 0.5) / channels)
    found = Mfcc(front, coefficients).frames(whole)
    # Half a unit of the result, and of each cosine.
    bound = 0.5 + (features.sum(axis=1) / 2**15)[:, None]
    assert found.shape == (len(features), coefficients) and found.any()
    assert (np.abs(found - features @ transform.T) <= bound).all()


def test_c_is_python(tmp_path, whole):
    needs("gcc", "gcc")
    mfcc = Mfcc(FRONT)
    program = c_logmel.compile_stream(tmp_path, mfcc, ["gcc", "-O1", *c_logmel.SANITIZERS])
    assert np.array_equal(c_logmel.frames(program, whole, 10, np.int16), mfcc.frames(whole))


@pytest.mark.parametrize("name", CPUS)
def test_c_is_python_on_emulated_cpus(tmp_path, whole, name):
    needs_cpu(CPUS[name].board_cpu)
    found = c_logmel.emulated_frames(tmp_path, Mfcc(FRONT, 13), CPUS[name], "-O2", whole)
    assert np.array_equal(found, Mfcc(FRONT, 13).frames(whole))


@pytest.mark.parametrize(
    ("front", "coefficients", "says"),
    [({"log": False}, 10, "log=False"), ({"channels": 257}, 10, "channels=257"), ({}, 0, "coefficients=0"),
     ({}, 41, "coefficients=41"), ({}, 2.0, "coefficients=2.0")],
)  # fmt: skip
def test_settings_that_cannot_be_computed_are_refused(front, coefficients, says):
    with pytest.raises(InputError, match=f"^{says}: "):
        Mfcc(LogMel(**front), coefficients)


def test_the_loudest_features_give_coefficients_of_16_bits():
    front = LogMel(channels=256)
    loudest = np.full(256, 64 * np.log(2**32))
    assert np.abs(loudest @ Mfcc(front, 256).cosines.T / 2**14).max() < 32767
