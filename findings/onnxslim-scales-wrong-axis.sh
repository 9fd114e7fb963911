#!/usr/bin/env bash
# onnxslim moves a factor per column into the convolution before it, as if it were a factor per channel.
#
# Versions: onnxslim 0.1.98, onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.
# Models: one Conv of 4 output channels (its output is 1 x 4 x 6 x 4), then a Mul by four constants: of shape [4] or
# [1, 1, 1, 4] (one per column), and of shape [1, 4, 1, 1] (one per channel) for comparison.
# Expected: slim() keeps the output of each model, to float32's rounding.
# Output seen: the factors per channel are moved into the weights, and the output stays. The factors per column are moved
# in the same way, each column's factor to a channel: the output is off by more than its own mean. No error, no warning.
# FusionConvMul squeezes the constant, and compares its length only: it does not look at the axis that broadcasting
# gives it. With 5 columns of 4 channels, or as an Add instead of a Mul, the model is left alone.
#
# Why it matters: a gain per mel band or per sensor position behind a convolution is common in audio and vibration
# models, and sizes like 8 or 16 are often both a number of channels and of columns. The smaller model has the same
# shapes and answers, and other numbers. slim(model, skip_fusion_patterns=["FusionConvMul"]) leaves the Mul in place.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0 \
    onnxslim==0.1.98

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import numpy as np
import onnx
import onnxruntime
import onnxslim
from onnx import helper

random = np.random.default_rng(0)
weights = random.normal(size=(4, 2, 1, 1)).astype(np.float32)
gains = np.array([1, 10, 100, 1000], np.float32)


def model(columns, gain, operator="Mul"):
    """Return a Conv of 4 channels over 6 rows, and an operator with a constant."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node(operator, ["c", "g"], ["y"])]
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 6, columns])
    y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4, 6, columns])
    constants = [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(gain, "g")]
    graph = helper.make_graph(nodes, "gain", [x], [y], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


def run(made, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(made.SerializeToString(), options).run(None, {"x": x})[0]


cases = {
    "per channel [1, 4, 1, 1]": (model(4, gains.reshape(1, 4, 1, 1)), {}),
    "per column [4]": (model(4, gains), {}),
    "per column [1, 1, 1, 4]": (model(4, gains.reshape(1, 1, 1, 4)), {}),
    "per column [4], without the pattern": (model(4, gains), {"skip_fusion_patterns": ["FusionConvMul"]}),
    "Add per column [4]": (model(4, gains, "Add"), {}),
}
seen = {}
for name, (made, options) in cases.items():
    x = random.normal(size=(1, 2, 6, 4)).astype(np.float32)
    before = run(made, x)
    slimmed = onnxslim.slim(made, **options)
    after = run(slimmed, x)
    off = float(np.abs(after - before).mean() / np.abs(before).mean())
    seen[name] = off, [node.op_type for node in slimmed.graph.node]

for package in ("onnxslim", "onnx", "onnxruntime", "numpy"):
    print(package, importlib.metadata.version(package))
print("expected: mean difference 0 of all")
for name, (off, operators) in seen.items():
    print(f"{name}: mean difference {off:.2f} of the mean output; operators {operators}")
same = (
    seen["per channel [1, 4, 1, 1]"][0] < 1e-6
    and seen["per column [4]"][0] > 1
    and seen["per column [1, 1, 1, 4]"][0] > 1
    and seen["per column [4]"][1] == ["Conv"]
    and seen["per column [4], without the pattern"][0] < 1e-6
    and seen["Add per column [4]"][0] < 1e-6
)
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
