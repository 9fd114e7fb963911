#!/usr/bin/env bash
# int8 LOGISTIC: TensorFlow Lite Micro and LiteRT round a value to different sides, 2.5e-6 of a step from a half.
#
# Versions: ai-edge-litert 2.3.0 (BUILTIN_REF and BUILTIN_WITHOUT_DEFAULT_DELEGATES), tflite-micro
# 0.dev20261023182759 (reference kernels).
# Model: one LOGISTIC, input scale 1/128 and zero point 0, output scale 1/256 and zero point -128 (the only output
# quantization that the specification allows). Input: all 256 values.
# Expected: round(256 / (1 + exp(-q / 128))) - 128, computed here in float64; no value is a tie.
# Output seen: LiteRT is right on all 256, with both kinds of kernels. tflite-micro is right on 254; for q = 1 the exact
# value is 0.4999975 and it answers 1, for q = -1 it answers -1. Its fixed-point arithmetic is off by some 1e-5 of a step.
#
# Why it matters: both are meant to be bit-exact reference kernels of one specification, and on most scales they are.
# A byte-for-byte comparison fails on scales that are powers of two, which fixed-point designs prefer; it passes on others.

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
    if options is not None:
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


INPUT = 1 / 128


def build():
    """Return a model of one LOGISTIC."""
    graph = add_graph()
    x, y = add_tensor(graph, [1, 1], "int8", INPUT), add_tensor(graph, [1, 1], "int8", 1 / 256)
    graph.tensors[y].quantization.zeroPoint = [-128]
    graph.inputs, graph.outputs = [x], [y]
    add_operator(graph, "LOGISTIC", [x], [y], None, version=2)
    return pack()


model = new_model()
data, values = build(), np.arange(-128, 128)
samples = values.astype(np.int8).reshape(-1, 1, 1)
reference, optimized = load_litert(data), load_litert(data, "BUILTIN_WITHOUT_DEFAULT_DELEGATES")
micro = load_tflm(data)
exact = 256 / (1 + np.exp(-values * INPUT)) - 128
expected = np.clip(np.floor(exact + 0.5), -128, 127).astype(int)
outputs = {
    "LiteRT, reference": [run_litert(reference, sample)[0] for sample in samples],
    "LiteRT, optimized": [run_litert(optimized, sample)[0] for sample in samples],
    "TFLM": [run_tflm(micro, sample)[0] for sample in samples],
}
seen = {}
for who, output in outputs.items():
    wrong = np.flatnonzero(np.array(output) != expected)
    seen[who] = [(int(values[i]), round(float(exact[i]), 7), output[i]) for i in wrong]

for package in ("ai-edge-litert", "tflite-micro"):
    print(package, importlib.metadata.version(package))
print("expected: the nearest integer, 256 times; (input, exact value, output) where it is another:")
for who, wrong in seen.items():
    print(f"{who}: {wrong}")
recorded = [[], [], [(-1, -0.4999975, -1), (1, 0.4999975, 1)]]
sys.exit(0 if list(seen.values()) == recorded else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
