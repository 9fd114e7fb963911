"""Writes firmware/runtimes/tflm/host/selftest_model.h: python make_selftest_model.py > THAT_FILE

A FULLY_CONNECTED of four int8 values to three, then a RESHAPE. Every rescaling is by a power of two and every
sum is a multiple of it, so that the answer is exact and can be worked out by hand.
Needs: flatbuffers, ai-edge-litert, numpy.
"""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

INPUT = np.array([[5, -3, 127, -128]], np.int8)  # scale 0.5, zero point 1
WEIGHTS = np.array([[4, 0, 0, 0], [1, 1, 1, -1], [-8, 4, 2, 2]], np.int8)  # scale 0.25
BIAS = np.array([8, -15, 6], np.int32)  # scale 0.5 * 0.25
OUTPUT_SCALE, OUTPUT_ZERO_POINT = 0.5, -7  # so a sum counts a quarter


def tensor(name, shape, kind, buffer, scale, zero_point):
    t = schema.TensorT()
    t.name, t.shape, t.type, t.buffer = name, list(shape), kind, buffer
    if scale:
        t.quantization = schema.QuantizationParametersT()
        t.quantization.scale, t.quantization.zeroPoint = [scale], [zero_point]
    return t


def operator(code, inputs, outputs, options_type, options):
    op = schema.OperatorT()
    op.opcodeIndex, op.inputs, op.outputs = code, inputs, outputs
    op.builtinOptionsType, op.builtinOptions = options_type, options
    return op


def operator_code(builtin):
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = builtin
    code.version = 1
    return code


def build():
    model = schema.ModelT()
    model.version = 3
    model.description = "microgen self-test"
    model.buffers = [schema.BufferT() for _ in range(4)]
    model.buffers[1].data = WEIGHTS.tobytes()
    model.buffers[2].data = BIAS.tobytes()
    model.buffers[3].data = np.array([3], np.int32).tobytes()
    kind, builtin, options = schema.TensorType, schema.BuiltinOperator, schema.BuiltinOptions
    model.operatorCodes = [operator_code(builtin.FULLY_CONNECTED), operator_code(builtin.RESHAPE)]
    graph = schema.SubGraphT()
    graph.tensors = [
        tensor("input", [1, 4], kind.INT8, 0, 0.5, 1),
        tensor("weights", [3, 4], kind.INT8, 1, 0.25, 0),
        tensor("bias", [3], kind.INT32, 2, 0.125, 0),
        tensor("sums", [1, 3], kind.INT8, 0, OUTPUT_SCALE, OUTPUT_ZERO_POINT),
        tensor("shape", [1], kind.INT32, 3, 0, 0),
        tensor("output", [3], kind.INT8, 0, OUTPUT_SCALE, OUTPUT_ZERO_POINT),
    ]
    reshape = schema.ReshapeOptionsT()
    reshape.newShape = [3]
    graph.inputs, graph.outputs = [0], [5]
    graph.operators = [
        operator(0, [0, 1, 2], [3], options.FullyConnectedOptions, schema.FullyConnectedOptionsT()),
        operator(1, [3, 4], [5], options.ReshapeOptions, reshape),
    ]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def expected():
    sums = WEIGHTS.astype(np.int64) @ (INPUT.astype(np.int64)[0] - 1) + BIAS
    assert not np.any(sums % 4)
    return np.clip(sums // 4 + OUTPUT_ZERO_POINT, -128, 127).astype(np.int8)


def main():
    model = build()
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], INPUT)
    interpreter.invoke()
    answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    assert np.array_equal(answer, expected()), (answer, expected())
    print("// Written by tests/firmware/make_selftest_model.py.")
    print("#pragma once\n\n#include <cstdint>\n")
    print("// clang-format off")
    print(f"inline constexpr int8_t kSelfTestInput[] = {{{', '.join(map(str, INPUT[0]))}}};")
    print(f"inline constexpr int8_t kSelfTestOutput[] = {{{', '.join(map(str, answer))}}};")
    print("alignas(16) inline constexpr unsigned char kSelfTestModel[] = {")
    for i in range(0, len(model), 16):
        print("    " + " ".join(f"0x{b:02x}," for b in model[i : i + 16]))
    print("};")
    print("// clang-format on")


if __name__ == "__main__":
    main()
