"""Which form a layer's weights are stored in, and that this keeps to its budgets."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.boards import load_board
from microgen.deployment import device_cost
from microgen.runtimes.compiled.armv7em import Armv7emPath
from microgen.runtimes.compiled.compiler import GenericPath, Options, compile_model
from microgen.runtimes.compiled.storing import EXTRA_RAM
from microgen.tflite import parse
from tests.support.models import ModelBuilder


def model(kind, strides=(2, 1, 1)):
    return parse(packed_model(kind, strides), "m")


def packed_model(kind, strides, size=16):
    """Convolutions of 32 channels, smaller ones after larger ones, with weights of a kind."""
    rng = np.random.default_rng(4)
    b = ModelBuilder()
    tensors = [b.tensor("x", [1, size, size, 32], "int8", 0.05)]
    for k, stride in enumerate(strides):
        shape = (32, 3, 3, 32)
        w = rng.normal(0, 40, shape)
        if kind == "clustered":
            w = rng.choice([-90, -60, -45, -30, -20, -12, -6, -2, 1, 5, 11, 19, 31, 46, 66, 127], shape)
        elif kind == "int4":
            w = rng.integers(-7, 8, shape)
        elif kind == "pruned":
            w[rng.random(shape) < 0.8] = 0
        elif kind == "blocks":
            w = w.reshape(16, 2, 72, 4) * (rng.random((16, 1, 72, 1)) < 0.4)
        values = np.clip(w.round(), -127, 127).reshape(shape)
        size = -(-size // stride)
        weights = b.tensor(f"w{k}", shape, "int8", 0.01, values=values)
        bias = b.tensor(f"b{k}", [32], "int32", 0.0005, values=np.arange(-1600, 1600, 100))
        tensors.append(b.tensor(f"y{k}", [1, size, size, 32], "int8", 0.6))
        options = schema.Conv2DOptionsT()
        options.strideH = options.strideW = stride
        options.dilationHFactor = options.dilationWFactor = 1
        b.op("CONV_2D", [tensors[-2], weights, bias], [tensors[-1]], options)
    return b.build([tensors[0]], [tensors[-1]])


FORMS = {"clustered": "4-bit indices", "pruned": "runs", "blocks": "blocks", "random": ""}
LARGEST = {"clustered": 0.70, "pruned": 0.38, "blocks": 0.50, "random": 1.0}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("path", [GenericPath(), Armv7emPath()], ids=lambda path: path.name)
def test_each_kind_of_weights_has_its_form(kind, path):
    compressed = model(kind)
    dense = compile_model(compressed, path, Options("size", storage="dense"))
    stored = compile_model(compressed, path, Options("size"))
    # The first layer of clustered weights has no room for a buffer: its input and output are the most there is.
    assert [row.stored for row in stored.layers][1:] == [FORMS[kind]] * 2
    assert stored.weights_bytes <= LARGEST[kind] * dense.weights_bytes
    assert stored.ram_bytes <= dense.ram_bytes + EXTRA_RAM
    assert sum(row.dense_bytes for row in stored.layers) == dense.weights_bytes


def test_four_bits_need_no_buffer_on_dsp_instructions():
    compressed = model("int4")
    dense, stored = (compile_model(compressed, Armv7emPath(), Options("size", storage=s)) for s in ("dense", "best"))
    assert [row.stored for row in stored.layers] == ["4 bits"] * 3
    assert stored.weights_bytes <= 0.53 * dense.weights_bytes and stored.instructions <= 1.05 * dense.instructions
    assert stored.ram_bytes <= dense.ram_bytes + 48


def test_indices_into_one_book_need_no_buffer_on_dsp_instructions():
    compressed = model("clustered", (1, 2, 1))
    dense, stored = (compile_model(compressed, Armv7emPath(), Options("size", storage=s)) for s in ("dense", "best"))
    # The first layer takes all RAM that there is. A layer with room for a buffer has the form of fewer instructions.
    assert [row.stored for row in stored.layers] == ["", "4-bit indices, one book", "4-bit indices"]
    assert stored.layers[1].weight_bytes < 0.53 * dense.layers[1].weight_bytes
    assert stored.instructions < 1.15 * dense.instructions and stored.ram_bytes <= dense.ram_bytes + EXTRA_RAM


@pytest.mark.parametrize("kind", FORMS)
def test_instructions_keep_to_their_budget(kind):
    compressed = model(kind)
    for optimize, most in (("speed", 1.02), ("balanced", 1.10)):
        dense, stored = (
            compile_model(compressed, Armv7emPath(), Options(optimize, storage=s)) for s in ("dense", "best")
        )
        assert stored.instructions <= most * dense.instructions
        assert stored.weights_bytes <= dense.weights_bytes


def test_a_channel_without_weights_leaves_its_layer_on_cheap_constants():
    """Converters give it a tiny scale and a large bias; its output is a constant."""
    b = ModelBuilder()
    w = np.random.default_rng(5).integers(-90, 90, (4, 16))
    w[3] = 0
    x, y = b.tensor("x", [1, 16], "int8", 0.05), b.tensor("y", [1, 4], "int8", 0.3)
    weights = b.tensor("w", [4, 16], "int8", [0.01, 0.01, 0.01, 1e-10], values=w)
    bias = b.tensor("b", [4], "int32", 0.0005, values=[0, 0, 0, 10**9])
    b.op("FULLY_CONNECTED", [x, weights, bias], [y], schema.FullyConnectedOptionsT())
    compiled = compile_model(parse(b.build([x], [y]), "m"), Armv7emPath())
    assert (compiled.proofs.proven, compiled.proofs.exact) == (4, 0)
    assert compiled.program.steps[0].bias[3] == 0


def test_what_a_board_is_told():
    cost = device_cost(model("pruned"), load_board("nano33ble"))
    assert cost is not None and cost.runtime == "compiled" and len(cost.stored) == 3
    assert "runs" in cost.stored[0] and cost.flash_bytes == cost.weights_bytes + cost.code_bytes
    assert cost.milliseconds == pytest.approx(cost.instructions / 64e3, rel=1.0)
    assert cost.to_json()["flash_bytes"] == cost.flash_bytes
