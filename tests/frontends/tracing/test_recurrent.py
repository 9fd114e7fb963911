"""LSTMs of PyTorch and ONNX as one operator a layer, over 64 steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from microgen.datasets import request
from microgen.tflite import parse
from tests.support.onnx_tools import onnx
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


def converted(module, tmp_path, frontend, data=DATA):
    from microgen.frontends.onnx.module import check_reading
    from microgen.frontends.onnx.module import traced as traced_onnx
    from microgen.frontends.onnx.reading import prepare
    from microgen.frontends.pytorch.archive import read_program
    from microgen.frontends.pytorch.module import traced
    from microgen.frontends.tracing.convert import convert_graph

    t = torch()
    example = t.zeros(1, *data.shape[1:])
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
    return convert_graph("m", graph, request(data), 0, must_vary=True)


@pytest.mark.parametrize("frontend", ["pytorch", "onnx"])
def test_lstms_of_64_steps_are_one_operator_each(tmp_path, frontend):
    made = converted(recurrent(), tmp_path, frontend)
    assert parse(made.tflite, "m").ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 3
    assert len(parse(made.tflite, "m").main.operators) < 16
    assert made.difference < 1e-5 and not made.warnings


@pytest.mark.parametrize("kind", ["cell", "both ways"])
def test_what_one_operator_does_not_compute_is_unrolled(tmp_path, kind):
    module = recurrent(reads_cell=kind == "cell", bidirectional=kind == "both ways")
    made = converted(module, tmp_path, "pytorch", DATA[:, :3])
    model = parse(made.tflite, "m")
    assert model.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 2, "the first layers are"
    (warning,) = made.warnings
    assert f"lstm of module 'second': unrolled, which gives the model {len(model.main.operators)} operators" in warning
    assert made.difference < 1e-5
