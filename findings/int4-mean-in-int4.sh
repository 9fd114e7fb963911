#!/usr/bin/env bash
# NumPy computes the sum, mean and median of the int4 weights of an ONNX model in four bits: they wrap around.
#
# Versions: onnx 1.23.2, ml_dtypes 0.6.0, numpy 2.4.6, onnxruntime 1.32.0, Python 3.11.
# Model: one DequantizeLinear of eight int4 weights, of which seven are 7 and one is -8; scale 0.5, zero point -3.
# Expected of onnx.numpy_helper.to_array(): an array whose statistics are those of the same values as int8, which NumPy
# computes in float64 and int64: sum 41, mean 5.125, median 7.0, and 49 * 7 + 64 = 407 as the product with itself.
# Output seen: the array has the dtype int4 of ml_dtypes. Its sum is -7, its mean 0, its median -1, its product with
# itself (np.dot) 7. No warning. (weights - zero_point) * scale is -3.0 for 7, where onnxruntime returns 5.0. NumPy widens
# integers in these functions, but int4 is no subtype of np.integer, so it stays in int4. astype(np.int8) is right.
#
# Why it matters: int4 weights are inspected to choose ranges, to correct a bias (by the sum of each row) and to compare
# with a device. int8 code does all this in NumPy and is right; the same lines on int4 weights return plausible small
# numbers. Convert the array to int8 or wider first.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check ml_dtypes==0.6.0 numpy==2.4.6 onnx==1.23.2 \
    onnxruntime==1.32.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

warnings.simplefilter("error")
values = [7, 7, 7, 7, 7, 7, 7, -8]
constants = [
    helper.make_tensor("q", onnx.TensorProto.INT4, [8], values),
    helper.make_tensor("scale", onnx.TensorProto.FLOAT, [], [0.5]),
    helper.make_tensor("zero", onnx.TensorProto.INT4, [], [-3]),
]
node = helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"])
y = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [8])
graph = helper.make_graph([node], "weights", [], [y], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
right = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})[0]

q, scale, zero = (numpy_helper.to_array(t) for t in model.graph.initializer)
seen = {}
for name, weights, point in (("int8", q.astype(np.int8), zero.astype(np.int8)), ("int4", q, zero)):
    statistics = [float(f(weights)) for f in (np.sum, np.mean, np.median)]
    product = int(np.dot(weights, weights)) if name == "int4" else int(np.dot(weights.astype(int), weights.astype(int)))
    seen[name] = str(weights.dtype), *statistics, product, ((weights - point) * scale).astype(np.float32).tolist()

for package in ("onnx", "ml_dtypes", "numpy", "onnxruntime"):
    print(package, importlib.metadata.version(package))
print("expected: the values of int8")
for dtype, total, mean, median, product, dequantized in seen.values():
    print(f"{dtype}: sum {total}, mean {mean}, median {median}, product {product}, dequantized {dequantized}")
print("onnxruntime dequantizes to", right.tolist())
same = (
    q.tolist() == values
    and seen["int8"][1:] == (41.0, 5.125, 7.0, 407, right.tolist())
    and seen["int4"] == ("int4", -7.0, 0.0, -1.0, 7, [-3.0] * 7 + [-2.5])
)
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
