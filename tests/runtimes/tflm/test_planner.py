"""The planner against TFLM itself: the smallest arena of the wheel to the byte, and figures measured on a Cortex-M4."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from microgen import workers
from microgen.boards import load_board
from microgen.deployment import deploy
from microgen.errors import InputError
from microgen.runtimes import RUNTIMES
from microgen.runtimes.tflm.arena import plan_board
from microgen.runtimes.tflm.planner import Target, plan
from microgen.runtimes.tflm.planner.layout import place
from microgen.tflite import load, parse
from microgen.workers import TFLM, tflm
from tests.support import models

# The smallest arena that worked in QEMU's Cortex-M4 with reference kernels.
CORTEX_M4 = {"kws_ref_model": 22772, "ad01_int8": 2708, "hello_world_int8": 1076}
MADE_CORTEX_M4 = {"stateful": 880, "variable-with-start": 1200, "lstm": 2208}
REAL = [*CORTEX_M4, "micro_speech_quantized", "pretrainedResnet_quant"]
MADE = {
    "dense": models.fully_connected(),
    "int16": models.fully_connected(dtype="int16"),
    "two-by-two": models.two_by_two(),
    "float-edges": models.float_edges(),
    "control-flow": models.control_flow(),
    "stateful": models.stateful(),
    "convolution": models.quirky_bias(),
    "sum": models.reduce("SUM"),
    "mean": models.reduce("MEAN"),
    # Wide ones, in which the arena is fullest when the model's edges are laid out, not while buffers are planned.
    "wide-dense": models.fully_connected(width=3000),
    "wide-two-by-two": models.two_by_two(width=2000),
    "residual": models.residual(),
    "residual-small": models.residual(32),
    "planned": models.planned(models.two_by_two(), [0, 32, 64, -1, 256]),
    "planned-in-part": models.planned(models.residual(), [-1, 4096, -1, 1024, -1, -1, -1, -1]),
    "planned-far": models.planned(models.residual(), [9600, -1, 0, -1, -1, -1, -1, -1]),
    "planned-state": models.planned(models.stateful(), [0, -1, -1, -1, 64, 16]),
    "planned-state-first": models.planned(models.stateful(), [64, -1, -1, -1, 0, 80]),
    # The options of MEAN take one byte, those of RESHAPE 36 at a multiple of 4.
    "mean-reshape": models.chain(["MEAN", "RESHAPE"] * 12),
    "means": models.chain(["MEAN"] * 24),
    "variable": models.variable(),
    "variable-with-start": models.variable(50),
    "matmul-options": models.chain(["BATCH_MATMUL"] * 12),
    "lstm": models.lstm(),
}


def measured(model):
    inputs = tuple(np.zeros((1, *t.shape), t.numpy_dtype) for t in model.inputs)
    return workers.run(TFLM, tflm.measure_arena, tflm.ArenaRequest(model.data, inputs, 16384)).arena_min_bytes


@pytest.mark.parametrize("name", REAL)
def test_the_host_arena_of_real_models_is_met_to_the_byte(name, shared_models):
    model = load(shared_models / f"{name}.tflite")
    assert plan(model, Target.HOST).arena_min_bytes == measured(model)


@pytest.mark.parametrize("name", MADE)
def test_the_host_arena_of_made_models_is_met_to_the_byte(name):
    model = parse(MADE[name])
    layout = plan(model, Target.HOST)
    assert layout.arena_min_bytes == measured(model)
    # An arena in two pieces has all of it, also what TFLM takes while it plans.
    assert layout.arena_min_bytes <= layout.bottom_bytes + layout.persistent_bytes + 16


def test_memory_that_tflm_overwrites_while_it_prepares_is_counted():
    # The kernel keeps its channels' factors while temporary tensors are alive; TFLM lets them overlap, and in this
    # model the last 16 bytes of that are not read again.
    model = parse(models.fully_connected(per_channel=True, units=11))
    assert plan(model, Target.HOST).arena_min_bytes == measured(model) + 16


@pytest.mark.parametrize("name", CORTEX_M4)
def test_the_arena_of_a_cortex_m4_is_met_within_3_percent_and_never_below(name, shared_models):
    found = plan(load(shared_models / f"{name}.tflite"), Target.DEVICE_SHORT_ENUMS).arena_min_bytes
    assert CORTEX_M4[name] <= found <= 1.03 * CORTEX_M4[name]


@pytest.mark.parametrize("name", MADE_CORTEX_M4)
def test_the_arena_of_a_model_with_state_is_met_within_3_percent(name):
    needed, model = MADE_CORTEX_M4[name], parse(MADE[name])
    assert needed <= plan(model, Target.DEVICE_SHORT_ENUMS).arena_min_bytes <= 1.03 * needed


# The smallest arena that worked in QEMU's Cortex-M4 with a board's library. In a long chain, what the library's structs
# have more than those of the reference kernels adds up.
LIBRARIES = {
    "pico2": {
        "hello_world_int8": 1168,
        "hello_world_float": 1168,
        "ad01_int8": 3024,
        "micro_speech_quantized": 6848,
        "kws_ref_model": 22832,
        "pretrainedResnet_quant": 55008,
    },
    "nano33ble": {
        "hello_world_int8": 1152,
        "hello_world_float": 1152,
        "ad01_int8": 2976,
        "micro_speech_quantized": 6928,
        "kws_ref_model": 24176,
        "pretrainedResnet_quant": 55200,
    },
    "esp32": {
        "hello_world_int8": 1104,
        "hello_world_float": 1104,
        "ad01_int8": 2816,
        "micro_speech_quantized": 6816,
        "kws_ref_model": 22784,
        "pretrainedResnet_quant": 54368,
    },
    # Where no machine runs the kernels, only the size of their scratch memory was asked.
    "esp32s3": {"micro_speech_quantized": 12048, "kws_ref_model": 35504, "pretrainedResnet_quant": 110144},
    "esp32p4": {"micro_speech_quantized": 6816, "kws_ref_model": 27952, "pretrainedResnet_quant": 54640},
}


@pytest.mark.parametrize(("board", "name"), [(board, name) for board in LIBRARIES for name in LIBRARIES[board]])
def test_the_arena_of_a_board_with_its_own_kernels_is_met_within_3_percent(board, name, shared_models):
    needed = LIBRARIES[board][name]
    planned = plan_board(load(shared_models / f"{name}.tflite"), load_board(board)).arena_min_bytes
    assert needed <= planned <= 1.03 * needed


# The same of operators whose kernels an older library prepares otherwise, or for which it has other structs.
CHIRALE = {
    "int16": (models.fully_connected(dtype="int16"), 768),
    "two-by-two": (models.two_by_two(), 1232),
    "convolution": (models.quirky_bias(), 1120),
    "stateful": (models.stateful(), 960),
    "variable-with-start": (models.variable(50), 1280),
    "lstm": (models.lstm(), 5008),
    "lstm-float": (models.in_float32(models.lstm()), 2000),
}


@pytest.mark.parametrize("name", CHIRALE)
def test_an_older_library_gets_what_it_needs(name):
    data, needed = CHIRALE[name]
    model, board = parse(data), load_board("nano33ble")
    assert needed <= plan_board(model, board).arena_min_bytes <= 1.2 * needed


@pytest.mark.parametrize(
    ("name", "layers", "needed"),
    [
        ("pico2", 1, 656), ("pico2", 10, 3024), ("pico2", 40, 10960),
        ("nano33ble", 1, 768), ("nano33ble", 10, 2976), ("nano33ble", 40, 10768),
    ],
)  # fmt: skip
def test_the_structs_of_a_library_add_up(name, layers, needed):
    b = models.ModelBuilder()
    first = x = b.tensor("x", [1, 16])
    for k in range(layers):
        w = b.tensor(f"w{k}", [16, 16], scale=1 / 256, values=np.ones((16, 16), np.int8))
        bias = b.tensor(f"b{k}", [16], "int32", 0.05 / 256, values=np.zeros(16))
        y = b.tensor(f"y{k}", [1, 16])
        b.op("FULLY_CONNECTED", [x, w, bias], [y], schema.FullyConnectedOptionsT())
        x = y
    model, board = parse(b.build([first], [x])), load_board(name)
    assert needed <= plan_board(model, board).arena_min_bytes <= 1.03 * needed + 16
    assert needed <= deploy("chain", model, board).arena.bytes <= 1.03 * needed + 64


def test_ints_for_enums_never_take_less(shared_models):
    for path in shared_models.glob("*.tflite"):
        model = load(path)
        assert plan(model, Target.DEVICE).arena_min_bytes >= plan(model, Target.DEVICE_SHORT_ENUMS).arena_min_bytes - 16


@dataclass
class Block:
    size: int
    first: int
    last: int


def test_no_two_buffers_that_live_together_overlap():
    rng = random.Random(4)
    for _ in range(200):
        blocks = []
        for _ in range(rng.randrange(1, 25)):
            first = rng.randrange(12)
            blocks.append(Block(16 * rng.randrange(1, 40), first, first + rng.randrange(4)))
        offsets = place(blocks)
        for i, a in enumerate(blocks):
            for j, b in enumerate(blocks[:i]):
                together = a.first <= b.last and b.first <= a.last
                apart = offsets[i] >= offsets[j] + b.size or offsets[j] >= offsets[i] + a.size
                assert apart or not together, (i, j, blocks, offsets)
        live = [sum(b.size for b in blocks if b.first <= t <= b.last) for t in range(16)]
        assert max(o + b.size for o, b in zip(offsets, blocks, strict=True)) >= max(live)


def test_the_layout_of_a_residual_network_is_the_one_found_by_hand():
    layout = plan(parse(models.residual(2000)), Target.DEVICE)
    found = {b.name: (b.kind, b.subgraph, b.index, b.bytes, b.first, b.last, b.offset) for b in layout.buffers}
    # Scope 0 is the model's inputs; operators are 1 to 4. Equals are placed last one first, the largest before.
    assert found == {
        "total": ("tensor", 0, 5, 2000, 3, 4, 0),
        "b": ("tensor", 0, 3, 2000, 2, 3, 2000),
        "a": ("tensor", 0, 2, 2000, 1, 3, 4000),
        "x": ("tensor", 0, 0, 2000, 0, 1, 0),
        "y": ("tensor", 0, 4, 1000, 4, 4, 2000),
        "unused": ("tensor", 0, 1, 64, -1, -1, 0),
    }
    assert layout.head_bytes == 6000
    assert layout.scopes == (None, (0, 0), (0, 1), (0, 2), (0, 3)) and layout.peak == (0, 2)
    assert {b.name for b in layout.live(0, 1)} == {"a", "b"} and layout.top(0, 1) == 6000
    assert layout.top(0, 3) == 3008  # 1,000 bytes take 1,008
    assert layout.top(1, 0) == 0, "there is no such operator"
    assert layout.arena_min_bytes == layout.head_bytes + layout.persistent_bytes + layout.planning_bytes
    assert 0 <= layout.planning_bytes < 16, "the arena is fullest at the end: only rounding is left"


def test_in_a_narrow_network_the_planning_decides():
    layout = plan(parse(models.residual(32)), Target.DEVICE)
    assert layout.planning_bytes > 100
    assert layout.arena_min_bytes == layout.head_bytes + layout.persistent_bytes + layout.planning_bytes
    assert 0 <= layout.arena_min_bytes - layout.allocation_bytes < 16


@pytest.mark.parametrize("data", [models.residual(32), models.residual(2000), models.lstm()])
def test_a_tuned_arena_has_room_for_the_allocation_which_no_board_reports(data):
    model, board = parse(data), load_board("nano33ble")
    layout = plan_board(model, board)
    used = layout.head_bytes + layout.persistent_bytes
    tuned = RUNTIMES.get("tflm").tuned_arena_bytes(model, board, used)
    assert layout.arena_min_bytes <= tuned < 1.02 * layout.arena_min_bytes + 48


@pytest.mark.parametrize("target", [Target.DEVICE, Target.HOST])
def test_what_kernels_of_a_board_ask_for_is_added_operator_by_operator(target):
    model = parse(models.residual(2000))
    plain = plan(model, target)
    own = plan(model, target, lambda graph, op: [100, 60] if op.index == 2 else [], lambda graph, op: [40])
    scratch = [(b.name, b.kind, b.subgraph, b.index, b.bytes, b.first, b.last) for b in own.buffers[-2:]]
    assert scratch == [("ADD 2", "scratch", 0, 2, size, 3, 3) for size in (100, 60)]
    # 112 and 64 bytes on top of what is alive with them, 48 for each operator, and a handle for each buffer.
    assert own.head_bytes == plain.head_bytes + 112 + 64
    handles = 2 * (8 if target is Target.HOST else 4)
    assert 0 <= own.persistent_bytes - plain.persistent_bytes - 4 * 48 <= handles + 16


def test_what_is_planned_offline_lies_where_the_file_says():
    found = plan(parse(MADE["planned-in-part"]), Target.DEVICE)
    assert {b.name: b.offset for b in found.buffers if b.fixed >= 0} == {"unused": 4096, "b": 1024}
    for a in found.buffers:
        for b in found.buffers:
            together = a.first <= b.last and b.first <= a.last
            assert a is b or not together or a.offset >= b.offset + b.size or b.offset >= a.offset + a.size


@pytest.mark.parametrize(
    ("offsets", "count", "says"),
    [([0, 0, 0], None, "fewer tensors"), ([0] * 6, None, "more tensors"), ([0] * 5, 9, "cut off"),
     ([0, 0, 0, 0, -2], None, "places that are none"), ([-2, 0, 0, 0, 0], None, "places that are none")],
)  # fmt: skip
def test_an_offline_plan_that_does_not_fit_the_model_is_refused(offsets, count, says):
    with pytest.raises(InputError, match=says):
        parse(models.planned(models.two_by_two(), offsets, count))


def test_an_offline_plan_is_found_among_other_metadata_and_has_the_places_that_it_counts():
    def metadata(change):
        model = schema.ModelT.InitFromPackedBuf(models.planned(models.two_by_two(), [0, 32, 64, -1, 256, 512], 5), 0)
        change(model)
        return models.packed(model)

    other = schema.MetadataT()
    other.name, other.buffer = "min_runtime_version", 0
    found = parse(metadata(lambda m: m.metadata.insert(0, other)))
    assert [t.offline_offset for t in found.main.tensors] == [0, 32, 64, -1, 256]
    buffers = len(schema.ModelT.InitFromPackedBuf(found.data, 0).buffers)
    for missing in (0, buffers, 2**32 - 1):
        with pytest.raises(InputError, match="cut off"):
            parse(metadata(lambda m, missing=missing: setattr(m.metadata[0], "buffer", missing)))


def test_a_state_that_is_planned_offline_is_in_the_head_only():
    first, later = (plan(parse(MADE[n]), Target.DEVICE) for n in ("planned-state-first", "planned-state"))
    assert first.persistent_bytes == later.persistent_bytes
    assert [{b.name: b.offset for b in p.buffers}["state"] for p in (first, later)] == [0, 64]


def test_a_custom_operator_is_said_to_take_what_nobody_knows():
    model = parse(models.one_operator("CUSTOM", custom="SignalEnergy"))
    (warning,) = deploy("m", model, load_board("pico")).warnings
    assert "SignalEnergy" in warning and "unknown" in warning
    assert not deploy("m", parse(models.two_by_two()), load_board("pico")).warnings


def test_the_largest_buffer_lies_at_the_bottom_and_the_last_of_equals_first():
    assert place([Block(16, 0, 1), Block(64, 1, 1), Block(16, 1, 1)]) == [80, 0, 64]


def test_a_place_that_is_given_is_kept_whatever_is_larger():
    assert place([Block(16, 0, 1), Block(64, 1, 1)], [0, -1]) == [0, 16]


def test_what_an_operator_writes_counts_for_its_peak():
    b = models.ModelBuilder()
    x, half, y = b.tensor("x", [1, 224]), b.tensor("half", [1, 112]), b.tensor("y", [1, 224])
    begin, size = (b.tensor(n, [2], "int32", values=v) for n, v in (("begin", [0, 0]), ("size", [1, 112])))
    options = schema.ConcatenationOptionsT()
    options.axis = 1
    b.op("SLICE", [x, begin, size], [half], schema.SliceOptionsT())
    b.op("CONCATENATION", [half, half], [y], options)
    layout = plan(parse(b.build([x], [y])), Target.DEVICE)
    assert [layout.top(0, k) for k in (0, 1)] == [224 + 112, 224 + 112]
    assert layout.peak == (0, 0), "the first of equals"


def test_the_peak_of_the_tensors_is_the_first_of_equals():
    b = models.ModelBuilder()
    x, y, z = (b.tensor(n, [1, 100]) for n in "xyz")
    b.op("RELU", [x], [y])
    b.op("RELU", [y], [z])
    assert plan(parse(b.build([x], [z])), Target.DEVICE).tensor_peak() == (2 * 112, (0, 0))


def test_the_peak_is_where_the_arena_is_used_furthest():
    b = models.ModelBuilder()
    begin = b.tensor("begin", [2], "int32", (), values=[0, 0])
    x, h = b.tensor("x", [1, 112]), b.tensor("h", [1, 112])
    b.op("RELU", [x], [h])
    parts = [h]
    for width in (80, 64, 16):
        size = b.tensor(f"size{width}", [2], "int32", (), values=[1, width])
        parts.append(b.tensor(f"part{width}", [1, width]))
        b.op("SLICE", [parts[-2], begin, size], [parts[-1]], schema.SliceOptionsT())
    layout = plan(parse(b.build([x], parts[1:])), Target.DEVICE)
    # The smallest part lies high, between larger ones, and ends far below the input.
    assert [layout.top(0, k) for k in range(4)] == [224, 192, 192, 192] and layout.peak == (0, 0)


def test_a_model_of_empty_tensors_takes_no_head():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 0]), b.tensor("y", [1, 0])
    b.op("RELU", [x], [y])
    layout = plan(parse(b.build([x], [y])), Target.DEVICE)
    assert layout.head_bytes == 0 and layout.buffers == () and layout.peak == (0, 0)


def test_the_peak_is_where_input_and_output_are_largest(shared_models):
    layout = plan(load(shared_models / "pretrainedResnet_quant.tflite"), Target.DEVICE)
    live = {b.index for b in layout.live(*layout.peak)}
    assert layout.top(*layout.peak) == layout.head_bytes and len(live) == 3, "a residual connection is alive too"


def test_what_a_boards_kernels_ask_for_is_laid_out_with_the_layer(shared_models):
    model = load(shared_models / "kws_ref_model.tflite")
    board = load_board("pico")
    own, reference = plan_board(model, board), plan(model, Target.DEVICE_SHORT_ENUMS)
    scratch = [b for b in own.buffers if b.kind == "scratch"]
    assert scratch and not [b for b in reference.buffers if b.kind == "scratch"]
    assert own.arena_min_bytes > reference.arena_min_bytes
    assert own.arena_min_bytes < reference.arena_min_bytes + sum(b.size for b in scratch)


def test_the_devices_own_figure_replaces_the_prediction(shared_models):
    model = load(shared_models / "kws_ref_model.tflite")
    board = load_board("esp32")
    predicted = deploy("m", model, board).arena
    known = deploy("m", model, board, arena_bytes=22_880).arena
    assert known.bytes == 22_880 < predicted.bytes
    assert known.bytes == known.min_bytes + known.scratch_bytes + known.margin_bytes


def test_an_arena_in_which_no_tflm_could_run_the_model_is_refused():
    model, board = parse(models.residual(2000)), load_board("esp32")
    least = 3 * 2000  # the input stays for the ADD, which has another operand and an output
    assert deploy("m", model, board, arena_bytes=least).arena.bytes == least
    with pytest.raises(InputError, match=r"=5999: operator \d \(ADD\) needs 6,000 bytes") as caught:
        deploy("m", model, board, arena_bytes=least - 1)
    assert (caught.value.option, caught.value.operator) == ("arena_bytes", "ADD")
    planned = parse(models.planned(models.two_by_two(), [0, 0, 0, 0, 0]))
    head = plan_board(planned, board).head_bytes
    assert plan_board(planned, board).tensor_peak()[0] == head, "a file whose tensors overlap by its own plan"


def test_a_host_that_needs_more_than_was_computed_widens_the_boards_arena():
    model, board = parse(models.fully_connected()), load_board("esp32")
    computed = plan(model, Target.HOST).arena_min_bytes
    usual, surprised = (deploy("m", model, board, computed + extra).arena for extra in (0, 4096))
    assert surprised.bytes == usual.bytes + 4096


def test_control_flow_that_runs_itself_is_refused():
    with pytest.raises(InputError, match="subgraph 0 runs itself"):
        parse(models.control_flow(recursive=True))
