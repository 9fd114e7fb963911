"""Motions of a wrist: train on accelerometer and gyroscope, build a firmware, and let it tell motions apart.

python examples/gesture.py [--board NAME] [--epochs N]
"""

import argparse

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="nano33ble")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
options = parser.parse_args()

trained = microgen.train("gesture", out="gesture", board=options.board, epochs=options.epochs)
print(f"accuracy: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)
print(result.project, result.verdict.summary())

held_out = trained.recipe.data(trained.seed)
windows, motions = held_out.test_x[::12], held_out.test_y[::12]
for motion, prediction in zip(motions, microgen.predict(result.project, windows), strict=True):
    print(f"{trained.recipe.labels[motion]}: the firmware says {prediction.label}, in {prediction.time_us} us here")
