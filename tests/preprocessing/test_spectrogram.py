"""Mel spectrograms in decibels: Python against the formula in floating point, and C against Python, value by value."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.semihosting import CPUS
from microgen.errors import InputError
from microgen.preprocessing import exact
from microgen.preprocessing.log_mel import LogMel
from microgen.preprocessing.spectrogram import DECIBEL, Spectrogram
from tests.support.audio import signals
from tests.support.tools import needs, needs_cpu

from . import c_logmel

# That of MLPerf Tiny's anomaly detection.
FRONT = LogMel(
    window_ms=64, step_ms=32, channels=128, low_hz=0, high_hz=8000, noise_reduction=False, pcan=False, mel="slaney"
)


@pytest.fixture(scope="module")
def whole():
    return np.concatenate(list(signals(2000).values()))


def slaney(hertz: np.ndarray) -> np.ndarray:
    return np.where(hertz < 1000, 3 * hertz / 200, 15 + 27 * np.log(np.maximum(hertz, 1) / 1000) / np.log(6.4))


def hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15, 200 * mel / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def decibels(samples: np.ndarray) -> np.ndarray:
    """librosa.feature.melspectrogram(y, 16000, n_fft=1024, hop_length=512, center=False) in decibels, written anew."""
    edges = hertz(np.linspace(0, slaney(np.array(8000.0)), 130))
    bins = np.arange(513) * 16000 / 1024
    up = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])[:, None]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32768, 1024)[::512]
    return 10 * np.log10(np.abs(np.fft.rfft(frames * window)) ** 2 @ filters.T + np.finfo(float).eps)


def test_levels_are_those_of_the_formula():
    rng = np.random.default_rng(0)
    for loud in (3000, 300):
        samples = (loud * rng.normal(0, 1, 16000)).astype(np.int16)
        found = Spectrogram(FRONT).frames(samples) / DECIBEL
        assert found.shape == (30, 128) and np.abs(found - decibels(samples)).max() < 0.6
        assert np.abs(found - decibels(samples)).mean() < 0.1


def test_frequencies_of_slaney_s_scale_are_those_of_the_formula():
    places = np.array([0, 1, 999, 1000, 1001, 7999], np.float32)
    np.testing.assert_allclose([exact.slaney(f) for f in places], slaney(places.astype(float)), rtol=1e-7)
    for mel in (0.5, 14.99, 15, 40):
        assert float(exact.hertz_of_slaney(exact.Decimal(mel))) == pytest.approx(float(hertz(np.array(mel))))
    assert float(exact.hertz_of_htk(exact.Decimal(1127))) == pytest.approx(700 * (np.e - 1))


def test_c_is_python(tmp_path, whole):
    needs("gcc", "gcc")
    program = c_logmel.compile_stream(tmp_path, Spectrogram(FRONT), ["gcc", "-O1", *c_logmel.SANITIZERS])
    expected = Spectrogram(FRONT).frames(whole)
    assert np.array_equal(c_logmel.frames(program, whole, 128, np.int16), expected) and expected.min() < -500


@pytest.mark.parametrize("name", CPUS)
def test_c_is_python_on_emulated_cpus(tmp_path, whole, name):
    needs_cpu(CPUS[name].board_cpu)
    found = c_logmel.emulated_frames(tmp_path, Spectrogram(FRONT), CPUS[name], "-O2", whole)
    assert np.array_equal(found, Spectrogram(FRONT).frames(whole))


def test_a_front_end_without_logarithm_is_refused():
    with pytest.raises(InputError, match=r"^log=False: "):
        Spectrogram(LogMel(log=False))
