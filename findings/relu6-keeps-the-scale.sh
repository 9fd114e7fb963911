#!/usr/bin/env bash
# TensorFlow Lite Micro's int8 RELU6 copies values between tensors of different scales without rescaling them.
#
# Versions: tflite-micro 0.dev20261023182759, ai-edge-litert 2.3.0 (all three sets of kernels), Python 3.11.
# Models: one int8 operator, RELU6 or RELU. Input: scale 0.1, zero point 0. Output: scale 0.05, zero point -128.
# Input: -1.0, 0.0, 1.0, 3.0 and 6.0.
# Expected: 0, 0, 1, 3 and 6 as int8: -128, -128, -108, -68, -8.
# Output seen: of RELU6, tflite-micro returns 0, 0, 10, 30, 60, which mean 6.4, 6.4, 6.9, 7.9, 9.4: values that a RELU6
# cannot have. LiteRT is right, and so is tflite-micro's RELU.
#
# Why it matters: quantizers give the output of RELU6 a scale of its own (0 to 6 in 256 steps). A RELU6 that a converter
# could not fuse (after a RESHAPE, a pooling, a branch) then gives wrong values on the device alone, without an error.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6 tflite-micro==0.dev20261023182759

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from tflite_micro import runtime


def build(name):
    """Return a model of one int8 operator on [1, 5] values."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], [code]
    model.subgraphs, graph.tensors, graph.operators = [graph], [], [op]
    for scale, zero_point in ((0.1, 0), (0.05, -128)):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"scale {scale}", [1, 5], schema.TensorType.INT8
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = op.inputs, op.outputs = [0], [1]
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    code.version = 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_litert(model, x, kernels):
    kernels = litert.OpResolverType[kernels]
    interpreter = litert.Interpreter(model_content=model, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    return interpreter.get_tensor(1).ravel().tolist()


def in_tflm(model, x):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return interpreter.get_output(0).ravel().tolist()


x = np.int8([[-10, 0, 10, 30, 60]])
right = [-128, -128, -108, -68, -8]
seen = {}
for name in ("RELU", "RELU6"):
    for kernels in ("BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN"):
        seen[f"{name}, LiteRT, {kernels}"] = in_litert(build(name), x, kernels)
    seen[f"{name}, TFLM"] = in_tflm(build(name), x)

for package in ("tflite-micro", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print(f"expected: {right}")
for what, value in seen.items():
    print(f"{what}: {value}")
wrong = seen.pop("RELU6, TFLM")
same = wrong == [0, 0, 10, 30, 60] and all(value == right for value in seen.values())
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
