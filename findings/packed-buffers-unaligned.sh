#!/usr/bin/env bash
# The Python schema of .tflite packs buffers without the alignment that the schema requires.
#
# Versions: ai-edge-litert 2.3.0 (schema_py_generated), flatbuffers 25.12.19, Python 3.11.
# Model: four additions of float32 constants of 1, 4, 1 and 3 values. It runs in LiteRT.
# Expected: the data of each buffer starts at a multiple of 16 bytes, because the schema has
# "data:[ubyte] (force_align: 16)"; the C++ object API aligns them.
# Output seen: the packed data start at 12, 8, 8 and 0 bytes above a multiple of 16. The object API of Python writes a
# vector of bytes and drops force_align.
#
# Why it matters: a tool that edits a model in Python writes unaligned weights. Readers that use the weights in place
# rely on the 16 bytes: kernels with wide loads, DMA, and memory-mapped flash.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

CONSTANTS = [[1.0], [1.0, 2.0, 3.0, 4.0], [2.0], [[0.5], [1.5], [2.5]]]


def add_tensor(shape, values=None):
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = f"tensor{len(graph.tensors)}", shape, schema.TensorType.FLOAT32
    if values is not None:
        tensor.buffer, buffer = len(model.buffers), schema.BufferT()
        buffer.data = np.frombuffer(np.asarray(values, np.float32).tobytes(), np.uint8)
        model.buffers.append(buffer)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


model, graph, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT()
model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [code], [graph]
code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
code.version = 1
graph.tensors, graph.operators = [], []
last = add_tensor([3, 4])
graph.inputs = [last]
for constant in CONSTANTS:
    op = schema.OperatorT()
    op.inputs = [last, add_tensor(list(np.shape(constant)), constant)]
    last = add_tensor([3, 4])
    op.outputs = [last]
    op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph.operators.append(op)
graph.outputs = [last]
builder = flatbuffers.Builder()
builder.Finish(model.Pack(builder), b"TFL3")
data = bytes(builder.Output())

interpreter = litert.Interpreter(model_content=data)
interpreter.allocate_tensors()
interpreter.set_tensor(0, np.zeros((3, 4), np.float32))
interpreter.invoke()
right = np.array_equal(interpreter.get_tensor(last), sum(np.broadcast_to(np.float32(c), (3, 4)) for c in CONSTANTS))

packed = schema.Model.GetRootAs(data)
starts = []
for index in range(1, packed.BuffersLength()):
    values = packed.Buffers(index).DataAsNumpy()
    starts.append((values.ctypes.data - np.frombuffer(data, np.uint8).ctypes.data) % 16)

for package in ("ai-edge-litert", "flatbuffers"):
    print(package, importlib.metadata.version(package))
print("LiteRT runs the model and gives the right sums:", right)
print("expected starts of the buffers, modulo 16: [0, 0, 0, 0]")
print("starts of the buffers, modulo 16:", starts)
sys.exit(0 if right and starts == [12, 8, 8, 0] else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
