#!/usr/bin/env bash
# m2cgen and micromlgen write a scikit-learn tree without the branch that it learnt for missing values.
#
# Versions: m2cgen 0.10.0, micromlgen 1.1.28, scikit-learn 1.9.1, numpy 2.4.6, Python 3.11.
# Model: a decision tree of depth 1 on one sensor. Class 0 has values below 0 or no value (NaN), class 1 above 0.
# Expected: generated code that sends NaN where the tree sends it, or an error.
# Output seen: scikit-learn answers all samples right. m2cgen and micromlgen write "x <= threshold" alone, without an
# error. A comparison with NaN is false, so that the code always takes the right branch: it answers 1 to every
# missing value, which the tree has learnt to be 0. Trees that send missing values to the right are right by chance.
# scikit-learn trees have missing_go_to_left since 1.3; both generators read only threshold and children.
#
# Why it matters: firmware marks a reading that failed as NaN, and a model that was trained with such readings has
# learnt what they mean. Accuracy in Python, with NaN among the test data, does not show what the generated code does.
# Replace missing values by a number outside the sensor's range before training, and in the firmware.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check m2cgen==0.10.0 micromlgen==1.1.28 numpy==2.4.6 \
    scikit-learn==1.9.1

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import re
import sys

import m2cgen
import micromlgen
import numpy as np
from sklearn.tree import DecisionTreeClassifier

samples = np.random.default_rng(0).normal(size=(400, 1)).astype(np.float32)
classes = (samples[:, 0] > 0).astype(int)
samples[np.flatnonzero(classes == 0)[::2]] = np.nan
missing = np.isnan(samples[:, 0])
model = DecisionTreeClassifier(max_depth=1, random_state=0).fit(samples, classes)

code = m2cgen.export_to_python(model)
names = {}
exec(code, names)
answers = np.array([np.argmax(names["score"](sample)) for sample in samples])
c = micromlgen.port(model)
conditions = re.findall(r"if \((.*)\) \{", c)
handled = re.search(r"isnan|!\(", c) is not None

for package in ("m2cgen", "micromlgen", "scikit-learn", "numpy"):
    print(package, importlib.metadata.version(package))
right = model.predict(samples) == classes
print("expected: 100 % right with and without a value, or an error")
print(f"scikit-learn: {right[~missing].mean():.0%} with a value, {right[missing].mean():.0%} without")
wrong = answers != classes
print(f"m2cgen: {1 - wrong[~missing].mean():.0%} with a value, {1 - wrong[missing].mean():.0%} without")
print(f"the only conditions of micromlgen's code: {conditions}")
same = right.all() and not wrong[~missing].any() and wrong[missing].all() and missing.sum() > 50
same = same and len(conditions) == 1 and conditions[0].startswith("x[0] <= ") and not handled
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
