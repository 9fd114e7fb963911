#!/usr/bin/env bash
# onnx.version_converter makes a softmax over the channels of each pixel one over all channels and pixels.
#
# Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.
# Models: one Softmax of opset 13 on 1 x 3 x 2 x 2, with axis 1 (the channels) and with axis 3 (the last one).
# Expected of convert_version(model, 12): the same output, or an error. The converter raises for other operators that
# the older opset cannot express.
# Output seen: axis 3 keeps its output. Axis 1 does not: the three channels of a pixel add up to 1 before, and to 0.25 on
# average after the conversion; all twelve values add up to 1. No error, no warning. Opset 12 defines axis as the first
# of the axes that it normalizes together, opset 13 as the only one. The adapter from 12 to 13 handles this with Flatten
# and Reshape; the one from 13 to 12 copies the axis.
#
# Why it matters: the runtimes and code generators of microcontrollers often read old opsets only, and exporters write
# new ones. A segmentation or detection model that ends in a softmax over channels then gives scores that no cutoff
# fits; its largest class is the same, so accuracy does not show it. Move the axis to the end with Transpose before.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, version_converter

x = np.random.default_rng(0).normal(size=(1, 3, 2, 2)).astype(np.float32)


def run(model):
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]


seen = {}
for axis in (1, 3):
    node = helper.make_node("Softmax", ["x"], ["y"], axis=axis)
    ends = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, list(x.shape)) for n in "xy"]
    graph = helper.make_graph([node], "softmax", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    old = version_converter.convert_version(model, 12)
    before, after = run(model), run(old)
    sums = before.sum(axis), after.sum(axis)
    seen[axis] = float(np.abs(after - before).max()), *(float(s.mean()) for s in sums), float(after.sum())

for package in ("onnx", "onnxruntime", "numpy"):
    print(package, importlib.metadata.version(package))
print("expected: the same output of opset 12, or an error")
for axis, (off, before, after, total) in seen.items():
    print(f"axis {axis}: off by {off:.3f}; sum along the axis {before:.3f}, then {after:.3f}; sum of all {total:.3f}")
off, before, after, total = seen[1]
same = off > 0.1 and abs(before - 1) < 1e-5 and abs(after - 0.25) < 1e-5 and abs(total - 1) < 1e-5 and seen[3][0] < 1e-6
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
