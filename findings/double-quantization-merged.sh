#!/usr/bin/env bash
# onnxruntime's basic optimizations, which keep the meaning of a model, drop the first of two quantizations in a row.
#
# Versions: onnxruntime 1.32.0, onnx 1.23.2, numpy 2.4.6, Python 3.11.
# Model: an input of 8 values, QuantizeLinear and DequantizeLinear with the scale 0.05, the same with the scale 0.02 (both
# uint8 with the zero point 128, or int8 and uint8 for comparison), and a MatMul with the identity.
# Expected: the values of ORT_DISABLE_ALL with each level of optimization, to float32's rounding. The first pair leaves
# multiples of 0.05 only.
# Output seen: with ORT_ENABLE_BASIC, and with the default, the first pair is gone: 60 % of the values differ, by up to
# two steps of the second scale, and the output has 251 different values instead of 101. With pairs of different types,
# nothing changes. Without the optimizer DoubleQDQPairsRemover, nothing changes either.
#
# Why it matters: two quantizations in a row are what exporters write between two parts of a model that were quantized on
# their own. Who compares a converted model with onnxruntime, at its default level, compares it with something else than
# the file says.

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
from onnx import helper

FIRST, SECOND = 0.05, 0.02
x = np.linspace(-2.5, 2.5, 800, dtype=np.float32).reshape(-1, 8)


def model(first):
    """Return two pairs in a row; the type of the first one is given, the second is uint8."""
    zeros = {"z1": np.array(128 if first == np.uint8 else 0, first), "z2": np.array(128, np.uint8)}
    constants = {"s1": np.float32(FIRST), "s2": np.float32(SECOND), "w": np.eye(8, dtype=np.float32), **zeros}
    nodes = []
    for k, given in ((1, "x"), (2, "d1")):
        nodes.append(helper.make_node("QuantizeLinear", [given, f"s{k}", f"z{k}"], [f"q{k}"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"q{k}", f"s{k}", f"z{k}"], [f"d{k}"]))
    nodes.append(helper.make_node("MatMul", ["d2", "w"], ["y"]))
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 8]) for name in "xy"]
    stored = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "twice", ends[:1], ends[1:], stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def run(data, level, **more):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, f"ORT_{level}")
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"], **more).run(None, {"x": x})[0]


same, mixed = model(np.uint8), model(np.int8)
wanted = run(same, "DISABLE_ALL")
runs = {
    "basic": (run(same, "ENABLE_BASIC"), wanted),
    "default": (run(same, "ENABLE_ALL"), wanted),
    "basic, without DoubleQDQPairsRemover": (
        run(same, "ENABLE_BASIC", disabled_optimizers=["DoubleQDQPairsRemover"]), wanted
    ),
    "basic, int8 and uint8": (run(mixed, "ENABLE_BASIC"), run(mixed, "DISABLE_ALL")),
}
for package in ("onnxruntime", "onnx", "numpy"):
    print(package, importlib.metadata.version(package))
print(f"expected: no difference; {len(np.unique(wanted))} different values without optimization")
off = {}
for name, (found, file) in runs.items():
    off[name] = float(np.abs(found - file).max())
    share = (np.abs(found - file) > 1e-4).mean()
    print(f"{name}: up to {off[name]:.3f} off, {share:.0%} of the values; {len(np.unique(found))} different values")
is_seen = (
    off["basic"] > 1.5 * SECOND and off["default"] > 1.5 * SECOND
    and off["basic, without DoubleQDQPairsRemover"] < 1e-5 and off["basic, int8 and uint8"] < 1e-5
    and len(np.unique(runs["basic"][0])) > len(np.unique(wanted))
)
sys.exit(0 if is_seen else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
