#!/usr/bin/env bash
# tensorflow-model-optimization prunes less than asked, or nothing, if the schedule's end is no multiple of 100 steps.
#
# Versions: tensorflow-model-optimization 0.8.1, tensorflow 2.21.0, tf_keras 2.21.0, Python 3.11.
# Model: a Dense layer of 32 units, trained for 200 steps with PolynomialDecay(0.0, 0.8, begin_step=0, end_step=END).
# Expected: 80 % of the weights are 0 after training, because each END lies before the last step.
# Output seen: END 100 and 200: 80 %. END 150: 77 %. END 190: 71 %. END 50: 0 %, no weight is pruned. No warning.
# The mask is computed each `frequency` steps (100 by default), and not at the end of the schedule.
#
# Why it matters: a short fine-tuning is the usual way to prune a small network. strip_pruning() returns a model, and
# its accuracy is fine because it was not pruned. Set frequency to a divisor of end_step - begin_step, and count zeros.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    numpy==2.4.6 tensorflow==2.21.0 tensorflow-model-optimization==0.8.1 tf_keras==2.21.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras as keras

STEPS, BATCH = 200, 8
sparsity = tfmot.sparsity.keras
samples = np.random.default_rng(0).normal(size=(STEPS * BATCH, 16)).astype(np.float32)
targets = samples[:, :1]


def prune(end):
    """Return the share of weights that are 0 after 200 steps."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.layers.Dense(32, input_shape=(16,)), keras.layers.Dense(1)])
    schedule = sparsity.PolynomialDecay(0.0, 0.8, begin_step=0, end_step=end)
    model = sparsity.prune_low_magnitude(network, pruning_schedule=schedule)
    model.compile("adam", "mse")
    model.fit(samples, targets, batch_size=BATCH, epochs=1, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
    return float((sparsity.strip_pruning(model).layers[0].kernel.numpy() == 0).mean())


seen = {end: prune(end) for end in (200, 100, 150, 190, 50)}
for package in ("tensorflow-model-optimization", "tensorflow", "tf_keras"):
    print(package, importlib.metadata.version(package))
print("expected of each schedule: 80 % zeros")
for end, share in seen.items():
    print(f"end_step {end}: {share:.0%} zeros")
recorded = [0.8, 0.8, 0.77, 0.71, 0.0]
same = all(abs(share - value) < 0.01 for share, value in zip(seen.values(), recorded))
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
