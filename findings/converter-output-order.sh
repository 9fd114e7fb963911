#!/usr/bin/env bash
# TensorFlow's converter gives the outputs of a Keras model another order than the model has.
#
# Versions: tensorflow 2.21.0, keras 3.15.1, ai-edge-litert 2.3.0, Python 3.11.
# Model: one Dense layer that two inputs share (a Siamese network); its outputs are the embeddings of "left" and of
# "right", in this order.
# Input: left 1, right 100, in the order of the model's inputs, which the .tflite keeps.
# Expected: the first output is left's embedding (1), the second right's (100), as model.outputs says.
# Output seen: the first output of the .tflite is right's, the second is left's. Their names are
# "StatefulPartitionedCall_1:1" and "StatefulPartitionedCall_1:0": the numbers at the end are the Keras order, and
# get_output_details() lists them in another one. The signature runner names them output_0 and output_1 correctly.
#
# Why it matters: on a microcontroller outputs have numbers and no names. Two outputs of one shape are exchanged without
# an error. Compare each output with the Keras model before you flash.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 keras==3.15.1 numpy==2.4.6 tensorflow==2.21.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert

left, right = (keras.Input((1,), batch_size=1, name=name) for name in ("left", "right"))
embed = keras.layers.Dense(1, kernel_initializer="ones")
model = keras.Model([left, right], [embed(left), embed(right)])
samples = [np.float32([[1]]), np.float32([[100]])]
in_keras = [np.asarray(value).item() for value in model(samples)]

interpreter = litert.Interpreter(model_content=tf.lite.TFLiteConverter.from_keras_model(model).convert())
interpreter.allocate_tensors()
for detail, sample in zip(interpreter.get_input_details(), samples):
    interpreter.set_tensor(detail["index"], sample)
interpreter.invoke()
outputs = interpreter.get_output_details()
in_tflite = [interpreter.get_tensor(detail["index"]).item() for detail in outputs]
by_name = interpreter.get_signature_runner()(left=samples[0], right=samples[1])
named = {name: value.item() for name, value in sorted(by_name.items())}

for package in ("tensorflow", "keras", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print("inputs of the .tflite:", [detail["name"] for detail in interpreter.get_input_details()])
print("expected outputs, as in Keras:", in_keras)
print("outputs of the .tflite:", in_tflite, [detail["name"] for detail in outputs])
print("outputs by the signature's names:", named)
same = in_keras == [1.0, 100.0] and in_tflite == [100.0, 1.0] and [named["output_0"], named["output_1"]] == in_keras
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
