#!/usr/bin/env bash
# ai-edge-quantizer refuses a float model that has a tensor which no operator uses.
#
# Versions: ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, Python 3.11.
# Model: one float32 FULLY_CONNECTED; then the same with one more tensor that is not an input, output or constant.
# Expected: both can be calibrated and quantized to int8, because both run in LiteRT with the same output.
# Output seen: the first is quantized; the second ends in ValueError "Tensor data is null. Run allocate_tensors()
# first" during calibration. The message does not name the tensor.
#
# Why it matters: converters and graph editors leave such tensors behind (of a fused activation or a removed branch).
# The message asks for a call that has already been made.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 ai-edge-quantizer==0.10.0 flatbuffers==25.12.19 numpy==2.4.6

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe


def named(name, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def build(unused):
    """Return a model of one FULLY_CONNECTED from 4 to 2 values."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [code], [graph]
    graph.name, graph.tensors, graph.operators = "main", [], [op]

    def add_tensor(name, shape, values=None):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, shape, schema.TensorType.FLOAT32
        if values is not None:
            tensor.buffer, buffer = len(model.buffers), schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(values, np.float32).tobytes(), np.uint8)
            model.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    x, y = add_tensor("x", [1, 4]), add_tensor("y", [1, 2])
    op.inputs = [x, add_tensor("weights", [2, 4], np.arange(8) / 8), add_tensor("bias", [2], [0.5, -0.5])]
    op.outputs, graph.inputs, graph.outputs = [y], [x], [y]
    op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    op.builtinOptions = schema.FullyConnectedOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    if unused:
        add_tensor("unused", [1, 7])
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.inputs, signature.outputs = "serving_default", [named("x", x)], [named("y", y)]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(data):
    interpreter = litert.Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, np.ones((1, 4), np.float32))
    interpreter.invoke()
    return interpreter.get_tensor(1).ravel().tolist()


def quantize(data):
    samples = [{"x": np.float32([[k, 1, 2, 3]])} for k in range(4)]
    job = quantizer.Quantizer(data, recipe.static_wi8_ai8())
    try:
        result = job.quantize(job.calibrate({"serving_default": samples}))
    except ValueError as error:
        return str(error)
    return "quantized" if result.quantized_model else "nothing"


seen = {}
for unused in (False, True):
    data = build(unused)
    what = "with an unused tensor" if unused else "without"
    seen[f"LiteRT, {what}"] = run(data)
    seen[f"quantizer, {what}"] = quantize(data)

for package in ("ai-edge-quantizer", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print("expected of the quantizer, with an unused tensor: quantized")
for what, value in seen.items():
    print(f"{what}: {value}")
first, second, third, last = seen.values()
same = first == third and second == "quantized" and "Tensor data is null" in last
sys.exit(0 if same else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
