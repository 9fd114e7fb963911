"""LSTMs of PyTorch and ONNX as one operator a layer, GRU and RNN as models of one step; over 64 steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import microgen
from microgen.datasets import request
from microgen.errors import InputError
from microgen.tflite import parse
from tests.support.onnx_tools import onnx
from tests.support.tools import needs_host
from tests.support.torch_tools import export, torch

DATA = np.random.default_rng(0).normal(size=(20, 64, 4)).astype(np.float32)


def recurrent(reads_cell=False, **options):
    """Two layers without bias, then one over time first: the whole sequence, the last step and the hidden state."""
    nn = torch().nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.LSTM(4, 8, 2, bias=False, batch_first=True)
            self.second = nn.LSTM(8, 5, **options)
            self.dense = nn.Linear(10 if options.get("bidirectional") else 5, 3)

        def forward(self, x):
            whole, _ = self.first(x)
            outputs, (hidden, cell) = self.second(whole.transpose(0, 1))
            return self.dense(outputs[-1]), (cell if reads_cell else hidden)[-1], whole

    torch().manual_seed(0)
    return Recurrent().eval()


def converted(module, tmp_path, frontend, data=DATA, unroll=False, example=None):
    from microgen.frontends.onnx.module import check_reading
    from microgen.frontends.onnx.module import traced as traced_onnx
    from microgen.frontends.onnx.reading import prepare
    from microgen.frontends.pytorch.archive import read_program
    from microgen.frontends.pytorch.module import traced
    from microgen.frontends.tracing.convert import convert_graph

    t = torch()
    example = t.zeros(1, *data.shape[1:]) if example is None else example
    if frontend == "pytorch":
        graph = traced(read_program(export(module, example, tmp_path / "m.pt2")))
    else:
        onnx()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            t.onnx.export(module, (example,), str(tmp_path / "m.onnx"), dynamo=False, opset_version=17)
        prepared = prepare(tmp_path / "m.onnx")
        graph = traced_onnx("m", prepared)
        check_reading("m", prepared, graph, [data])
    return convert_graph("m", graph, request(data), 0, must_vary=True, unroll=unroll)


@pytest.mark.parametrize("frontend", ["pytorch", "onnx"])
def test_lstms_of_64_steps_are_one_operator_each(tmp_path, frontend):
    made = converted(recurrent(), tmp_path, frontend)
    assert parse(made.tflite, "m").ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 3
    assert len(parse(made.tflite, "m").main.operators) < 16
    assert made.difference < 1e-5 and not made.warnings


@pytest.mark.parametrize("kind", ["cell", "both ways"])
def test_what_one_operator_does_not_compute_is_unrolled_if_that_is_asked_for(tmp_path, kind):
    module = recurrent(reads_cell=kind == "cell", bidirectional=kind == "both ways")
    with pytest.raises(InputError, match="about 52 operators" if kind == "cell" else "about 103 operators") as caught:
        converted(module, tmp_path, "pytorch", DATA[:, :3])
    assert caught.value.option == "recurrent" and "lstm of module 'second'" in caught.value.message
    made = converted(module, tmp_path, "pytorch", DATA[:, :3], unroll=True)
    model = parse(made.tflite, "m")
    assert model.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 2, "the first layers are"
    (warning,) = made.warnings
    assert f"lstm of module 'second': unrolled, which gives the model {len(model.main.operators)} operators" in warning
    assert made.difference < 1e-5


def steps(kind="GRU", tail=lambda y: y[:, -1], start=0, **options):
    """Two layers of a kind between dense ones; `tail` takes of the outputs what the last one reads."""
    nn = torch().nn

    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 6), nn.LazyLinear(3)
            self.layers = getattr(nn, kind)(6, 8, 2, batch_first=True, **options)

        def forward(self, x):
            return self.last(tail(self.layers(self.first(x), *[torch().ones(2, 1, 8)] * start)[0]))

    torch().manual_seed(0)
    made = Steps().eval()
    made(torch().zeros(1, 64, 4))
    return made


@pytest.mark.parametrize(
    ("frontend", "options"),
    [
        ("pytorch", {"tail": lambda y: y}),
        ("onnx", {"bias": False}),
        ("pytorch", {"kind": "RNN"}),
        ("onnx", {"kind": "RNN", "nonlinearity": "relu"}),
    ],
)
def test_layers_of_64_steps_become_a_model_of_one_step(tmp_path, frontend, options):
    made = converted(steps(**options), tmp_path, frontend)
    model = parse(made.tflite, "m")
    assert [t.shape for t in model.inputs] == [(1, 4), (1, 8), (1, 8)] and made.states == 2
    assert [t.shape for t in model.outputs] == [(1, 3), (1, 8), (1, 8)]
    assert len(model.main.operators) < (12 if "kind" in options else 36)
    assert made.difference < 1e-5 and made.sequences.steps == 64
    assert made.sequences.outputs == ((0,) if "tail" in options else ())
    assert "keeps its state until a reset" in made.warnings[0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"bidirectional": True}, "runs in both directions"),
        ({"start": 1}, "does not start from zeros"),
        ({"tail": lambda y: y.mean(1)}, "uses the steps together"),
        ({"tail": lambda y: y.flatten(1)}, "uses the steps together"),
        ({"tail": lambda y: y[:, ::2]}, "returns the steps together"),
    ],
)
def test_a_model_that_has_no_steps_is_refused_with_the_number_of_its_operators(tmp_path, options, why):
    count = 2 * 2 * 64 * 19 if "bidirectional" in options else 2 * 64 * 19
    with pytest.raises(InputError, match=f"gru of module 'layers'.*{why}.*about {count:,} operators"):
        converted(steps(**options), tmp_path, "pytorch")


def test_a_step_of_a_sequence_of_indices_is_one_of_them(tmp_path):
    nn = torch().nn

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.layer, self.last = nn.Embedding(7, 3), nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.last(self.layer(self.table(x))[0])

    torch().manual_seed(0)
    data = np.random.default_rng(0).integers(0, 7, (20, 12))
    example = torch().zeros(1, 12, dtype=torch().int64)
    made = converted(Words().eval(), tmp_path, "pytorch", data, example=example)
    assert [(t.shape, t.dtype) for t in parse(made.tflite, "m").inputs] == [((1, 1), "int32"), ((1, 4), "float32")]
    assert made.difference < 1e-5 and made.sequences.steps == 12
    steps, states = made.calibration.arrays
    assert (steps == data.reshape(-1, 1)).all() and not states[::12].any() and states[1::12].any()


def test_a_project_runs_sequences_step_by_step(tmp_path):
    needs_host()
    module = steps("GRU")
    data = np.cumsum(DATA[:, :20] / 4, 1)
    wanted = module(torch().from_numpy(data)).detach().numpy()
    calibration = {"x": data, "labels": wanted.argmax(1)}
    built = microgen.build(
        module, "pico", calibration=calibration, example=data[:1], runtime="compiled", samples=20, out=tmp_path / "p"
    )
    assert built.passed and built.verdict.sequence == 20 and built.deployment.model.inputs[0].shape == (1, 4)
    quality = built.source.quality
    assert quality.output_sqnr_db > 25 and quality.accuracy[0] == 1, "over whole sequences"
    got = np.stack([p.outputs[0] for p in microgen.predict(tmp_path / "p", data[:4])])
    assert np.abs(got - wanted[:4]).max() < 0.1 * np.abs(wanted).max()
    with pytest.raises(InputError, match="takes sequences of shape"):
        microgen.predict(tmp_path / "p", data[0])
    with pytest.raises(InputError, match="one step of a sequence"):
        microgen.verify(tmp_path / "p", data=tmp_path / "data.npz")
