"""A Keras model of your own: train it as ever, then hand it over together with some of its training data.

python examples/own_keras_model.py [--board NAME] [--epochs N]
"""

import argparse

import keras
import numpy as np
from sklearn.datasets import load_digits

import microgen

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--board", default="pico")
parser.add_argument("--epochs", type=int, default=15)
options = parser.parse_args()

digits = load_digits()  # your data: 8x8 images, 0 to 16
x, y = (digits.images[..., None] / 16).astype(np.float32), digits.target
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        keras.Input((8, 8, 1), name="image"),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x[:1500], y[:1500], epochs=options.epochs, verbose=0)
print(f"accuracy in float: {model.evaluate(x[1500:], y[1500:], verbose=0)[1]:.3f}")

labels = [f"digit {k}" for k in range(10)]
result = microgen.build(model, options.board, name="mine", calibration=x[:300], labels=labels)
print(result.project, result.verdict.summary())

predictions = microgen.predict(result.project, x[1500:])
right = sum(prediction.label == labels[digit] for prediction, digit in zip(predictions, y[1500:], strict=True))
print(f"accuracy of the firmware: {right / len(predictions):.3f}")
