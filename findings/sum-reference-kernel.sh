#!/usr/bin/env bash
# LiteRT's reference kernel of int8 SUM reads negative values as unsigned; its other kernels do not.
#
# Versions: ai-edge-litert 2.3.0 (BUILTIN_REF and BUILTIN_WITHOUT_DEFAULT_DELEGATES), tflite-micro
# 0.dev20261023182759, Python 3.11.
# Model: one int8 SUM of four values. Scales 1 (input) and 4 (output), zero points 0.
# Inputs: 31, 32, 30, 30; and 60, 100, -20, 7.
# Expected: 123 / 4 and 147 / 4, which round to 31 and 37.
# Output seen: the optimized kernels and tflite-micro return 31 and 37. The reference kernel returns 31 and 101: it adds
# 236 instead of -20, and (147 + 256) / 4 rounds to 101.
#
# Why it matters: BUILTIN_REF is the set of kernels that others are checked against. On a SUM with negative values it is
# the wrong one, by up to half of the int8 range, so that a right implementation on a device is called wrong.

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

COUNT = 4


def build():
    """Return a model of one int8 SUM over the last axis of [1, 4] values."""
    model, graph, op, code = schema.ModelT(), schema.SubGraphT(), schema.OperatorT(), schema.OperatorCodeT()
    axis = schema.BufferT()
    axis.data = np.frombuffer(np.int32([1]).tobytes(), np.uint8)
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT(), axis], [code]
    model.subgraphs, graph.tensors, graph.operators = [graph], [], [op]
    for name, shape, scale in (("x", [1, COUNT], 1), ("axis", [1], 0), ("y", [1], 4)):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, shape, int(name == "axis")
        tensor.type = schema.TensorType.INT8 if scale else schema.TensorType.INT32
        if scale:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [0]
        graph.tensors.append(tensor)
    graph.inputs, graph.outputs, op.inputs, op.outputs = [0], [2], [0, 1], [2]
    op.builtinOptionsType, op.builtinOptions = schema.BuiltinOptions.ReducerOptions, schema.ReducerOptionsT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SUM
    code.version = 2
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def in_litert(model, x, kernels):
    kernels = litert.OpResolverType[kernels]
    interpreter = litert.Interpreter(model_content=model, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    return int(interpreter.get_tensor(2)[0])


def in_tflm(model, x):
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 16)
    interpreter.set_input(x, 0)
    interpreter.invoke()
    return int(interpreter.get_output(0)[0])


samples = [np.int8([values]) for values in ([31, 32, 30, 30], [60, 100, -20, 7])]
seen = {
    "LiteRT, reference": [in_litert(build(), x, "BUILTIN_REF") for x in samples],
    "LiteRT, optimized": [in_litert(build(), x, "BUILTIN_WITHOUT_DEFAULT_DELEGATES") for x in samples],
    "TFLM": [in_tflm(build(), x) for x in samples],
}

for package in ("tflite-micro", "ai-edge-litert"):
    print(package, importlib.metadata.version(package))
print("expected: [31, 37]")
for what, value in seen.items():
    print(f"{what}: {value}")
sys.exit(0 if list(seen.values()) == [[31, 101], [31, 37], [31, 37]] else "the behaviour has changed")
END

"$folder/venv/bin/python" "$folder/finding.py"
