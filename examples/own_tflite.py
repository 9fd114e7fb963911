"""A quantized .tflite of your own: does it fit, on which board, and what does its firmware answer?

python examples/own_tflite.py MODEL.tflite [--board NAME]
"""

import argparse

import numpy as np

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("model", help="full int8: weights, activations, inputs and outputs")
parser.add_argument("--board", default="pico")
options = parser.parse_args()

for board in microgen.list_boards():
    fit = microgen.inspect(options.model, board.name).fit
    sizes = ", ".join(f"{m.name} {m.bytes:,} of {m.limit_bytes:,}" for m in fit.memories)
    print(f"{board.name:15} {fit.outcome}: {sizes}")

try:
    result = microgen.build(options.model, options.board)
except microgen.MicrogenError as error:
    raise SystemExit(f"{error.message}\n{error.hint}") from None
print(result.project, result.verdict.summary())

model = microgen.load(options.model)
zeros = [np.zeros((1, *tensor.shape[1:]), np.float32) for tensor in model.inputs]
[prediction] = microgen.predict(result.project, zeros)
for tensor, values in zip(model.outputs, prediction.outputs, strict=True):
    print(f"{tensor.name}: {np.round(values, 3)}")
