#!/usr/bin/env bash
# ai-edge-quantizer writes a scale of NaN if one calibration sample has a NaN.
#
# Versions: ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, Python 3.11.
# Model: one float32 FULLY_CONNECTED of 4 inputs and 2 units.
# Samples: 50 of four values; one value of one sample is NaN, as pandas and NumPy read a missing reading.
# Expected: an error that names the sample or the tensor, or a scale from the other 49 samples.
# Output seen: quantize() succeeds. The input has an ordinary scale; the output's scale is NaN. LiteRT with its default
# delegate rejects the file ("unsupported scale value (nan)"). Its reference kernels and tflite-micro run it, and answer
# the same to whatever they are given.
#
# Why it matters: sensor logs have missing readings. One of them in the calibration data makes a model that is flashed
# and runs without an error, and always gives the same answer.

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


def scales(model):
    interpreter = litert.Interpreter(model_content=model)
    details = interpreter.get_input_details() + interpreter.get_output_details()
    return [float(detail["quantization"][0]) for detail in details]


def in_litert(model, inputs):
    kernels = litert.OpResolverType.BUILTIN_REF
    interpreter = litert.Interpreter(model_content=model, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    for x in inputs:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        yield tuple(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel().tolist())


def in_tflm(model, inputs):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    for x in inputs:
        interpreter.set_input(x, 0)
        interpreter.invoke()
        yield tuple(interpreter.get_output(0).ravel().tolist())


weights = [[1, -2, 0.5, 3], [0.5, 1, 1, -1]]
samples = [np.float32([[np.sin(7 * k + i) for i in range(4)]]) for k in range(50)]
broken = [sample.copy() for sample in samples]
broken[10][0, 1] = np.nan
inputs = [np.int8([[k, -k, 3 * k, 60 - k]]) for k in range(-40, 40)]
seen = {}
for what, data in (("50 complete samples", samples), ("one value is NaN", broken)):
    model = quantize(build(weights), data)
    seen[what] = scales(model), len(set(in_litert(model, inputs))), len(set(in_tflm(model, inputs)))

for package in ("ai-edge-quantizer", "ai-edge-litert", "tflite-micro"):
    print(package, importlib.metadata.version(package))
print("expected: an error, or finite scales and other answers to other inputs")
for what, (both, reference, micro) in seen.items():
    print(f"{what}: scales {both}; different answers to 80 inputs: LiteRT {reference}, TFLM {micro}")
(whole, *counts), (scale_and_nan, *broken_counts) = seen.values()
finite = [bool(np.isfinite(scale)) for scale in whole + scale_and_nan]
same = finite == [True, True, True, False] and min(counts) > 40 and broken_counts == [1, 1]
sys.exit(0 if same else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
