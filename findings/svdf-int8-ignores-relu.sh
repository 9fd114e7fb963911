#!/usr/bin/env bash
# int8 SVDF ignores its fused RELU, in LiteRT and in TensorFlow Lite Micro.
#
# Versions: ai-edge-litert 2.3.0 (BUILTIN_REF), tflite-micro 0.dev20261023182759.
# Model: one SVDF with fused RELU that returns x and -x; the output's scale is 1/16, its zero point 0.
# Input: 1.0, as int8 16.
# Expected: int8 [16, 0], because RELU(-1.0) is 0; float32 gives [1.0, 0.0].
# Output seen: int8 [16, -16] in both interpreters; float32 [1.0, 0.0] in both.
# LiteRT also refuses int8 SVDF without RELU when it is invoked: it requires the activation that it does not apply.
# tflite-micro accepts it, and gives the same bytes.
#
# Why it matters: RELU holds only by saturation, where the output's zero point is -128. With any other zero point
# the quantized layer returns negative values that the float layer never returns, and comparing the two
# interpreters does not show it.

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


def build(dtype, activation):
    """Return a model of one SVDF: 1 input, 2 units, 2 steps of memory."""
    global model
    model, quantized = new_model(), dtype == "int8"
    graph = add_graph()
    one = 64 if quantized else 1  # 1.0 at scale 2^-6
    tap = 8192 if quantized else 1  # 1.0 at scale 2^-13
    wide, bias = ("int16", "int32") if quantized else ("float32", "float32")
    scales = (2.0**-4, 2.0**-6, 2.0**-13, 2.0**-24, 2.0**-11, 2.0**-4) if quantized else (0.0,) * 6
    inputs = [
        add_tensor(graph, [1, 1], dtype, scales[0]),
        add_tensor(graph, [2, 1], dtype, scales[1], [[one], [-one]]),
        add_tensor(graph, [2, 2], wide, scales[2], [[0, tap], [0, tap]]),
        add_tensor(graph, [2], bias, scales[3], [0, 0]),
        add_tensor(graph, [1, 4], wide, scales[4], variable=True),
    ]
    graph.inputs, graph.outputs = inputs[:1], [add_tensor(graph, [1, 2], dtype, scales[5])]
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = 1, activation
    add_operator(graph, "SVDF", inputs, graph.outputs, options, version=3 if quantized else 1)
    return pack()


RELU, NONE = schema.ActivationFunctionType.RELU, schema.ActivationFunctionType.NONE
x = np.array([[16]], np.int8)
real, quantized, linear = build("float32", RELU), build("int8", RELU), build("int8", NONE)
try:
    run_litert(load_litert(linear), x)
    refused = False
except RuntimeError as error:
    refused = "activation" in str(error)
seen = {
    "float32, RELU, LiteRT": run_litert(load_litert(real), np.float32([[1]])),
    "float32, RELU, TFLM": run_tflm(load_tflm(real), np.float32([[1]])),
    "int8, RELU, LiteRT": run_litert(load_litert(quantized), x),
    "int8, RELU, TFLM": run_tflm(load_tflm(quantized), x),
    "int8, no activation, TFLM": run_tflm(load_tflm(linear), x),
    "int8, no activation, LiteRT refuses": refused,
}

for package in ("ai-edge-litert", "tflite-micro"):
    print(package, importlib.metadata.version(package))
print("expected of int8, RELU: [16, 0]")
for what, value in seen.items():
    print(f"{what}: {value}")
recorded = [[1.0, 0.0], [1.0, 0.0], [16, -16], [16, -16], [16, -16], True]
sys.exit(0 if list(seen.values()) == recorded else "the behaviour has changed")
END
"$folder/venv/bin/python" "$folder/finding.py"
