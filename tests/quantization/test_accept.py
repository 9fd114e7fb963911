"""What a conversion returned is run once in TFLM, and held against its float twin."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.errors import EngineError
from microgen.frontends.converted import LayerNames
from microgen.quantization import accept as acceptance
from microgen.quantization import quality
from microgen.tflite import parse
from tests.support import models


def relu(kind="int8", shape=(1, 4), **more):
    b = models.ModelBuilder()
    x, y = b.tensor("x", shape, kind, 0.5, **more), b.tensor("y", shape, kind, 0.5, **more)
    b.op("RELU", [x], [y])
    return b.build([x], [y])


def test_what_no_arena_holds_is_told_in_tflms_words():
    model = parse(relu(shape=(1, 40_000_000)))
    with pytest.raises(EngineError, match=r"TFLM: .*failed to allocate tensors .*Requested: 80000000"):
        acceptance.run_once(model, [np.zeros((1, 1, 40_000_000), np.int8)], LayerNames(), "int8")


def measured(quantized, data=((0.5, 1.5, -2.0, 3.0),), twin=None):
    twin = relu("float32") if twin is None else twin
    fed = np.array(quantized, np.int8).reshape(-1, 1, 4)
    return quality.measure(parse(relu()), twin, [np.array(data, np.float32)], [fed], None)


def test_equal_answers_are_at_the_best_ratio_and_noise_alone_at_the_worst():
    exact = measured([[1, 3, -4, 6]])
    assert [(x.op, x.sqnr_db, x.saturated) for x in exact.layers] == [("RELU", 120.0, 0.0)]
    noise = measured([[1, 3, -4, 6]], [[-0.5, -1.5, -2.0, -3.0]])
    assert noise.output_sqnr_db == -120.0
    off = measured([[1, 3, -4, 7]])
    assert off.output_sqnr_db == pytest.approx(10 * np.log10((0.25 + 2.25 + 9) / 0.25), abs=0.01)


def test_a_tensor_of_the_same_name_and_another_shape_is_no_twin():
    b = models.ModelBuilder()
    x, y = b.tensor("x", (1, 4), "float32"), b.tensor("y", (2, 2), "float32")
    options = schema.ReshapeOptionsT()
    options.newShape = [2, 2]
    b.op("RESHAPE", [x], [y], options)
    found = measured([[1, 3, -4, 6]], twin=b.build([x], [y]))
    assert found.layers == () and found.output_sqnr_db is None and found.to_json()["worst"] == []
