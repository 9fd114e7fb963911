"""Files of other tools, and what TFLM takes in no form: named as what they are, never damaged."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen.boards import load_board
from microgen.errors import InputError
from microgen.runtimes.tflm.check import check_board
from microgen.runtimes.tflm.snapshot import unknown_memory
from microgen.tflite import parse
from microgen.tflite.check import check_runnable
from tests.support import models


@pytest.mark.parametrize(("code", "tool"), [("ethos-u", "Vela"), ("XC_conv2d_v2", "XMOS")])
def test_a_compiled_model_is_said_to_be_one_though_it_reads_scratch_that_nothing_writes(code, tool):
    b = models.ModelBuilder()
    x, scratch, y = (b.tensor(n, [1, 4]) for n in ("x", "scratch", "y"))
    b.op("CUSTOM", [scratch, x], [y], custom=code)
    with pytest.raises(InputError, match=tool) as caught:
        parse(b.build([x], [y]), "m", "m.tflite")
    assert caught.value.operator == code and "damaged" not in caught.value.message and "use the" in caught.value.hint


def test_a_model_that_tflm_compressed_is_said_to_be_one():
    model = parse(models.one_operator("CUSTOM", custom="TFLM_DECODE"))
    with pytest.raises(InputError, match="compressed with TFLM's own tools") as caught:
        check_board(model, load_board("pico").snapshot)
    assert caught.value.operator == "TFLM_DECODE"


def test_weights_that_tflm_decodes_keep_the_scales_of_what_they_stand_for():
    b = models.ModelBuilder()
    x, y, w = b.tensor("x", [1, 8]), b.tensor("y", [1, 4]), b.tensor("w", [4, 8], "int8", [0.1] * 4)
    encoded = b.tensor("encoded", [16], "uint8", [0.1] * 4, values=np.zeros(16))
    tables = b.tensor("tables", [32], "uint8", (), values=np.zeros(32))
    b.op("CUSTOM", [encoded, tables], [w], custom="TFLM_DECODE")
    b.op("FULLY_CONNECTED", [x, w], [y], schema.FullyConnectedOptionsT())
    model = parse(b.build([x], [y]))
    check_board(model, load_board("esp32").snapshot)
    assert model.main.tensors[encoded].quantization is None and len(model.main.tensors[w].quantization.scales) == 4
    assert "32 bytes of decoded weights into the arena" in unknown_memory(model)[0]


@pytest.mark.parametrize("scales", [[0.2], [0.2, 0.1, 0.2, 0.1, 0.3]])
def test_int4_of_a_dense_layer_is_taken_per_tensor_only(scales):
    model = schema.ModelT.InitFromPackedBuf(models.multiplied("int4"), 0)
    weights = next(t for t in model.subgraphs[0].tensors if t.type == 17)
    weights.quantization.scale, weights.quantization.zeroPoint = scales, np.zeros(len(scales), np.int64)
    model = parse(models.packed(model))
    if len(scales) == 1:
        return check_runnable(model)
    with pytest.raises(InputError, match="int4 weights with a scale per channel") as caught:
        check_runnable(model)
    assert "per tensor only" in caught.value.hint and caught.value.operator == "FULLY_CONNECTED"
