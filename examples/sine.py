"""Sine wave: train, build a firmware, and ask it for the sine of a few angles.

python examples/sine.py [--board NAME] [--epochs N]
"""

import argparse
import math

import numpy as np

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="esp32")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
options = parser.parse_args()

trained = microgen.train("sine", out="sine", board=options.board, epochs=options.epochs)
print(f"mean absolute error: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)
print(result.project, result.verdict.summary())

angles = np.linspace(0, 2 * math.pi, 9, endpoint=False, dtype=np.float32).reshape(-1, 1)
for [angle], prediction in zip(angles, microgen.predict(result.project, angles), strict=True):
    print(f"sin({angle:.2f}) = {math.sin(angle):5.2f}, the firmware says {prediction.outputs[0][0]:5.2f}")
