"""Commands to intents: train on phrases, build a firmware, and let it understand what is typed.

python examples/text.py [--board NAME] [--epochs N] [PHRASE ...]
"""

import argparse

import numpy as np

import microgen
from microgen.recipes.text import features

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("phrase", nargs="*", default=["turn on the lights", "make it louder", "will it rain tomorow"])
parser.add_argument("--board", default="pico")
parser.add_argument("--epochs", type=int, help="fewer than the recipe's own number, for a quick try")
options = parser.parse_args()

trained = microgen.train("text", out="text", board=options.board, epochs=options.epochs)
print(f"accuracy: {trained.float_score:.3f} in float, {trained.tflm_score:.3f} in TFLM")

result = microgen.build(trained.quantized, options.board)
print(result.project, result.verdict.summary())

hashed = np.stack([features(phrase) for phrase in options.phrase])
for phrase, prediction in zip(options.phrase, microgen.predict(result.project, hashed), strict=True):
    print(f"'{phrase}': {prediction.label} ({prediction.outputs[0].max():.2f})")
