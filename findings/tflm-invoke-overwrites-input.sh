#!/usr/bin/env bash
# TensorFlow Lite Micro overwrites its input: a second Invoke() without a new input answers differently.
#
# Versions: tflite-micro 0.dev20261023182759, ai-edge-litert 2.3.0, Python 3.11.
# Model: three float32 FULLY_CONNECTED in a row, each of which doubles its four values.
# Input: 1, 2, 3, 4, set once. Then three inferences.
# Expected: 8, 16, 24, 32 three times, because the input was set and nobody changed it. LiteRT answers that.
# Output seen: tflite-micro answers 8, 16, 24, 32, then 32, 64, 96, 128, then 128, 256, 384, 512. The memory planner
# gives the input's memory to the second layer's output, and the next inference reads that as its input.
#
# Why it matters: a firmware that repeats an inference (to measure its time, to vote, to retry) on an input that it has
# set once computes something else from the second time on, without an error. A model of one or two layers does not
# show it. Write the input before each Invoke().

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

LAYERS = 3


def build():
    """Return a model of three FULLY_CONNECTED that double four values."""
    model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
    weights = schema.BufferT()
    weights.data = np.frombuffer((2 * np.eye(4, dtype=np.float32)).tobytes(), np.uint8)
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT(), weights], [code]
    model.subgraphs, graph.tensors, graph.operators = [graph], [], []
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1

    def add_tensor(shape, buffer=0):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = f"tensor{len(graph.tensors)}", shape, buffer
        tensor.type = schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    graph.inputs = [add_tensor([1, 4])]
    graph.outputs = graph.inputs
    for _ in range(LAYERS):
        op = schema.OperatorT()
        op.inputs, op.outputs = [*graph.outputs, add_tensor([4, 4], 1), -1], [add_tensor([1, 4])]
        op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
        op.builtinOptions = schema.FullyConnectedOptionsT()
        graph.operators.append(op)
        graph.outputs = op.outputs
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_litert(model, x):
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    for _ in range(3):
        interpreter.invoke()
        yield interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel().tolist()


def in_tflm(model, x):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    interpreter.set_input(x, 0)
    for _ in range(3):
        interpreter.invoke()
        yield interpreter.get_output(0).ravel().tolist()


for package in ("tflite-micro", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
x = np.float32([[1, 2, 3, 4]])
seen = {"LiteRT": list(in_litert(build(), x)), "TFLM": list(in_tflm(build(), x))}
print("expected three times: [8.0, 16.0, 24.0, 32.0]")
for who, answers in seen.items():
    print(f"{who}: {answers}")
once = (x[0] * 2**LAYERS).tolist()
same = seen["LiteRT"] == [once] * 3 and seen["TFLM"] == [once, (x[0] * 32).tolist(), (x[0] * 128).tolist()]
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
