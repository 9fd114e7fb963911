#!/usr/bin/env bash
# A quantized model with a tensor of 256 KiB has its weights where TensorFlow Lite Micro does not read them.
#
# Versions: ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, tflite-micro 0.dev20261023182759, Python 3.11.
# Models: one float32 FULLY_CONNECTED of 256 inputs, with 1023 and with 1024 units, quantized to int8.
# Expected: both answer the same in LiteRT and in tflite-micro, to one step.
# Output seen: with 1023 units (261,888 bytes of weights) the interpreters agree. With 1024 units (262,144 bytes) the
# quantizer writes the weights after the flatbuffer (buffer.offset and buffer.size, made for models above 2 GB), LiteRT
# reads them there, and tflite-micro, which does not know these fields, answers with other numbers and no error.
#
# Why it matters: a layer that grows by one unit, on a board with megabytes of flash, turns a right model into a wrong
# one on the device alone. Repack the file, for example with ai_edge_litert.tools.flatbuffer_utils.

set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check \
    ai-edge-litert==2.3.0 ai-edge-quantizer==0.10.0 flatbuffers==25.12.19 numpy==2.4.6 \
    tflite-micro==0.dev20261023182759

cat > "$folder/finding.py" <<'END'
import importlib.metadata
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe
from tflite_micro import runtime


def named(name, index):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def build(weights):
    """Return a float32 model of one FULLY_CONNECTED with these weights (units x inputs) and no bias."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    buffer, signature = schema.BufferT(), schema.SignatureDefT()
    buffer.data = np.frombuffer(np.asarray(weights, np.float32).tobytes(), np.uint8)
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT(), buffer], [code]
    model.subgraphs, graph.tensors, graph.operators = [graph], [], [op]
    units, inputs = np.shape(weights)
    for name, shape in (("x", [1, inputs]), ("weights", [units, inputs]), ("y", [1, units])):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, shape, int(name == "weights")
        tensor.type = schema.TensorType.FLOAT32
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs, op.inputs, op.outputs = [0], [2], [0, 1, -1], [2]
    op.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    op.builtinOptions = schema.FullyConnectedOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    signature.signatureKey, signature.inputs, signature.outputs = "serving_default", [named("x", 0)], [named("y", 2)]
    model.signatureDefs = [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def quantize(model, samples):
    """Return the int8 model of the quantizer's recipe for static quantization."""
    job = quantizer.Quantizer(model, recipe.static_wi8_ai8())
    calibration = job.calibrate({"serving_default": [{"x": sample} for sample in samples]})
    return bytes(job.quantize(calibration).quantized_model)


def steps(details, x):
    scale, zero_point = details["quantization"]
    return np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)


def differ(model, x):
    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    x = steps(interpreter.get_input_details()[0], x)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    expected = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).astype(int)
    micro = runtime.Interpreter.from_bytes(model, arena_size=1 << 20)
    micro.set_input(x, 0)
    micro.invoke()
    return int((abs(micro.get_output(0).astype(int) - expected) > 1).sum())


random = np.random.default_rng(0)
seen = {}
for units in (1023, 1024):
    samples = [random.normal(size=(1, 256)).astype(np.float32) for _ in range(5)]
    model = quantize(build(random.normal(size=(units, 256)) / 16), samples)
    buffers = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model)).buffers
    seen[units] = any(buffer.offset for buffer in buffers), differ(model, samples[0])

for package in ("ai-edge-quantizer", "ai-edge-litert", "tflite-micro"):
    print(package, importlib.metadata.version(package))
print("expected: no answer differs by more than 1")
for units, (outside, wrong) in seen.items():
    print(f"{units} units: weights behind the flatbuffer {outside}; answers that differ by more than 1: {wrong}")
same = seen[1023] == (False, 0) and seen[1024][0] and seen[1024][1] > 100
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
