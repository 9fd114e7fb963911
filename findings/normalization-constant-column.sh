#!/usr/bin/env bash
# One constant column in the training data erases every feature from an int8 model with a Keras Normalization layer.
#
# Versions: tensorflow 2.21.0, keras 3.15.1, ai-edge-litert 2.3.0, Python 3.11.
# Model: Normalization, adapted to 200 samples of four columns, and a Dense unit that adds them up. Converted to int8
# with these samples as the representative dataset. Three columns are standard normal; the fourth is always 0.5.
# Expected: the int8 model follows the float model, to a few steps; the constant column adds 0.
# Output seen: the int8 model answers 0.0 to every sample. Keras divides the constant column by 1e-7, its guard against
# a variance of 0. The converter quantizes the four factors (1.03, 1.06, 0.97 and 1e7) as one tensor of one scale,
# 39,216, so that the factors of the three live columns become 0.
# With 1.0 in every second sample of the fourth column, the int8 model follows the float model (correlation above 0.99).
#
# Why it matters: a sensor channel that was not connected, or a switch that nobody moved while data was recorded,
# changes nothing in Keras and in the float .tflite, and leaves an int8 model that does not look at its input. Drop
# constant columns, or set their variance to 1.

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


def convert(model, samples):
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def run(model, samples):
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    entry, answer = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    (scale, zero), (out_scale, out_zero) = entry["quantization"], answer["quantization"]
    for sample in samples:
        steps = np.clip(np.round(sample[None] / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(entry["index"], steps)
        interpreter.invoke()
        yield (interpreter.get_tensor(answer["index"]).item() - out_zero) * out_scale


def compare(column):
    """Return the range of the float model's answers, of the int8 model's, and their correlation (0 if constant)."""
    samples = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    samples[:, 3] = column
    normalization = keras.layers.Normalization()
    normalization.adapt(samples)
    unit = keras.layers.Dense(1, kernel_initializer="ones")
    model = keras.Sequential([keras.Input((4,), batch_size=1), normalization, unit])
    right = np.array([np.asarray(model(sample[None])).item() for sample in samples])
    seen = np.array(list(run(convert(model, samples), samples)))
    return float(np.ptp(right)), float(np.ptp(seen)), float(np.corrcoef(right, seen)[0, 1]) if np.ptp(seen) else 0.0


seen = {
    "a live column": compare(np.resize([0.5, 1.0], 200)),
    "a constant column": compare(0.5),
}

for package in ("tensorflow", "keras", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print("expected: int8 follows float32 in both")
for what, (real, int8, correlation) in seen.items():
    print(f"{what}: answers spread over {real:.1f} in float32, {int8:.1f} in int8, correlation {correlation:.3f}")
same = seen["a live column"][2] > 0.99 and seen["a constant column"][0] > 5 and seen["a constant column"][1] == 0
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
