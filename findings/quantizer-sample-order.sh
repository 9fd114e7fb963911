#!/usr/bin/env bash
# ai-edge-quantizer's int8 scales depend on the order of the calibration samples.
#
# Versions: ai-edge-quantizer 0.10.0, ai-edge-litert 2.3.0, Python 3.11.
# Model: one float32 FULLY_CONNECTED that adds two values.
# Samples: 100 with the values -10 and 10, and 100 with -1 and 1, in three orders.
# Expected: the same scale from the same samples, for a range of -10 to 10: 20 / 255 = 0.078.
# Output seen: loud ones first: a range of 2.1; loud ones last: 19.9; alternating: 10.8. The range is an
# exponential moving average over the samples, not their minimum and maximum. calibrate() does not say so, and nothing
# warns.
#
# Why it matters: calibration data usually comes sorted by class or by recording. If the quiet class is last, the int8
# model clips the loud class at a fraction of its range. Shuffle the samples; even then the largest values are clipped.

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


def ranges(samples):
    interpreter = litert.Interpreter(model_content=quantize(model, samples))
    scale, _ = interpreter.get_input_details()[0]["quantization"]
    return round(float(scale) * 255, 1)


model = build([[1, 1]])
loud = [np.float32([[-10, 10]])] * 100
quiet = [np.float32([[-1, 1]])] * 100
seen = {
    "loud, then quiet": ranges(loud + quiet),
    "quiet, then loud": ranges(quiet + loud),
    "alternating": ranges([sample for pair in zip(loud, quiet) for sample in pair]),
    "loud, then quiet, again": ranges(loud + quiet),
}

for package in ("ai-edge-quantizer", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print("expected in any order: a range of 20.0")
for what, value in seen.items():
    print(f"{what}: a range of {value}")
recorded = [2.1, 19.9, 10.8, 2.1]
sys.exit(0 if list(seen.values()) == recorded else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
