"""Small .tflite models made on the spot, so that tests need no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

TYPES = {"int8": 9, "int16": 7, "int32": 2, "float32": 0, "float16": 1, "uint8": 3, "bool": 6, "int64": 4,
         "resource": 13}  # fmt: skip


class ModelBuilder:
    """Collects tensors and operators, and packs them into a .tflite."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.codes: list[Any] = []
        self.done: list[Any] = []
        self.buffers = [schema.BufferT()]

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "int8",
        scale: float | Sequence[float] = 0.05,
        zero_point: int = 0,
        values: Any = None,
        signature: Sequence[int] | None = None,
        dimension: int = 0,
        variable: bool = False,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), TYPES[dtype]
        tensor.isVariable = variable
        if signature is not None:
            tensor.shapeSignature = list(signature)
        scales = [scale] if isinstance(scale, float) else list(scale)
        if scales and dtype in ("int8", "int16", "int32", "int64", "uint8"):
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
            tensor.quantization.quantizedDimension = dimension
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(values, dtype).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def op(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None, custom: str = ""
    ) -> int:
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(32 if custom else getattr(schema.BuiltinOperator, name), custom)
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)
        return len(self.graph.operators) - 1

    def _code(self, builtin: int, custom: str) -> int:
        """Return the number of a code among those of the model, which has each once."""
        for number, code in enumerate(self.codes):
            if (code.builtinCode, code.customCode or "") == (builtin, custom):
                return number
        code = schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
        if custom:
            code.customCode = custom
        self.codes.append(code)
        return len(self.codes) - 1

    def subgraph(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """End the graph that is being built, and begin the next one."""
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        self.done.append(self.graph)
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []

    def build(self, inputs: Sequence[int], outputs: Sequence[int], version: int = 3) -> bytes:
        self.graph.inputs, self.graph.outputs = list(inputs), list(outputs)
        model = schema.ModelT()
        model.version, model.description = version, "test model"
        model.operatorCodes, model.buffers, model.subgraphs = self.codes, self.buffers, [*self.done, self.graph]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def fully_connected(
    units: int = 4,
    width: int = 8,
    per_channel: bool = False,
    dtype: str = "int8",
    weights: Any = None,
    rows: int = 1,
    **tensor: Any,
) -> bytes:
    """A dense layer: int8 [rows, width] to [rows, units]."""
    rng = np.random.default_rng(3)
    b = ModelBuilder()
    x = b.tensor("x", [rows, width], dtype, zero_point=-5 if dtype == "int8" else 0, **tensor)
    if weights is None:
        weights = rng.integers(-127, 128, (units, width))
    scales = [0.01 + 0.002 * k for k in range(units)] if per_channel else [0.013]
    w = b.tensor("weights", [units, width], "int8", scales, values=weights)
    kind = "int64" if dtype == "int16" else "int32"
    bias = b.tensor("bias", [units], kind, [0.05 * s for s in scales], values=rng.integers(-200, 200, units))
    y = b.tensor("y", [rows, units], dtype, scale=0.11, zero_point=7 if dtype == "int8" else 0)
    b.op("FULLY_CONNECTED", [x, w, bias], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def multiplied(dtype: str = "int8") -> bytes:
    """FULLY_CONNECTED whose weights are an input, or int4 constants."""
    b = ModelBuilder()
    x, y = b.tensor("x", [3, 8], zero_point=-5), b.tensor("y", [3, 5], scale=0.11, zero_point=7)
    w = b.tensor("w", [5, 8], scale=0.013)
    b.op("FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    if dtype == "int8":
        return b.build([x, w], [y])
    tensor, buffer = b.graph.tensors[w], schema.BufferT()
    buffer.data = np.random.default_rng(5).integers(0, 256, 20).astype(np.uint8)
    tensor.type, tensor.buffer, tensor.quantization.scale = 17, len(b.buffers), [0.2]
    b.buffers.append(buffer)
    return b.build([x], [y])


def two_by_two(mover: str = "QUANTIZE", width: int = 6) -> bytes:
    """Two inputs, two outputs: a + b, and a concatenated with b, which another operator has moved."""
    b = ModelBuilder()
    left, right = (b.tensor(n, [1, width], zero_point=z) for n, z in (("left", 3), ("right", -9)))
    total = b.tensor("total", [1, width], scale=0.1, zero_point=1)
    both = b.tensor("both", [1, 2 * width], scale=0.05, zero_point=3)
    moved = b.tensor("moved", [1, width], scale=0.05, zero_point=3)
    b.op("ADD", [left, right], [total], schema.AddOptionsT())
    b.op(mover, [right], [moved])
    concatenation = schema.ConcatenationOptionsT()
    concatenation.axis = 1
    b.op("CONCATENATION", [left, moved], [both], concatenation)
    return b.build([left, right], [total, both])


def residual(width: int = 2000) -> bytes:
    """y = a + b, where b is made of a and a of the input; `unused` is what no operator reads or writes."""
    b = ModelBuilder()
    x = b.tensor("x", [1, width], scale=0.05)
    b.tensor("unused", [1, 64])
    a, c = (b.tensor(n, [1, width], scale=1 / 256, zero_point=-128) for n in "ab")
    y = b.tensor("y", [1, width // 2], scale=0.02)
    total = b.tensor("total", [1, width], scale=0.02)
    begin, size = (b.tensor(n, [2], "int32", values=v) for n, v in (("begin", [0, 0]), ("size", [1, width // 2])))
    b.op("LOGISTIC", [x], [a])
    b.op("LOGISTIC", [a], [c])
    b.op("ADD", [a, c], [total], schema.AddOptionsT())
    b.op("SLICE", [total, begin, size], [y], schema.SliceOptionsT())
    return b.build([x], [y])


def float_edges() -> bytes:
    """Float32 at its edges, int8 inside: QUANTIZE, RELU, DEQUANTIZE."""
    b = ModelBuilder()
    x = b.tensor("x", [1, 5], "float32")
    q = b.tensor("q", [1, 5], zero_point=4)
    r = b.tensor("r", [1, 5], zero_point=4)
    y = b.tensor("y", [1, 5], "float32")
    b.op("QUANTIZE", [x], [q])
    b.op("RELU", [q], [r])
    b.op("DEQUANTIZE", [r], [y])
    return b.build([x], [y])


def one_operator(name: str, options: Any = None, custom: str = "", dtype: str = "int8", **tensor: Any) -> bytes:
    """One operator with one input and one output of the same shape."""
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 4], dtype, **tensor), b.tensor("y", [1, 4], dtype)
    b.op(name, [x], [y], options, custom)
    return b.build([x], [y])


def layer(name: str, inputs: Sequence[Any], outputs: Sequence[Any], options: str = "", **fields: Any) -> bytes:
    """One operator.

    Args:
        inputs: for each the shape, the type, and the values of a constant.
        outputs: for each the shape and the type, and scale and zero point where they must be certain ones.
        options: the kind of its options in the schema, with these fields.
    """
    b = ModelBuilder()
    fed, read = [], []
    for k, (shape, dtype, *values) in enumerate(inputs):
        scale = () if dtype in ("int32", "int64") else 0.05
        read.append(b.tensor(f"x{k}", shape, dtype, scale, values=values[0] if values else None))
        if not values:
            fed.append(read[-1])
    written = [b.tensor(f"y{k}", *output) for k, output in enumerate(outputs)]
    told = getattr(schema, f"{options}OptionsT")() if options else None
    for field, value in fields.items():
        setattr(told, field, value)
    b.op(name, read, written, told)
    return b.build(fed, written)


def chain(names: Sequence[str]) -> bytes:
    """Operators one after the other, each from [1, 3, 3] to the same: MEAN, RESHAPE, BATCH_MATMUL."""
    b = ModelBuilder()
    first = x = b.tensor("x", [1, 3, 3])
    axis = b.tensor("axis", [1], "int32", (), values=[0])
    for k, name in enumerate(names):
        y = b.tensor(f"y{k}", [1, 3, 3])
        if name == "MEAN":
            options = schema.ReducerOptionsT()
            options.keepDims = True
            b.op(name, [x, axis], [y], options)
        elif name == "RESHAPE":
            options = schema.ReshapeOptionsT()
            options.newShape = [1, 3, 3]
            b.op(name, [x], [y], options)
        else:
            b.op(name, [x, x], [y], schema.BatchMatMulOptionsT())
        x = y
    return b.build([first], [x])


def with_first(data: bytes, name: str) -> bytes:
    """The same model of one graph, in which another tensor is number 0."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    (graph,) = model.subgraphs
    order = sorted(range(len(graph.tensors)), key=lambda i: graph.tensors[i].name.decode() != name)
    number = {old: new for new, old in enumerate(order)} | {-1: -1}
    graph.tensors = [graph.tensors[i] for i in order]
    for part in (graph, *graph.operators):
        part.inputs, part.outputs = ([number[i] for i in found] for found in (part.inputs, part.outputs))
    return packed(model)


def packed(model: Any) -> bytes:
    """The bytes of a model's objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def half_weights() -> bytes:
    """A dense layer whose weights are stored as float16."""
    b = ModelBuilder()
    x, y, wide = b.tensor("x", [1, 3], "float32"), b.tensor("y", [1, 2], "float32"), b.tensor("wide", [2, 3], "float32")
    w = b.tensor("w", [2, 3], "float16", values=np.linspace(-1, 1, 6).reshape(2, 3))
    b.op("DEQUANTIZE", [w], [wide])
    b.op("FULLY_CONNECTED", [x, wide, -1], [y], schema.FullyConnectedOptionsT())
    return b.build([x], [y])


def signal_window(size: int = 16) -> bytes:
    """TFLM's audio operator that multiplies samples with a window."""
    b = ModelBuilder()
    x, y = b.tensor("x", [size], "int16", ()), b.tensor("y", [size], "int16", ())
    w = b.tensor("w", [size], "int16", (), values=np.arange(size) * 100)
    number = b.op("", [x, w], [y], custom="SignalWindow")
    options = flexbuffers.Builder()
    with options.Map():
        options.Int("shift", 12)
    b.graph.operators[number].customOptions = np.frombuffer(bytes(options.Finish()), np.uint8)
    return b.build([x], [y])


def detections(boxes: int = 6, most: int = 4, classes: int = 1) -> bytes:
    """The end of a detector: TFLite_Detection_PostProcess on two classes, which writes as many rows as it finds.

    `classes` is how many of them an object may have.
    """
    b = ModelBuilder()
    x, scores = b.tensor("boxes", [1, boxes, 4], scale=0.1), b.tensor("scores", [1, boxes, 3], scale=1 / 128)
    values = [b.tensor(f"{name}_f", [1, boxes, n], "float32") for name, n in (("boxes", 4), ("scores", 3))]
    for given, real in zip((x, scores), values, strict=True):
        b.op("DEQUANTIZE", [given], [real])
    b.codes[-1].version = 2
    anchors = b.tensor("anchors", [boxes, 4], "float32", values=np.random.default_rng(0).random((boxes, 4)))
    rows = most * classes
    shapes = {"b": [1, rows, 4], "c": [1, rows], "s": [1, rows], "n": [1]}
    found = [b.tensor(name, shape, "float32") for name, shape in shapes.items()]
    number = b.op("", [*values, anchors], found, custom="TFLite_Detection_PostProcess")
    options = flexbuffers.Builder()
    with options.Map():
        for key, count in (("max_detections", most), ("max_classes_per_detection", classes), ("num_classes", 2)):
            options.Int(key, count)
        options.Key("use_regular_nms")
        options.Bool(False)
        for key, real in (("nms_score_threshold", 0.3), ("nms_iou_threshold", 0.5)):
            options.Key(key)
            options.Float(real)
        for key, real in (("y_scale", 10.0), ("x_scale", 10.0), ("h_scale", 5.0), ("w_scale", 5.0)):
            options.Key(key)
            options.Float(real)
    b.graph.operators[number].customOptions = np.frombuffer(bytes(options.Finish()), np.uint8)
    return b.build([x, scores], found)


def in_float32(data: bytes) -> bytes:
    """A model of integers with the real values of all its tensors in float32."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if (quantization := tensor.quantization) is None or quantization.scale is None:
                continue
            buffer = model.buffers[tensor.buffer]
            if buffer.data is not None and len(buffer.data):
                kind = next(name for name, number in TYPES.items() if number == tensor.type)
                stored = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), kind)
                real = (stored - float(quantization.zeroPoint[0])) * quantization.scale[0]
                buffer.data = np.frombuffer(real.astype("f4").tobytes(), np.uint8)
            tensor.type, tensor.quantization = TYPES["float32"], None
    return packed(model)


def control_flow(recursive: bool = False) -> bytes:
    """IF over a bool input: a dense layer in one branch, a RELU in the other."""
    b = ModelBuilder()
    condition, x = b.tensor("condition", [1], "bool"), b.tensor("x", [1, 4], scale=0.05, zero_point=3)
    y = b.tensor("y", [1, 4], scale=0.05, zero_point=3)
    options = schema.IfOptionsT()
    options.thenSubgraphIndex, options.elseSubgraphIndex = (0 if recursive else 1), 2
    b.op("IF", [condition, x], [y], options)
    b.subgraph([condition, x], [y])
    rng = np.random.default_rng(5)
    x = b.tensor("then_x", [1, 4], scale=0.05, zero_point=3)
    w = b.tensor("then_w", [4, 4], scale=0.01, values=rng.integers(-127, 128, (4, 4)))
    bias = b.tensor("then_b", [4], "int32", scale=0.0005, values=rng.integers(-99, 99, 4))
    y = b.tensor("then_y", [1, 4], scale=0.05, zero_point=3)
    b.op("FULLY_CONNECTED", [x, w, bias], [y], schema.FullyConnectedOptionsT())
    b.subgraph([x], [y])
    x, y = (b.tensor(n, [1, 4], scale=0.05, zero_point=3) for n in ("else_x", "else_y"))
    b.op("RELU", [x], [y])
    b.subgraph([x], [y])
    return _finish(b)


def _finish(b: ModelBuilder) -> bytes:
    """Pack a model whose graphs are all ended."""
    model = schema.ModelT()
    model.version, model.description = 3, "test model"
    model.operatorCodes, model.buffers, model.subgraphs = b.codes, b.buffers, b.done
    return packed(model)


def stateful(awkward: bool = False, filters: int = 6) -> bytes:
    """SVDF with an int16 state, which keeps the last four steps.

    Its scales are powers of two, so that all interpreters round alike; with `awkward` ones they do not.
    """
    rng = np.random.default_rng(9)
    memory, width = 4, 5
    fine, coarse, tiny = (0.01, 0.05, 0.0001) if awkward else (2.0**-7, 2.0**-4, 2.0**-13)
    state_scale = 0.001 if awkward else 2.0**-11
    b = ModelBuilder()
    x = b.tensor("x", [1, width], scale=coarse, zero_point=1)
    feature = b.tensor("feature", [filters, width], scale=fine, values=rng.integers(-127, 128, (filters, width)))
    time = b.tensor("time", [filters, memory], "int16", tiny, values=rng.integers(-9999, 9999, (filters, memory)))
    bias = b.tensor("bias", [filters], "int32", state_scale * tiny, values=rng.integers(-999, 999, filters))
    state = b.tensor("state", [1, memory * filters], "int16", state_scale, variable=True)
    y = b.tensor("y", [1, filters], scale=coarse, zero_point=-2)
    options = schema.SVDFOptionsT()
    options.rank, options.fusedActivationFunction = 1, 1
    b.op("SVDF", [x, feature, time, bias, state], [y], options)
    return b.build([x], [y])


def planned(data: bytes, offsets: Sequence[int], count: int | None = None) -> bytes:
    """A model whose arena a tool has planned: an offset for each tensor, -1 for none."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    plan = np.array([1, 0, len(offsets) if count is None else count, *offsets], np.int32)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = "OfflineMemoryAllocation", len(model.buffers)
    buffer.data = np.frombuffer(plan.tobytes(), np.uint8)
    model.metadata, model.buffers = [*(model.metadata or []), entry], [*model.buffers, buffer]
    return packed(model)


def variable(start: int | None = None, *, name: str = "sum", other: str | None = None) -> bytes:
    """A variable beside the graph, which an input is added to; CALL_ONCE gives it a start, where there is one.

    The steps are rounded: an answer depends on all inputs before it.
    """

    def handle(name: str, container: str | None = "") -> int:
        options = schema.VarHandleOptionsT()
        options.container, options.sharedName = container, name
        tensor = b.tensor("handle", [], "resource", ())
        b.op("VAR_HANDLE", [], [tensor], options)
        return tensor

    b = ModelBuilder()
    x, before = b.tensor("x", [1, 4], scale=0.03, zero_point=3), b.tensor("before", [1, 4])
    after, y = b.tensor("after", [1, 4]), b.tensor("y", [1, 4], scale=0.03, zero_point=-9)
    if start is not None:
        once = schema.CallOnceOptionsT()
        once.initSubgraphIndex = 1
        b.op("CALL_ONCE", [], [], once)
    kept = handle(name)
    b.op("READ_VARIABLE", [kept], [before], schema.ReadVariableOptionsT())
    b.op("ADD", [x, before], [after], schema.AddOptionsT())
    b.op("ASSIGN_VARIABLE", [kept if other is None else handle(other), after], [], schema.AssignVariableOptionsT())
    b.op("MUL", [after, x], [y], schema.MulOptionsT())
    if start is None:
        return b.build([x], [y])
    b.subgraph([x], [y])
    kept, first = handle(name), b.tensor("first", [1, 4], values=np.full(4, start))
    b.op("ASSIGN_VARIABLE", [kept, first], [], schema.AssignVariableOptionsT())
    b.subgraph([], [])
    return _finish(b)


def lstm(
    steps: int = 9,
    width: int = 4,
    units: int = 6,
    *,
    time_major: bool = False,
    cell_scale: float = 2.0**-12,
    hidden_scale: float = 0.007,
    weights: Any = None,
) -> bytes:
    """A fused LSTM as the converter writes it; `weights` gives {position among the inputs: values}."""
    rng = np.random.default_rng(21)
    in_scale, w_scale = 2.0**-5, 2.0**-7
    b = ModelBuilder()
    inputs = [b.tensor("x", [steps, 1, width] if time_major else [1, steps, width], scale=in_scale, zero_point=-5)]
    for k in range(8):
        shape = (units, width if k < 4 else units)
        values = rng.integers(-127, 128, shape) if weights is None else weights.get(k + 1, np.zeros(shape))
        inputs.append(b.tensor(f"w{k}", shape, scale=w_scale, values=values))
    inputs += [-1, -1, -1]
    for k in range(4):
        values = rng.integers(-9999, 9999, units) if weights is None else weights.get(k + 12, np.zeros(units))
        inputs.append(b.tensor(f"b{k}", [units], "int32", in_scale * w_scale, values=values))
    inputs += [-1, -1]
    inputs.append(b.tensor("hidden", [1, units], scale=hidden_scale, zero_point=3, variable=True))
    inputs.append(b.tensor("cell", [1, units], "int16", cell_scale, variable=True))
    inputs += [-1] * 4
    y = b.tensor("y", [steps, 1, units] if time_major else [1, steps, units], scale=0.007, zero_point=3)
    options = schema.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.timeMajor, options.cellClip = 4, time_major, 10.0
    number = b.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], options)
    # LiteRT wants the quantization of the product before a projection, without which it is the hidden state's.
    middle = [b.tensor(f"t{k}", [0], "float32") for k in range(4)]
    b.graph.operators[number].intermediates = [*middle, b.tensor("t4", [0], scale=hidden_scale, zero_point=3)]
    return b.build([0], [y])


def append_table(b: ModelBuilder, source: int, entries: int, target: int, offset: int = 128) -> None:
    """Add what a table of 256 bytes is in a .tflite: CAST to int32, ADD, GATHER."""
    shape = list(b.graph.tensors[source].shape)
    signed, index = (b.tensor(f"{name}{target}", shape, "int32", ()) for name in ("signed", "index"))
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = TYPES["int8"], TYPES["int32"]
    b.op("CAST", [source], [signed], cast)
    b.op("ADD", [signed, b.tensor(f"offset{target}", [], "int32", (), values=offset)], [index], schema.AddOptionsT())
    b.op("GATHER", [entries, index], [target], schema.GatherOptionsT())


def table(offset: int = 128) -> bytes:
    """A table of 256 random bytes; with another offset it is none that the compiled runtime knows."""
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 8, 32], zero_point=3), b.tensor("y", [1, 8, 32], scale=0.02, zero_point=-7)
    values = np.random.default_rng(3).integers(-128, 128, 256)
    append_table(b, x, b.tensor("entries", [256], scale=0.02, zero_point=-7, values=values), y, offset)
    return b.build([x], [y])


def product(dtype: str = "int16") -> bytes:
    """MUL of an input with another, and with a constant that is broadcast."""
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 5, 3], dtype, 0.0011), b.tensor("y", [1, 5, 3], dtype, 0.0021)
    middle, out = b.tensor("m", [1, 5, 3], dtype, 0.0301), b.tensor("z", [1, 5, 3], dtype, 0.7)
    c = b.tensor("c", [3], dtype, 0.013, values=np.array([-3000, 77, 12345]))
    b.op("MUL", [x, y], [middle], schema.MulOptionsT())
    b.op("MUL", [middle, c], [out], schema.MulOptionsT())
    return b.build([x, y], [out])


def quirky_bias() -> bytes:
    """A channel-wise convolution whose bias says that its channels lie along dimension 3, as old converters wrote."""
    rng = np.random.default_rng(11)
    b = ModelBuilder()
    x = b.tensor("x", [1, 4, 4, 2], zero_point=-3)
    scales = [0.01, 0.02, 0.03]
    w = b.tensor("w", [3, 2, 2, 2], scale=scales, values=rng.integers(-127, 128, (3, 2, 2, 2)))
    bias = b.tensor("bias", [3], "int32", [0.05 * s for s in scales], values=rng.integers(-99, 99, 3), dimension=3)
    y = b.tensor("y", [1, 3, 3, 3], scale=0.2, zero_point=5)
    options = schema.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW = 1, 1, 1
    options.dilationHFactor = options.dilationWFactor = 1
    b.op("CONV_2D", [x, w, bias], [y], options)
    return b.build([x], [y])


def reduce(name: str) -> bytes:
    """SUM, MEAN and their like over the second of three dimensions."""
    b = ModelBuilder()
    x = b.tensor("x", [1, 5, 3], zero_point=-7)
    axis = b.tensor("axis", [1], "int32", (), values=np.array([1]))
    y = b.tensor("y", [1, 3], scale=0.11, zero_point=4)
    b.op(name, [x, axis], [y], schema.ReducerOptionsT())
    return b.build([x], [y])


def rescaling_relu6() -> bytes:
    """RELU6 on its own, from one scale to another."""
    b = ModelBuilder()
    x, y = b.tensor("x", [1, 8], scale=0.05, zero_point=-3), b.tensor("y", [1, 8], scale=6 / 255, zero_point=-128)
    b.op("RELU6", [x], [y])
    return b.build([x], [y])
