"""MLPerf Tiny's keyword spotting model on its own features and on microgen's: `python -m benchmarks.mfcc`.

The model hears ten words, each spoken by four voices of espeak-ng, once from the features that MLPerf Tiny's reference
computes with tf.signal in floating point, and once from those of `microgen.Mfcc` in integers.
"""

from __future__ import annotations

import io
import os
import subprocess
import wave

import numpy as np
import numpy.typing as npt

import microgen
from microgen import workers
from microgen.tflite import load
from microgen.workers import tflm

from .models import SHARED

MODEL = SHARED / "kws_ref_model.tflite"
WORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
VOICES = ("en-us+m1", "en-us+f2", "en-gb+m3", "en-us+f4")
FRONT = microgen.LogMel(step_ms=20, low_hz=20, high_hz=4000, noise_reduction=False, pcan=False)
# 16-bit samples are 32768 times those of -1 to 1, in each of the 40 channels.
LEVEL = np.log(32768) * np.sqrt(2 / 40) * 40
Floats = npt.NDArray[np.float64]


def spoken(word: str, voice: str, rng: np.random.Generator) -> Floats:
    """Return a word in the middle of a second of quiet noise, the loudest sample 1."""
    from scipy.signal import resample_poly

    command = ["espeak-ng", "--stdout", "-v", voice, "-s", "140", word]
    with wave.open(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout)) as stream:
        rate, data = stream.getframerate(), stream.readframes(2**20)
    heard = resample_poly(np.frombuffer(data, "<i2") / 32768, 16000, rate)[:15000]
    second = rng.normal(0, 1e-3, 16000)
    start = (16000 - len(heard)) // 2
    second[start : start + len(heard)] += heard
    return np.asarray(second / np.abs(second).max())


def reference(second: Floats) -> Floats:
    """Return MLPerf Tiny's features, [49, 10]."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    spectra = tf.abs(tf.signal.stft(tf.constant(second, tf.float32), 480, 320, 512, tf.signal.hann_window))
    mel = tf.matmul(spectra, tf.signal.linear_to_mel_weight_matrix(40, 257, 16000, 20.0, 4000.0))
    found = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(mel + 1e-6))[:, :10]
    return np.asarray(found.numpy(), np.float64)


def own(second: Floats) -> Floats:
    """Return microgen's features, [49, 10], in the same units."""
    found = microgen.Mfcc(FRONT, 10).frames(microgen.to_int16(second)) / 64
    found[:, 0] -= LEVEL
    return np.asarray(found, np.float64)


def main() -> None:
    """Compare."""
    model = load(MODEL)
    rng = np.random.default_rng(0)
    seconds = [spoken(word, voice, rng) for word in WORDS for voice in VOICES]
    heard, features = [], []
    for compute in (reference, own):
        features.append(np.array([compute(second) for second in seconds]))
        scale, zero = model.inputs[0].scale, model.inputs[0].zero_point
        samples = np.clip(np.rint(features[-1] / scale) + zero, -128, 127).astype(np.int8)
        request = tflm.RunRequest(model.data, (samples.reshape(len(seconds), *model.inputs[0].shape),), 1 << 20)
        heard.append(workers.run(workers.TFLM, tflm.run, request).outputs[0].reshape(len(seconds), -1).argmax(axis=1))
    # The labels of the model begin with the words, in this order.
    right = np.repeat(np.arange(len(WORDS)), len(VOICES))
    print(f"of {len(seconds)}: heard the same {(heard[0] == heard[1]).sum()}, right from MLPerf Tiny's features "
          f"{(heard[0] == right).sum()}, from microgen's {(heard[1] == right).sum()}")  # fmt: skip
    print("mean difference of each coefficient:", np.abs(features[0] - features[1]).mean(axis=(0, 1)).round(2))


if __name__ == "__main__":
    main()
