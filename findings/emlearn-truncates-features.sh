#!/usr/bin/env bash
# emlearn converts a forest to 16-bit integers by default: features between 0 and 1 lose everything, without a warning.
#
# Versions: emlearn 0.23.2, scikit-learn 1.9.1, Python 3.11.
# Model: a random forest of ten trees on two features between 0 and 1; the class is 1 where they add up to more than 1.
# Expected: predictions of the converted model that agree with scikit-learn's, or a warning.
# Output seen: emlearn.convert(model) agrees on 50 % of the samples, as a constant answer does: the features and the
# thresholds become int16, which truncates both to 0. emlearn.convert(model, dtype="float") agrees on all. No warning.
#
# Why it matters: features scaled to 0 to 1 or to unit variance are the rule in scikit-learn. The generated C compiles,
# runs and answers one class. Pass dtype="float", or scale the features to the range of int16 before you train.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check emlearn==0.23.2 numpy==2.4.6 scikit-learn==1.9.1

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys
import warnings

import emlearn
import numpy as np
from sklearn.ensemble import RandomForestClassifier

samples = np.random.default_rng(0).uniform(size=(400, 2))
classes = (samples.sum(axis=1) > 1).astype(int)
model = RandomForestClassifier(10, random_state=0).fit(samples, classes)
right = model.predict(samples)
seen = {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for what, options in (("the default", {}), ('dtype="float"', {"dtype": "float"})):
        answers = np.asarray(emlearn.convert(model, **options).predict(samples))
        seen[what] = float((answers == right).mean()), len(set(answers.tolist()))

for package in ("emlearn", "scikit-learn"):
    print(package, importlib.metadata.version(package))
print("expected: 100 % agree, or a warning")
for what, (agree, different) in seen.items():
    print(f"{what}: {agree:.0%} agree; different answers: {different}")
print("warnings:", [str(warning.message) for warning in caught])
same = seen["the default"][0] < 0.6 and seen["the default"][1] == 1 and seen['dtype="float"'] == (1.0, 2) and not caught
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
