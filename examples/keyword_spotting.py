"""Keyword spotting: train on spoken words, build a firmware, and let it hear a WAV file.

python examples/keyword_spotting.py [--board NAME] [--epochs N] [--wav FILE]

Without a WAV file (16 kHz, mono, 16 bits) espeak-ng says "stop".
"""

import argparse
import subprocess
import wave

import numpy as np
from scipy.signal import resample_poly

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="esp32s3")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
parser.add_argument("--wav")
options = parser.parse_args()

trained = microgen.train("keyword", out="keyword", board=options.board, epochs=options.epochs)
print(f"accuracy: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)
print(result.project, result.verdict.summary())

if not options.wav:
    subprocess.run(["espeak-ng", "-v", "en-us+f1", "-s", "150", "-w", "stop.wav", "stop"], check=True)
with wave.open(options.wav or "stop.wav") as file:
    rate = file.getframerate()
    heard = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768

# What the firmware has to do with its microphone's samples.
front_end = microgen.LogMel(step_ms=20, noise_reduction=False, pcan=False)
second = np.random.default_rng(0).normal(0, 1e-3, front_end.samples_of(49))  # a quiet room
spoken = resample_poly(heard, front_end.sample_rate, rate)[: len(second) - 1000]
second[1000 : 1000 + len(spoken)] += spoken
frames = front_end.frames(microgen.to_int16(second)).astype(np.float32).reshape(1, 49, 40, 1)
[prediction] = microgen.predict(result.project, frames)
print(f"the firmware hears '{prediction.label}' ({prediction.outputs[0].max():.2f})")
