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


class Windows(ModelBuilder):
    """A model of windows [1, frames, 1, 4] that grows by one operator at a time."""

    def __init__(self, frames: int, seed: int = 7) -> None:
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.input = self.last = self.tensor(
            "x", [1, frames, 1, 4], scale=0.1, zero_point=-9, signature=[-1, frames, 1, 4]
        )

    @property
    def shape(self) -> list[int]:
        return list(self.graph.tensors[self.last].shape)

    def step(self, name, inputs, shape, options=None, zero_point=-9):
        out = self.tensor(f"t{len(self.graph.tensors)}", shape, scale=0.1, zero_point=zero_point)
        self.op(name, inputs, [out], options)
        self.last = out
        return self

    def convolve(self, length, kernel="CONV_2D", stride=1, channels=4, padding=1, dilation=1, activation=1):
        options = schema.Conv2DOptionsT() if kernel == "CONV_2D" else schema.DepthwiseConv2DOptionsT()
        options.padding, options.strideH, options.strideW = padding, stride, 1
        options.dilationHFactor, options.dilationWFactor = dilation, 1
        options.fusedActivationFunction = activation
        if kernel != "CONV_2D":
            options.depthMultiplier = 1
        before = self.shape
        count = (before[1] - length) // stride + 1 if padding else -(-before[1] // stride)
        weights = [channels, length, 1, before[3]] if kernel == "CONV_2D" else [1, length, 1, before[3]]
        w = self.tensor("w", weights, scale=0.004, values=self.rng.integers(-127, 128, weights))
        bias = self.tensor("b", [channels], "int32", 0.0004, values=self.rng.integers(-500, 500, channels))
        return self.step(kernel, [self.last, w, bias], [1, count, 1, channels], options, -128 if activation else -9)

    def flatten(self):
        flat = [1, int(np.prod(self.shape))]
        to = self.tensor("to", [2], "int32", values=flat)
        return self.step("RESHAPE", [self.last, to], flat, schema.ReshapeOptionsT(), -128)

    def bytes(self) -> bytes:
        return self.build([self.input], [self.last])


def convolutions(*, time_padding: int = 1, first: int = 5, last: int = 7) -> bytes:
    """Convolutions over time: of stride 3, over each channel, of one moment, and one that leaves a moment."""
    model = Windows(27 + first).convolve(first, stride=3, padding=time_padding)
    model.convolve(4, "DEPTHWISE_CONV_2D", padding=time_padding).convolve(1, padding=time_padding)
    model.convolve(last, channels=2, padding=time_padding).flatten()
    z = model.tensor("z", model.shape, scale=1 / 256, zero_point=-128)
    model.op("LOGISTIC", [model.last], [z])
    model.last = z
    return model.bytes()


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


@pytest.mark.parametrize("seed", range(24))
def test_random_models_answer_as_their_windows(seed):
    """Strides may leave frames unused: at the end of a window, which are not waited for, or between windows."""
    rng = np.random.default_rng(seed)
    layers = [(int(rng.integers(1, 6)), int(rng.integers(1, 4))) for _ in range(rng.integers(1, 4))]
    needed, step, late = 1, 1, 0
    for length, stride in reversed(layers):
        needed = (needed - 1) * stride + length
    for length, stride in layers:
        late += max(0, stride - length) * step
        step *= stride
    frames = needed + int(rng.integers(0, step))
    model = Windows(frames, seed)
    for length, stride in layers:
        kernel = str(rng.choice(["CONV_2D", "DEPTHWISE_CONV_2D"]))
        model.convolve(length, kernel, stride, padding=int(length > 1), activation=0)
        if rng.integers(2) and model.shape[1] > 1:
            model.step("QUANTIZE", [model.last], model.shape, zero_point=3)
    model.flatten()
    model.step("ADD", [model.last, model.last], model.shape, schema.AddOptionsT())
    window = model.bytes()
    streaming = stream(window, step)
    made, is_stateful = parse(streaming), any(length > stride for length, stride in layers)
    assert made.is_stateful == is_stateful and len(made.subgraphs) == 1 + is_stateful
    assert made.inputs[0].signature == made.inputs[0].shape == (1, step, 1, 4)
    samples = rng.integers(-128, 128, (3 * frames + 8 * step, 1, 4)).astype(np.int8)
    whole, parts = Interpreter(window, 1 << 18), Interpreter(streaming, 1 << 18)
    compared = 0
    for end in range(step, len(samples) + 1, step):
        (answer,) = parts.infer([samples[None, end - step : end]], fresh=end == step)
        begin = end - late - needed
        if 0 <= begin <= len(samples) - frames:
            (wanted,) = whole.infer([samples[None, begin : begin + frames]])
            assert (answer == wanted).all()
            compared += 1
    assert compared > 3


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
    """The sums of all inputs so far, and the sums of these sums; twice those is the answer."""
    b = ModelBuilder()
    names = ("x", "sum", "sums", "next_sum", "next_sums", "y")
    x, before, older, after, newer, y = (b.tensor(name, [1, 3], "float32") for name in names)
    b.op("ADD", [x, before], [after], schema.AddOptionsT())
    b.op("ADD", [after, older], [newer], schema.AddOptionsT())
    b.op("MUL", [newer, b.tensor("two", [], "float32", values=np.float32(2))], [y], schema.MulOptionsT())
    data = b.build([x, before, older], [y, after, newer])
    kept = remember(data, 2)
    assert parse(kept).is_stateful and [len(t) for t in (parse(kept).inputs, parse(kept).outputs)] == [1, 1]
    assert remember(data, 0) == data
    interpreter, sample = Interpreter(kept, 1 << 16), np.array([[1, -2, 0.5]], np.float32)
    for count in (1, 2, 3, 1):
        (answer,) = interpreter.infer([sample], fresh=count == 1)
        np.testing.assert_array_equal(answer, count * (count + 1) * sample)


def subtracted() -> bytes:
    """What an operator reads first is a constant."""
    model = Windows(5).convolve(5)
    one = model.tensor("one", model.shape, values=np.ones(model.shape))
    return model.step("SUB", [one, model.last], model.shape, schema.SubOptionsT()).bytes()


@pytest.mark.parametrize(
    ("data", "step", "says"),
    [
        (convolutions(last=5), 3, "over"),
        (convolutions(time_padding=0), 3, "over time"),
        (convolutions(), 4, "stride 3 of 4 time steps"),
        (convolutions(), 6, "more than one time step is left"),
        (Windows(9).convolve(5, dilation=2).bytes(), 1, "over time"),
        (Windows(1).flatten().bytes(), 1, "cannot process single frames"),
        (subtracted(), 1, "cannot process single frames"),
        (models.fully_connected(), 3, "cannot process single frames"),
    ],
)
def test_what_is_no_such_model_is_refused(data, step, says):
    with pytest.raises(InputError, match=says):
        stream(data, step)
