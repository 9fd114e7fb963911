"""Windows of a motion sensor: C against Python, value by value, and both against what NumPy's floats say."""

from __future__ import annotations

import ctypes
import subprocess

import numpy as np
import pytest

from microgen import Window
from microgen.errors import InputError
from microgen.support import resources
from tests.support.tools import needs

CODE = resources.path("firmware") / "preprocessing"
PLAIN = {"rate_hz": 20, "length": 12, "stride": 5}
SETTINGS = (
    PLAIN,
    {**PLAIN, "acceleration": "m/s2", "detrend": "mean"},
    {**PLAIN, "rotation": "rad/s", "detrend": "line", "low_pass_hz": 3},
    {**PLAIN, "acceleration": "", "rotation": "deg/s", "scale": (0.01, -2, 30), "offset": (5, 0.1, -7)},
    {**PLAIN, "length": 1, "stride": 1, "detrend": "line", "scale": (1000, 1, 1)},
    {**PLAIN, "scale": (131_000, -131_000, 131_000), "offset": (-16, -16, 16)},  # more than 32 bits hold
    {**PLAIN, "length": 1024, "stride": 1024, "detrend": "line", "low_pass_hz": 9.9},
)


def signal(axes: int, moments: int = 2100) -> np.ndarray:
    """16-bit values of every kind: noise, steps, ramps, the ends of the range."""
    rng = np.random.default_rng(5)
    values = rng.integers(-32768, 32768, (moments, axes), np.int16)
    values[100:200] = rng.choice([-32768, 32767], (100, axes))
    values[200:300] = np.arange(-50, 50)[:, None] * 7
    values[300:400] = 4096
    return values


def computed(library: ctypes.CDLL, window: Window, values: np.ndarray) -> np.ndarray:
    """The same windows by the C code."""
    numbers = np.zeros((window.length, window.axes), np.int32)
    found = []
    library.reset()
    for moment in values:
        if library.feed(moment.ctypes.data_as(ctypes.c_void_p), numbers.ctypes.data_as(ctypes.c_void_p)):
            found.append(numbers.copy())
    return np.array(found, np.int32).reshape(-1, window.length, window.axes)


@pytest.mark.parametrize("settings", SETTINGS)
def test_c_is_python(tmp_path, settings):
    needs("gcc", "gcc")
    window = Window(**settings)
    for name, text in window.emit("motion").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "feed.c").write_text(
        '#include "motion.h"\n'
        "void reset(void) { window_reset(&motion); }\n"
        "int feed(const int16_t* values, int32_t* numbers) { return window_process(&motion, values, numbers); }\n"
    )
    flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Werror"]
    undefined = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]
    sources = [tmp_path / "feed.c", tmp_path / "motion.c", CODE / "window.c"]
    library = tmp_path / "motion.so"
    subprocess.run(["gcc", *flags, *undefined, f"-I{CODE}", f"-I{tmp_path}", *sources, "-o", library], check=True)
    values = signal(window.axes)
    loaded = ctypes.CDLL(str(library))
    expected = window.windows(values)
    assert len(expected) == (len(values) - window.length) // window.stride + 1
    for _ in range(2):  # from the start again
        assert np.array_equal(computed(loaded, window, values), expected)


def test_numbers_are_those_of_floats():
    rng = np.random.default_rng(1)
    measured = rng.normal(0, 1, (200, 6)) * [1, 1, 1, 100, 100, 100] + 0.5
    window = Window(
        20, 40, 10, rotation="deg/s", detrend="line", offset=(0, 0, 0, 3, 3, 3), scale=(1, 1, 1, 0.01, 0.02, 0.5)
    )
    values = window.to_counts(measured)
    found = window.windows(values) / 1024
    t = np.arange(40)
    for k, window_found in enumerate(found):
        part = values[10 * k : 10 * k + 40] / np.asarray(window.counts)
        line = np.array([np.polyval(np.polyfit(t, axis, 1), t) for axis in part.T]).T
        expected = (part - line - np.asarray(window.offset)) * np.asarray(window.scale)
        assert np.abs(window_found - expected).max() < 2e-3
    assert window.windows(values[:39]).shape == (0, 40, 6)


def test_units_are_those_of_physics():
    window = Window(acceleration="m/s2", rotation="rad/s")
    found = window.to_counts([[9.80665, 0, -9.80665, np.pi, 0, -np.pi / 180]])
    assert found.tolist() == [[4096, 0, -4096, 180 * 16, 0, -16]], "g and degrees a second in counts"
    assert window.multipliers.tolist() == [round(16384 * 9.80665)] * 3 + [round(1024 * 4096 * np.pi / 180)] * 3
    assert Window().multipliers.tolist() == [16384] * 3
    assert Window(offset=(0.5, 1, -2), scale=(1, 3, 1)).offsets.tolist() == [-512, -3072, 2048]


def test_as_many_moments_as_a_window_has_are_one():
    assert Window(length=9, stride=4).windows(np.zeros((9, 3), np.int16)).shape == (1, 9, 3)


def test_what_is_beyond_the_counts_is_clipped():
    found = Window().to_counts([[1e9, -1e9, 1.0], [7.9998, -8.0, 0.5 / 4096]])
    assert found.tolist() == [[32767, -32768, 4096], [32767, -32768, 0]]


def test_the_low_pass_takes_what_is_fast_and_leaves_what_is_slow():
    seconds = np.arange(1000)[:, None] / 100
    slow, fast = (np.tile(np.sin(2 * np.pi * hz * seconds), (1, 3)) for hz in (0.5, 40))
    window = Window(100, 500, 500, low_pass_hz=5)
    left = [np.ptp(window.windows(window.to_counts(x))[1] / 1024) for x in (slow, fast)]
    assert left[0] > 1.9 and left[1] < 0.4
    assert Window(10_000, low_pass_hz=0.01).smoothing == 1, "the slowest low-pass is one, too"
    assert Window(100, low_pass_hz=5).smoothing == round((1 - np.exp(-2 * np.pi * 0.05)) * 65536)


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_hz": 0}, {"rate_hz": 10_001}, {"low_pass_hz": -1}, {"offset": (0.0,) * 6},
        {"length": 0}, {"length": 1025}, {"stride": 101}, {"stride": 0}, {"acceleration": "km"},
        {"rotation": "rpm"}, {"acceleration": ""}, {"low_pass_hz": 25}, {"detrend": "parabola"}, {"scale": (1.0,)},
        {"offset": (1.0, 2.0)}, {"scale": (1e9, 1, 1)}, {"offset": (1e9, 0, 0)},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_computed_are_refused(settings):
    with pytest.raises(InputError):
        Window(**settings)


def test_what_is_no_signal_is_refused():
    window = Window()
    for values in (np.zeros((5, 3)), np.zeros((5, 2), np.int16), np.zeros(5, np.int16)):
        with pytest.raises(InputError):
            window.windows(values)
    for measured in (np.zeros(3), np.zeros((5, 2)), np.full((5, 3), np.nan)):
        with pytest.raises(InputError):
            window.to_counts(measured)
    with pytest.raises(InputError):
        window.emit("window")
