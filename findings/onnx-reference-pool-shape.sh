#!/usr/bin/env bash
# ONNX's own reference evaluator computes another shape for MaxPool with auto_pad SAME_LOWER than the specification.
#
# Versions: onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6, Python 3.11.
# Models: one MaxPool, and one AveragePool for comparison: kernel 2x2, strides 2, auto_pad SAME_LOWER or SAME_UPPER.
# Input: 1 x 1 x 3 x 3, the values 1 to 9.
# Expected: ceil(3 / 2) = 2 rows and columns, as the specification says for both; onnx.shape_inference says so as well.
# Output seen: onnxruntime returns 2 x 2 in all four. onnx.reference returns 2 x 2 but for MaxPool with SAME_LOWER, of
# which it returns 1 x 1.
#
# Why it matters: onnx.reference is the answer that exporters and code generators for small devices compare with. A
# right implementation differs from it in the shape of its output.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check numpy==2.4.6 onnx==1.23.2 onnxruntime==1.32.0

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, shape_inference
from onnx.reference import ReferenceEvaluator


def build(op, pad):
    node = helper.make_node(op, ["x"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2], auto_pad=pad)
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 3, 3])
    same = helper.make_node("Identity", ["pooled"], ["y"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "c", "h", "w"])
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(helper.make_graph([node, same], op, [x], [y]), opset_imports=[opset], ir_version=8)
    checker.check_model(model, full_check=True)
    return model


def inferred(model):
    pooled = shape_inference.infer_shapes(model).graph.value_info[0]
    return tuple(dim.dim_value for dim in pooled.type.tensor_type.shape.dim)


for package in ("onnx", "onnxruntime"):
    print(package, importlib.metadata.version(package))
x = np.arange(1, 10, dtype=np.float32).reshape(1, 1, 3, 3)
wrong = []
for op in ("MaxPool", "AveragePool"):
    for pad in ("SAME_UPPER", "SAME_LOWER"):
        model = build(op, pad)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        in_runtime, in_reference = session.run(None, {"x": x})[0], ReferenceEvaluator(model).run(None, {"x": x})[0]
        print(f"{op} {pad}: expected {inferred(model)}; onnxruntime {in_runtime.shape}, reference {in_reference.shape}")
        assert in_runtime.shape == inferred(model) == (1, 1, 2, 2), "onnxruntime has changed"
        if in_reference.shape != in_runtime.shape:
            wrong.append((op, pad, in_reference.shape))
sys.exit(0 if wrong == [("MaxPool", "SAME_LOWER", (1, 1, 1, 1))] else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
