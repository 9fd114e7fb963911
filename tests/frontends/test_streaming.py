"""A model of windows becomes one that takes frames as they come: the same bytes, once a whole window has come."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from microgen.errors import InputError
from microgen.frontends.rewriting.memory import remember
from microgen.frontends.rewriting.streaming import stream
from microgen.tflite import parse
from microgen.workers.tflm import Interpreter
from tests.support import models
from tests.support.models import ModelBuilder, schema

STEP = 3


def convolutions(*, time_padding: int = 1, first: int = 5, last: int = 7) -> bytes:
    """Convolutions over time: of stride 3, over each channel, of one moment, and one that leaves a moment."""
    rng = np.random.default_rng(7)
    b = ModelBuilder()

    def shape(tensor):
        return list(b.graph.tensors[tensor].shape)

    x = b.tensor("x", [1, 27 + first, 1, 4], scale=0.1, zero_point=-9)

    def convolution(name, source, length, kernel, stride=1, channels=4):
        options = schema.Conv2DOptionsT() if kernel == "CONV_2D" else schema.DepthwiseConv2DOptionsT()
        options.padding, options.strideH, options.strideW = time_padding, stride, 1
        options.dilationHFactor = options.dilationWFactor = 1
        options.fusedActivationFunction = 1
        if kernel != "CONV_2D":
            options.depthMultiplier = 1
        before = shape(source)
        count = (before[1] - length) // stride + 1 if time_padding else -(-before[1] // stride)
        weights = [channels, length, 1, before[3]] if kernel == "CONV_2D" else [1, length, 1, before[3]]
        w = b.tensor(f"{name}_w", weights, scale=0.004, values=rng.integers(-127, 128, weights))
        bias = b.tensor(f"{name}_b", [channels], "int32", 0.0004, values=rng.integers(-500, 500, channels))
        y = b.tensor(name, [1, count, 1, channels], scale=0.1, zero_point=-128)
        b.op(kernel, [source, w, bias], [y], options)
        return y

    y = convolution("first", x, first, "CONV_2D", 3)
    y = convolution("each", y, 4, "DEPTHWISE_CONV_2D")
    y = convolution("point", y, 1, "CONV_2D")
    y = convolution("last", y, last, "CONV_2D", channels=2)
    flat = b.tensor("flat", [1, 2 * shape(y)[1]], scale=0.1, zero_point=-128)
    options = schema.ReshapeOptionsT()
    b.op("RESHAPE", [y, b.tensor("to", [2], "int32", values=np.array(shape(flat)))], [flat], options)
    z = b.tensor("z", shape(flat), scale=1 / 256, zero_point=-128)
    b.op("LOGISTIC", [flat], [z])
    return b.build([x], [z])


@pytest.mark.parametrize("first", [3, 5])
def test_the_answers_are_those_of_the_windows(tmp_path, first):
    window = convolutions(first=first)
    frames, streaming = 27 + first, stream(window, STEP)
    model = parse(streaming)
    assert model.is_stateful and model.inputs[0].shape == (1, STEP, 1, 4) and model.outputs[0].shape == (1, 2)
    samples = np.random.default_rng(1).integers(-128, 128, (90, 1, 4)).astype(np.int8)
    whole, parts = Interpreter(window, 1 << 18), Interpreter(streaming, 1 << 18)
    compared = set()
    for end in range(STEP, 90 + 1, STEP):
        (answer,) = parts.infer([samples[None, end - STEP : end]], fresh=end == STEP)
        if end >= frames:
            (wanted,) = whole.infer([samples[None, end - frames : end]])
            assert (answer == wanted).all()
            compared.add(answer.tobytes())
    assert len(compared) > 5, "answers that do not change compare nothing"
    if first == 3:
        return
    (tmp_path / "m.tflite").write_bytes(streaming)
    result = microgen.build(tmp_path / "m.tflite", "pico", out=tmp_path / "p", samples=8, runtime="compiled")
    assert result.verdict.passed and result.verdict.firmware == "equal"


def test_what_is_kept_begins_with_zero():
    model = schema.ModelT.InitFromPackedBuf(stream(convolutions(), STEP), 0)
    main, begin = model.subgraphs
    assert main.operators[0].builtinOptions.initSubgraphIndex == 1, "CALL_ONCE is the first operator"
    values = [t for t in begin.tensors if t.buffer]
    assert len(values) == 3, "of the convolutions over more than one moment"
    for tensor in values:
        data = np.asarray(model.buffers[tensor.buffer].data).view(np.int8)
        assert data.size == np.prod(tensor.shape) and (data == tensor.quantization.zeroPoint[0]).all()


def test_what_a_model_returns_is_what_it_takes_next():
    """The sums of all inputs so far; twice that is the answer."""
    b = ModelBuilder()
    x, before, after, y = (b.tensor(name, [1, 3], "float32") for name in ("x", "before", "after", "y"))
    b.op("ADD", [x, before], [after], schema.AddOptionsT())
    b.op("MUL", [after, b.tensor("two", [], "float32", values=np.float32(2))], [y], schema.MulOptionsT())
    data = b.build([x, before], [y, after])
    kept = remember(data, 1)
    assert parse(kept).is_stateful and [len(t) for t in (parse(kept).inputs, parse(kept).outputs)] == [1, 1]
    assert remember(data, 0) == data
    interpreter, sample = Interpreter(kept, 1 << 16), np.array([[1, -2, 0.5]], np.float32)
    for count in (1, 2, 3, 1):
        (answer,) = interpreter.infer([sample], fresh=count == 1)
        np.testing.assert_array_equal(answer, 2 * count * sample)


@pytest.mark.parametrize(
    ("data", "step", "says"),
    [
        (convolutions(last=5), 3, "over"),
        (convolutions(time_padding=0), 3, "over time"),
        (convolutions(), 4, "stride 3 of 4 time steps"),
        (convolutions(), 6, "more than one time step is left"),
        (models.fully_connected(), 3, "cannot process single frames"),
    ],
)
def test_what_is_no_such_model_is_refused(data, step, says):
    with pytest.raises(InputError, match=says):
        stream(data, step)
