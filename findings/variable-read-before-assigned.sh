#!/usr/bin/env bash
# LiteRT refuses to read a variable before its first assignment; TensorFlow Lite Micro starts it at zero.
#
# Versions: ai-edge-litert 2.3.0 (BUILTIN_REF), tflite-micro 0.dev20261023182759.
# Model: one int8 variable of scale 1; each inference reads it, adds the input, assigns the sum and returns it. No
# CALL_ONCE initialises it.
# Input: 1, three times.
# Expected: the same from both interpreters; 1, 2, 3 if a variable starts at zero.
# Output seen: LiteRT raises "variable != nullptr was not true" from READ_VARIABLE at the first inference;
# tflite-micro returns 1, 2, 3.
#
# Why it matters: a streaming model that relies on zeroed state runs on a device and has no reference in Python. Give
# each variable its initial value in the subgraph that CALL_ONCE runs, zeros included.

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
from tflite_micro.python.tflite_micro import runtime as tflm


def pack():
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def new_model():
    model = schema.ModelT()
    model.version, model.buffers, model.operatorCodes, model.subgraphs = 3, [schema.BufferT()], [], []
    return model


def add_graph():
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
    model.subgraphs.append(graph)
    return graph


def add_tensor(graph, shape, dtype, scale=0.0, values=None, variable=False):
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.isVariable = f"tensor{len(graph.tensors)}", shape, variable
    tensor.type = getattr(schema.TensorType, dtype.upper())
    if scale:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
    if values is not None:
        tensor.buffer, buffer = len(model.buffers), schema.BufferT()
        buffer.data = np.frombuffer(np.asarray(values, dtype).tobytes(), np.uint8)
        model.buffers.append(buffer)
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def add_operator(graph, name, inputs, outputs, options, version=1):
    code, op = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode, code.version = getattr(schema.BuiltinOperator, name), version
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    op.opcodeIndex, op.inputs, op.outputs = len(model.operatorCodes), inputs, outputs
    op.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    op.builtinOptions = options
    model.operatorCodes.append(code)
    graph.operators.append(op)


def load_litert(data, kernels="BUILTIN_REF"):
    interpreter = litert.Interpreter(
        model_content=data, experimental_op_resolver_type=litert.OpResolverType[kernels], num_threads=1
    )
    interpreter.allocate_tensors()
    return interpreter


def run_litert(interpreter, sample):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel().tolist()


def load_tflm(data):
    return tflm.Interpreter.from_bytes(data, arena_size=65536)


def run_tflm(interpreter, sample):
    interpreter.set_input(sample, 0)
    interpreter.invoke()
    return interpreter.get_output(0).ravel().tolist()


def build():
    """Return the model."""
    main = add_graph()
    x, handle = add_tensor(main, [1, 1], "int8", 1.0), add_tensor(main, [], "resource")
    before, after = add_tensor(main, [1, 1], "int8", 1.0), add_tensor(main, [1, 1], "int8", 1.0)
    variable = schema.VarHandleOptionsT()
    variable.container, variable.sharedName = "", "sum"
    add_operator(main, "VAR_HANDLE", [], [handle], variable)
    add_operator(main, "READ_VARIABLE", [handle], [before], schema.ReadVariableOptionsT())
    add_operator(main, "ADD", [x, before], [after], schema.AddOptionsT(), version=2)
    add_operator(main, "ASSIGN_VARIABLE", [handle, after], [], schema.AssignVariableOptionsT())
    main.inputs, main.outputs = [x], [after]
    return pack()


model = new_model()
data, x = build(), np.ones((1, 1), np.int8)
interpreter, micro = load_litert(data), load_tflm(data)
try:
    reference = str([run_litert(interpreter, x)[0] for _ in range(3)])
except RuntimeError as error:
    reference = f"RuntimeError: {str(error).splitlines()[0]}"
answers = [run_tflm(micro, x)[0] for _ in range(3)]

for package in ("ai-edge-litert", "tflite-micro"):
    print(package, importlib.metadata.version(package))
print("expected: the same from both")
print("LiteRT:", reference)
print("TFLM:", answers)
sys.exit(0 if "variable != nullptr was not true" in reference and answers == [1, 2, 3] else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
