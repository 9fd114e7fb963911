#!/usr/bin/env bash
# TensorFlow Lite Micro joins at most ten tensors; LiteRT joins any number of them.
#
# Versions: tflite-micro 0.dev20261023182759, ai-edge-litert 2.3.0, Python 3.11.
# Model: one float32 CONCATENATION of 10 inputs of two values; then the same of 11 inputs.
# Expected: both run in both interpreters.
# Output seen: LiteRT joins 10 and 11. tflite-micro joins 10, and for 11 raises RuntimeError "TFLM failed to allocate
# tensors". The message names neither the limit nor the number of inputs.
#
# Why it matters: recurrent layers that an exporter unrolls join one state for each step, so that a model of eleven
# steps converts and runs on a PC and is refused on a microcontroller. Joined groups of ten compute the same.

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

WIDTH = 2


def build(count):
    """Return a model of one CONCATENATION of so many inputs."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [code], [graph]
    graph.name, graph.tensors, graph.operators = "main", [], [op]
    for name, width in [*((f"x{k}", WIDTH) for k in range(count)), ("y", WIDTH * count)]:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, [1, width], schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs = list(range(count)), [count]
    op.inputs, op.outputs = graph.inputs, graph.outputs
    op.builtinOptionsType = schema.BuiltinOptions.ConcatenationOptions
    op.builtinOptions = schema.ConcatenationOptionsT()
    op.builtinOptions.axis = 1
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONCATENATION
    code.version = 1
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_litert(model, values):
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    for detail, value in zip(interpreter.get_input_details(), values):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def in_tflm(model, values):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    for k, value in enumerate(values):
        interpreter.set_input(value, k)
    interpreter.invoke()
    return interpreter.get_output(0)


def outcome(run, count):
    values = [np.full((1, WIDTH), k, np.float32) for k in range(count)]
    try:
        answer = run(build(count), values)
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "joined" if np.array_equal(answer, np.concatenate(values, 1)) else "wrong"


for package in ("tflite-micro", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
seen = {(run.__name__, count): outcome(run, count) for run in (in_litert, in_tflm) for count in (10, 11)}
for (name, count), text in seen.items():
    print(f"{name} {count}: expected joined, seen {text}")
joined = all(seen[key] == "joined" for key in (("in_litert", 10), ("in_litert", 11), ("in_tflm", 10)))
refused = "failed to allocate tensors" in seen["in_tflm", 11]
sys.exit(0 if joined and refused else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
