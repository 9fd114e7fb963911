"""The log-mel front end: Python against the package pymicro-features, and C against Python, value by value."""

from __future__ import annotations

import ctypes
import ctypes.util
import decimal
import subprocess

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from benchmarks.semihosting import CPUS
from microgen.errors import InputError
from microgen.preprocessing import exact, mfcc
from microgen.preprocessing.log_mel import LogMel, to_int16
from microgen.preprocessing.mfcc import Mfcc
from microgen.preprocessing.tables import log_segments, tables
from tests.support.audio import signals
from tests.support.tools import needs, needs_cpu

from . import c_logmel, compare

SECONDS = 2
RATE = 16000


@pytest.fixture(scope="module")
def whole():
    """All signals, one after another: the state of one is the start of the next."""
    return np.concatenate(list(signals(RATE // 2).values()))


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """Programs that take any tables, with both ways of computing a root."""
    needs("gcc", "gcc")
    made = []
    for flag in ("-ULOGMEL_DIVIDES", "-DLOGMEL_DIVIDES"):
        folder = tmp_path_factory.mktemp("any")
        made.append(c_logmel.compile_any(folder, ["gcc", "-O1", "-g", flag, *c_logmel.SANITIZERS]))
    return made


@pytest.mark.parametrize("name", signals(1))
def test_features_are_those_of_pymicro_features(name):
    pytest.importorskip("pymicro_features", reason="pymicro-features is not installed (extra dev)")
    if not _libm_is_that_of_the_tables():
        pytest.skip("log1pf of this machine's libm, with which pymicro-features makes its mel weights, is another")
    samples = signals(SECONDS * RATE)[name]
    frames = LogMel().frames(samples)
    assert frames.shape == (198, 40) and np.array_equal(frames, compare.pymicro(samples))
    assert frames.any() == (name not in ("silence",)), "a signal that leads to zeros tests nothing"


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(4, 39), st.floats(0.01, 0.9))
def test_a_tone_is_loudest_in_its_mel_channel(channel, amplitude):
    front = LogMel(noise_reduction=False, pcan=False)
    low, high = (1127 * np.log1p(f / 700) for f in (front.low_hz, front.high_hz))
    hertz = 700 * np.expm1((low + (channel + 1) * (high - low) / (front.channels + 1)) / 1127)
    tone = amplitude * np.sin(2 * np.pi * hertz * np.arange(4000) / front.sample_rate)
    frames = front.frames(to_int16(tone)).astype(int)
    assert frames.shape == (23, 40) and (np.abs(frames.argmax(axis=1) - channel) <= 1).all()
    # 64 ln(x): half the amplitude is 64 ln 2 less.
    half = front.frames(to_int16(tone / 2))[:, channel]
    np.testing.assert_allclose(half, frames[:, channel] - 64 * np.log(2), atol=2)


@st.composite
def fronts(draw):
    rate = draw(st.sampled_from([8000, 11025, 16000, 22050, 44100]))
    window = draw(st.integers(3, min(60, 1000 * 1024 // rate)))
    low = draw(st.floats(0, 500))
    try:
        return LogMel(
            sample_rate=rate,
            window_ms=window,
            step_ms=draw(st.integers(1, window)),
            channels=draw(st.integers(1, 80)),
            low_hz=low,
            high_hz=draw(st.floats(low + 100, rate / 2 - 1)),
            noise_reduction=draw(st.booleans()),
            even_smoothing=draw(st.floats(0, 1)),
            odd_smoothing=draw(st.floats(0, 1)),
            min_signal_remaining=draw(st.floats(0, 1)),
            pcan=draw(st.booleans()),
            pcan_strength=draw(st.floats(0, 1.2)),
            pcan_offset=draw(st.floats(1, 200)),
            log=draw(st.booleans()),
        )
    except InputError:
        assume(False)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(front=fronts(), name=st.sampled_from(sorted(signals(1))), dc=st.integers(-3000, 3000))
def test_c_is_python_with_any_settings(programs, front, name, dc):
    samples = signals(6 * front.window + 5 * front.step, front.sample_rate)[name]
    samples = np.clip(samples.astype(int) + dc, -32768, 32767).astype(np.int16)
    wanted = front.frames(samples)
    for program in programs:
        assert np.array_equal(c_logmel.frames_of(program, front, samples), wanted)


@pytest.mark.parametrize(
    "command",
    ["gcc -O3 -march=native -ffast-math", "gcc -Os -fwrapv -flto -m32", "gcc -O0 -funsigned-char", "clang -O2"],
)
def test_c_is_python_with_any_compiler_and_flags(tmp_path, whole, command):
    needs(command.split()[0], command.split()[0])
    if "-m32" in command and not _compiles_32_bits(tmp_path):
        command = command.replace(" -m32", "")
    program = c_logmel.compile_stream(tmp_path, LogMel(), command.split())
    assert np.array_equal(c_logmel.frames(program, whole, 40), LogMel().frames(whole))


@pytest.mark.parametrize("command", [*(c.compile for c in CPUS.values()), "gcc", "clang"])
def test_compilers_have_nothing_to_say(tmp_path, command):
    needs(command.split()[0], command.split()[0])
    assert not c_logmel.complaint(tmp_path, f"{command} -O2")


@pytest.mark.parametrize("name", CPUS)
def test_c_is_python_on_emulated_cpus(tmp_path, whole, name):
    needs_cpu(CPUS[name].board_cpu)
    for k, front in enumerate([LogMel(), LogMel(sample_rate=8000, window_ms=25, step_ms=25, channels=7, high_hz=3500)]):
        folder = tmp_path / str(k)
        folder.mkdir()
        found = c_logmel.emulated_frames(folder, front, CPUS[name], ("-O2", "-Os")[k], whole)
        assert np.array_equal(found, front.frames(whole))


def test_emitted_state_is_that_of_the_settings():
    plain = LogMel(noise_reduction=False, pcan=False).emit("plain")
    assert set(plain) == {"plain.h", "plain.c"}
    assert "noise" not in plain["plain.c"].replace("noise_reduction", "") and ".gains = 0" in plain["plain.c"]
    assert "RAM 2004 bytes" in plain["plain.h"] and "RAM 2164 bytes" in LogMel().emit()["front_end.h"]
    assert LogMel().emit() == LogMel().emit()


@pytest.mark.parametrize(
    "name", ["a" * 64, "a b", "", "1st", "_a", "while", "class", "logmel", "LogMel_a", "mfcc", "mfcc_tables"]
)
def test_a_name_that_c_cannot_have_is_refused(name):
    with pytest.raises(InputError, match=f"^name={name}: "):
        LogMel().emit(name)


def test_what_is_emitted_twice_goes_into_one_firmware(tmp_path):
    """Whatever the names: those of the tables begin with them."""
    needs("gcc", "gcc")
    emitted = {**Mfcc(LogMel()).emit("tables"), **LogMel(channels=7).emit("history")}
    for name, text in emitted.items():
        (tmp_path / name).write_text(text)
    one = "".join(f'#include "{name}"\n' for name in emitted if name.endswith(".c"))
    (tmp_path / "all.c").write_text(one)
    command = ["gcc", "-std=c11", *c_logmel.WARNINGS, f"-I{c_logmel.CODE}", "-fsyntax-only", "all.c"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr


def test_tables_are_those_of_any_decimal_context():
    made = LogMel(channels=11).emit()
    digits = log_segments().tolist(), Mfcc(LogMel(), 3).cosines.tolist()
    for cached in (tables, log_segments, mfcc._cosines):
        cached.cache_clear()
    coarse = decimal.Context(prec=3, rounding=decimal.ROUND_UP, Emax=2, traps=list(decimal.Context().traps))
    with decimal.localcontext(coarse):
        assert LogMel(channels=11).emit() == made
        assert (log_segments().tolist(), Mfcc(LogMel(), 3).cosines.tolist()) == digits


@pytest.mark.parametrize(
    ("option", "value"),
    [("sample_rate", 16000.0), ("window_ms", np.int16(30)), ("step_ms", 10.5), ("channels", True),
     ("sample_rate", 0), ("window_ms", 0), ("window_ms", 600), ("step_ms", 0), ("step_ms", 31), ("channels", 0),
     ("low_hz", -1), ("low_hz", float("nan")), ("high_hz", 100), ("high_hz", 125.0),
     ("odd_smoothing", 1.1),
     ("even_smoothing", -0.1), ("min_signal_remaining", -0.1), ("pcan_strength", 10.5), ("pcan_offset", 1e10),
     ("high_hz", 8000.5), ("mel", "bark"),
     ("even_smoothing", 1.1), ("odd_smoothing", -0.1), ("min_signal_remaining", 2), ("pcan_strength", -1),
     ("pcan_offset", 0)],
)  # fmt: skip
def test_settings_that_cannot_be_computed_are_refused(option, value):
    with pytest.raises(InputError, match=f"^{option}={value}: "):
        LogMel(**{option: value})


def test_windows_have_16_to_8192_samples():
    for window_ms, is_allowed in ((15, False), (16, True), (8192, True), (8193, False)):
        settings = {"sample_rate": 1000, "window_ms": window_ms, "high_hz": 500.0, "pcan": False}
        if is_allowed:
            assert LogMel(**settings).window == window_ms
            continue
        with pytest.raises(InputError, match=f"^window_ms={window_ms}: ") as caught:
            LogMel(**settings)
        assert "16 to 8192 samples" in caught.value.hint


def test_samples_of_another_type_are_refused():
    for samples, hint in (
        (np.zeros(480), "to_int16"), ([0] * 480, "to_int16"), (np.zeros((2, 480), np.int16), "one channel"),
    ):  # fmt: skip
        with pytest.raises(InputError) as refused:
            LogMel().frames(samples)
        assert hint in refused.value.hint
    with pytest.raises(InputError):
        to_int16([0, float("nan")])
    assert to_int16([-2, -1, 0, 0.5, 1]).tolist() == [-32768, -32768, 0, 16384, 32767]
    for count, frames in ((479, 0), (480, 1), (639, 1), (640, 2)):
        assert LogMel().frames(np.zeros(count, np.int16)).shape == (frames, 40)
        assert LogMel().samples_of(frames) <= count or not frames


def test_tables_are_close_to_the_exact_numbers():
    front = LogMel()
    made = tables(front)
    k = np.arange(480)
    np.testing.assert_allclose(made.window, 4096 * (0.5 - 0.5 * np.cos(2 * np.pi * (k + 0.5) / 480)), atol=0.51)
    turn = np.exp(-2j * np.pi * np.arange(192) / 256) * 32767
    np.testing.assert_allclose(made.twiddles[:, 0] + 1j * made.twiddles[:, 1], turn, atol=0.75)
    assert sorted(made.place) == list(range(256)) and made.widths.sum() == len(made.weights)
    i = np.arange(129) / 128
    np.testing.assert_allclose(log_segments()[:129], 65536 * (np.log2(1 + i) - i), atol=0.51)


def test_gains_end_at_15_bits():
    gains = tables(LogMel(pcan_offset=1.0)).gains
    starts = gains[2::4]  # of each bit length
    assert gains[0] == gains.max() == starts[0] == 32767 > starts[-1] >= 0 and (np.diff(starts) <= 0).all()


def test_log1p_is_close_to_the_exact_one():
    x = np.geomspace(1e-9, 1e9, 500).astype(np.float32)
    np.testing.assert_allclose([exact.log1p(v) for v in x], np.log1p(x.astype(np.float64)), rtol=1.2e-7)
    assert exact.log1p(np.float32(0)) == 0


def _libm_is_that_of_the_tables():
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    libm.log1pf.argtypes, libm.log1pf.restype = [ctypes.c_float], ctypes.c_float
    bins = np.arange(241, dtype=np.float32) * np.float32(31.25) / np.float32(700)
    return all(libm.log1pf(float(x)) == float(exact.log1p(x)) for x in bins)


def _compiles_32_bits(folder):
    (folder / "main.c").write_text("#include <stdint.h>\n#include <string.h>\nint main(void) { return 0; }\n")
    done = subprocess.run(["gcc", "-m32", "main.c", "-o", "main"], cwd=folder, capture_output=True)
    return done.returncode == 0
