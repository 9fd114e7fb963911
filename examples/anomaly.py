"""Faults in a signal: train an autoencoder on a normal signal, build a firmware, and let it find faults.

python examples/anomaly.py [--board NAME] [--epochs N]
"""

import argparse

import numpy as np

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="nucleo-f446re")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
options = parser.parse_args()

trained = microgen.train("anomaly", out="anomaly", board=options.board, epochs=options.epochs)
print(f"AUC: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)
print(result.project, result.verdict.summary())

# The firmware compares with this figure; microgen.json has it under source.parameters.
threshold = trained.parameters["threshold"]
held_out = trained.recipe.data(trained.seed)
windows, faults = held_out.test_x[:10], held_out.test_y[:10]
for window, fault, prediction in zip(windows, faults, microgen.predict(result.project, windows), strict=True):
    error = float(np.mean((prediction.outputs[0] - window) ** 2))
    print(f"{'faulty' if fault else 'normal'}: error {error:.3f}, {'ALARM' if error > threshold else 'fine'}")
