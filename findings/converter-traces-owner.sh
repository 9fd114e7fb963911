#!/usr/bin/env bash
# TensorFlow's converter to .tflite traces every layer of a Keras model again when the model is given as the owner.
#
# Versions: tensorflow 2.21.0, tf_keras 2.21.0, Python 3.11.
# Model: a tf_keras Sequential of one dense layer, whose call is counted, as a concrete function of batch 1.
# Expected: from_concrete_functions([function], owner) converts the function, so it calls no layer. The argument is
# documented as the object that keeps the variables alive.
# Output seen: with the model as the owner, convert() calls the layer's Python code several times, because it saves the
# whole model as a SavedModel. With a tf.Module that owns the same variables, it never does. Both .tflite files compute
# the same.
#
# Why it matters: each conversion pays for this, and int8 with a float twin pays twice. Two LSTM layers took 11 s of
# processor time with the model as the owner, and 0.9 s with a module of its variables, with equal bytes.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check tensorflow==2.21.0 tf_keras==2.21.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import numpy as np
import tensorflow as tf
import tf_keras

calls = 0


class Counted(tf_keras.layers.Dense):
    def call(self, inputs):
        global calls
        calls += 1
        return super().call(inputs)


def convert(owner):
    """Return the .tflite, and how often converting it called the layer."""
    before = calls
    model = tf.lite.TFLiteConverter.from_concrete_functions([function], owner).convert()
    return model, calls - before


def compute(model):
    interpreter = tf.lite.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.ones((1, 4), np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


for package in ("tensorflow", "tf_keras"):
    print(package, importlib.metadata.version(package))
network = tf_keras.Sequential([tf_keras.Input((4,)), Counted(3)])
function = tf.function(lambda x: network(x, training=False)).get_concrete_function(tf.TensorSpec((1, 4), tf.float32))
variables = tf.Module()
variables.kept = list(network.variables)
(whole, traced), (alone, untraced) = convert(network), convert(variables)
print(f"calls of the layer with the model as the owner: expected 0, seen {traced}")
print(f"calls of the layer with its variables as the owner: expected 0, seen {untraced}")
equal = np.array_equal(compute(whole), compute(alone))
print(f"same outputs: {equal}")
sys.exit(0 if traced > 0 and untraced == 0 and equal else "the behaviour has changed")
END

TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/finding.py" 2>"$folder/log" || { tail -3 "$folder/log"; exit 1; }
