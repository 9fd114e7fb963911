"""MLPerf Tiny's anomaly detection on librosa's features and on microgen's: `python -m benchmarks.spectrogram`.

The model reconstructs stacks of five frames of noise and of a hum, once from the levels that librosa's formula gives in
floating point, and once from those of `microgen.Spectrogram` in integers.
"""

from __future__ import annotations

import numpy as np

import microgen
from microgen import workers
from microgen.preprocessing.spectrogram import DECIBEL
from microgen.support.metrics import reconstruction_error
from microgen.tflite import load
from microgen.verification import quantize_samples, real_values
from microgen.workers import tflm
from tests.preprocessing.test_spectrogram import FRONT, decibels

from .models import SHARED

MODEL = SHARED / "ad01_int8.tflite"
_STACKED = 5


def sounds() -> dict[str, microgen.preprocessing.log_mel.Samples]:
    """Return four seconds of each sound, as 16-bit samples."""
    rng = np.random.default_rng(0)
    count = 64_000
    seconds = np.arange(count) / 16000
    spectrum = np.fft.rfft(rng.normal(size=count)) / np.sqrt(np.maximum(np.arange(count // 2 + 1), 50))
    pink = np.fft.irfft(spectrum, count)
    pink /= pink.std()
    hum = sum(np.sin(2 * np.pi * 120 * k * seconds) / k for k in range(1, 12))
    made = {
        "pink noise": 0.1 * pink,
        "quiet pink noise": 0.01 * pink,
        "white noise": 0.1 * rng.normal(size=count),
        "hum": 0.15 * hum + 0.003 * pink,
    }
    return {name: microgen.to_int16(sound) for name, sound in made.items()}


def main() -> None:
    """Compare."""
    model = load(MODEL)
    for name, samples in sounds().items():
        levels = decibels(samples), microgen.Spectrogram(FRONT).frames(samples) / DECIBEL
        off = np.abs(levels[1] - levels[0])
        errors = []
        for frames in levels:
            stacks = np.lib.stride_tricks.sliding_window_view(frames, _STACKED, axis=0).transpose(0, 2, 1)
            inputs = quantize_samples(model, [stacks.reshape(len(stacks), *model.inputs[0].shape)])
            answers = workers.run(workers.TFLM, tflm.run, tflm.RunRequest(model.data, inputs, 1 << 20))
            given, made = (real_values(t, a) for t, a in zip((*model.inputs, *model.outputs),
                                                             (inputs[0], answers.outputs[0]), strict=True))  # fmt: skip
            errors.append(reconstruction_error(made, given).mean())
        print(f"{name}: off by {off.mean():.2f} dB, at most {off.max():.1f}; mean squared error of the "
              f"reconstruction {errors[0]:.1f} from librosa's, {errors[1]:.1f} from microgen's")  # fmt: skip


if __name__ == "__main__":
    main()
