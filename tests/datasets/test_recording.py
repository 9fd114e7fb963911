"""WAV files in place of a microphone: what is done to them is said."""

from __future__ import annotations

import struct
import wave

import numpy as np
import pytest

from microgen.datasets.recording import read_sound, resample
from microgen.errors import InputError


def write(path, values, rate=16000, width=2, channels=1):
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(channels)
        stream.setsampwidth(width)
        stream.setframerate(rate)
        stream.writeframes(np.asarray(values, {1: np.uint8, 2: "<i2", 4: "<i4"}[width]).tobytes())
    return path


def sine(hz, rate, seconds=0.5, size=8000.0):
    return size * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def test_samples_at_the_wanted_rate_stay_as_they_are(tmp_path):
    values = np.arange(-20000, 20000, 7)
    read = read_sound(write(tmp_path / "a.wav", values), 16000)
    assert (read.values[:, 0] == values).all() and read.notes == () and read.values.dtype == np.int16
    assert read.seconds == len(values) / 16000


@pytest.mark.parametrize(("rate", "wanted"), [(22050, 16000), (8000, 16000), (48000, 16000), (44100, 8000)])
def test_another_rate_is_resampled_with_a_word(tmp_path, rate, wanted):
    read = read_sound(write(tmp_path / "a.wav", sine(440, rate), rate), wanted)
    found = read.values[400:-400, 0]
    expected = sine(440, wanted)[400 : 400 + len(found)]
    assert np.abs(found - expected).max() < 8 and abs(read.seconds - 0.5) < 1e-3
    assert read.notes == (f"resampled: from {rate:,} to {wanted:,} Hz",)


def test_what_the_lower_rate_cannot_have_is_taken_away():
    assert np.abs(resample(sine(11000, 44100, size=1), 44100, 16000)[300:-300]).max() < 1e-3


def test_what_is_wrong_with_a_recording_is_said(tmp_path):
    stereo = np.stack([sine(440, 16000), np.zeros(8000)], 1)
    read = read_sound(write(tmp_path / "a.wav", stereo, channels=2), 16000)
    assert read.notes == ("mixed: 2 channels into one",) and read.values.shape == (8000, 1)
    loud = np.clip(sine(440, 16000, size=60000), -32768, 32767)
    assert read_sound(write(tmp_path / "a.wav", loud), 16000).notes[0].startswith("clipped: ")
    assert read_sound(write(tmp_path / "a.wav", np.ones(800)), 16000).notes[0].startswith("silent: ")
    data = write(tmp_path / "a.wav", sine(440, 16000)).read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: len(data) // 2])
    assert read_sound(tmp_path / "a.wav", 16000).notes == (
        "truncated: 0.50 s according to its header, 0.25 s in the file",
    )
    # As programs write into a pipe: the length is not known.
    (tmp_path / "a.wav").write_bytes(data[:40] + struct.pack("<I", 0x7FFFF000) + data[44:])
    assert read_sound(tmp_path / "a.wav", 16000).notes == ()


def test_what_is_no_recording_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    for data in (b"", b"RIFF", bytes(100), b"RIFF\0\0\0\0WAVEfmt "):
        path.write_bytes(data)
        with pytest.raises(InputError, match="not a WAV file"):
            read_sound(path, 16000)
    write(path, [])
    with pytest.raises(InputError, match="has no samples"):
        read_sound(path, 16000)
    write(path, np.zeros(3601), rate=1)
    with pytest.raises(InputError, match="at most 3,600 s"):
        read_sound(path, 16000)
    for missing in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(InputError):
            read_sound(missing, 16000)
