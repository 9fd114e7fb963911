#!/usr/bin/env bash
# A fused TANH is ignored: by LiteRT in ADD, by TensorFlow Lite Micro in ADD and in FULLY_CONNECTED.
#
# Versions: ai-edge-litert 2.3.0 (BUILTIN_REF), tflite-micro 0.dev20261023182759, Python 3.11.
# Models: one float32 ADD of two inputs, and one float32 FULLY_CONNECTED with the weights of the identity, both with
# fused_activation_function TANH, which the schema defines.
# Input: 2 and -3.
# Expected: tanh(2) = 0.96 and tanh(-3) = -1.00, or an error.
# Output seen: ADD returns 2 and -3 in both interpreters. FULLY_CONNECTED returns 2 and -3 in tflite-micro; LiteRT
# rejects it in Prepare ("params->activation == kTfLiteActNone || ...").
#
# Why it matters: a tool that fuses an activation into the operator before it, as the schema allows, removes the
# activation. Both interpreters agree on ADD, so a comparison of the two does not show it. Keep TANH as an operator.

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


def build(name, options, constant):
    """Return a model of one operator on [1, 2] values and a constant, with a fused TANH."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.asarray(constant, np.float32).tobytes(), np.uint8)
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT(), buffer], [code]
    model.subgraphs, graph.tensors, graph.operators = [graph], [], [op]
    for number, shape in enumerate(([1, 2], np.shape(constant), [1, 2])):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = f"tensor{number}", list(shape), schema.TensorType.FLOAT32
        tensor.buffer = int(number == 1)
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = [0], [2]
    op.inputs, op.outputs = [0, 1] if name == "ADD" else [0, 1, -1], [2]
    op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    options.fusedActivationFunction = schema.ActivationFunctionType.TANH
    op.builtinOptions = options
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    code.version = 1
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_litert(model, x):
    kernels = litert.OpResolverType.BUILTIN_REF
    interpreter = litert.Interpreter(model_content=model, experimental_op_resolver_type=kernels)
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        return "rejected" if "activation" in str(error) else str(error)
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    return interpreter.get_tensor(2).ravel().tolist()


def in_tflm(model, x):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return interpreter.get_output(0).ravel().tolist()


x = np.float32([[2, -3]])
add = build("ADD", schema.AddOptionsT(), [[0, 0]])
dense = build("FULLY_CONNECTED", schema.FullyConnectedOptionsT(), [[1, 0], [0, 1]])
seen = {
    "ADD, LiteRT": in_litert(add, x),
    "ADD, TFLM": in_tflm(add, x),
    "FULLY_CONNECTED, LiteRT": in_litert(dense, x),
    "FULLY_CONNECTED, TFLM": in_tflm(dense, x),
}

for package in ("tflite-micro", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print(f"expected: {np.tanh(x).ravel().round(2).tolist()}, or rejected")
for what, value in seen.items():
    print(f"{what}: {value}")
recorded = [[2.0, -3.0], [2.0, -3.0], "rejected", [2.0, -3.0]]
sys.exit(0 if list(seen.values()) == recorded else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
