"""The layer proof, deliberate faults and references that refuse: each on models made on the spot."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import microgen
from microgen.errors import EngineError
from microgen.report.projects import verdict_lines
from microgen.tflite import flashed, parse
from microgen.tflite.normalise import normalise
from microgen.verification import EngineRun, make_samples
from microgen.verification.layer_proof.exact import Case, compare
from microgen.verification.layer_proof.faults import faults
from microgen.verification.layer_proof.prove import bounds
from microgen.workflows.simulate import simulate
from tests.support import models
from tests.support.command_line import run
from tests.support.judging import judged
from tests.support.projects import sources
from tests.support.tools import needs_host


@pytest.fixture
def built(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(models.two_by_two())
    return microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=8).project


def rewrite_array(project, data):
    """Put another model into the compiled array of a project."""
    put_array(project, flashed(parse(data)).data)


def put_array(project, data):
    """Put other bytes into the compiled array of a project."""
    source = project / "lib/model/model_data.cc"
    lines = source.read_text().splitlines()
    body = [i for i, line in enumerate(lines) if line.startswith("  0x")]
    rows = [data[i : i + 16] for i in range(0, len(data), 16)]
    assert len(rows) == len(body)
    for i, row in zip(body, rows, strict=True):
        lines[i] = "  " + "".join(f"0x{b:02x}," for b in row)
    source.write_text("\n".join(lines) + "\n")


# ---- deliberate faults


def test_a_wrong_zero_point_is_found_and_named(built):
    rewrite_array(built, models.two_by_two().replace(b"\xf7" + b"\xff" * 7, b"\xf6" + b"\xff" * 7, 1))
    verdict = microgen.verify(built, samples=8)
    assert verdict.status == "diverged"
    assert "tensor 'right': zero points -9 in the model, -10 in the firmware" in verdict.reason


def test_a_swapped_operator_is_found_and_named(built):
    rewrite_array(built, models.two_by_two("RELU"))
    verdict = microgen.verify(built, samples=8)
    assert verdict.status == "diverged"
    assert "operator 1 (QUANTIZE): name QUANTIZE in the model, RELU in the firmware" in verdict.reason


def test_a_stale_golden_vector_is_found_and_named(built):
    path = built / "lib/golden/golden_data.cc"
    head, outputs = path.read_text().split("g_golden_outputs")
    first = re.search(r"0x[0-9a-f]{2}", outputs)
    stale = f"0x{int(first[0], 16) ^ 1:02x}"
    path.write_text(f"{head}g_golden_outputs{outputs[: first.start()]}{stale}{outputs[first.end() :]}")
    verdict = microgen.verify(built, samples=8)
    assert verdict.status == "diverged" and "golden vector 0 in lib/golden/golden_data.cc is stale" in verdict.reason


@pytest.mark.parametrize("language", ["", '"C" '])
def test_a_function_that_only_the_board_has_is_named_with_what_to_do(built, language, capfd):
    main = built / "src/main.cpp"
    main.write_text(f"extern {language}int watchdog_on(int);\nint g_on = watchdog_on(1);\n{main.read_text()}")
    name = "watchdog_on" if language else "watchdog_on(int)"
    says = f"the firmware calls {name}, which does not exist on this machine: guard it with #ifndef MICROGEN_HOST"
    with pytest.raises(EngineError) as caught:
        microgen.verify(built, samples=8)
    assert says in caught.value.message and "guard code for the board" in caught.value.hint
    assert simulate(built) == 2 and says in capfd.readouterr().err


ASKED = {
    "predict": lambda path: microgen.predict(path, [np.zeros((1, 6), np.int8)] * 2),
    "bench": lambda path: microgen.bench(path, runs=1, warmups=0),
    "selftest": microgen.selftest,
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_a_firmware_with_another_array_than_the_projects_model_is_not_asked(ask, built):
    data = models.two_by_two()
    ask(built)
    rewrite_array(built, data.replace(b"\xf7" + b"\xff" * 7, b"\xf6" + b"\xff" * 7, 1))
    with pytest.raises(EngineError, match="the compiled model array differs from the project's model"):
        ask(built)


def test_a_model_array_that_is_no_model_is_named_as_the_cause(built):
    put_array(built, bytes(len(flashed(parse(models.two_by_two())).data)))
    with pytest.raises(EngineError, match="the compiled model array differs from the project's model"):
        microgen.selftest(built)


def test_a_firmware_that_names_another_hash_is_not_asked(built):
    config = built / "lib/model/model_config.h"
    config.write_text(re.sub(r'"[0-9a-f]{64}"', f'"{"0" * 64}"', config.read_text()))
    with pytest.raises(EngineError, match="host has a different model from the project: 'm', SHA-256 000000000000"):
        microgen.selftest(built)


def test_an_arena_16_bytes_too_small_is_found_and_named(built):
    path = built / "lib/model/model_config.h"
    text = path.read_text()
    least = smallest(built, path, text)
    path.write_text(resized(text, least))
    assert microgen.verify(built, samples=8).passed
    path.write_text(resized(text, least - 16))
    with pytest.raises(EngineError, match=r"(?i)arena|allocate"):
        microgen.verify(built, samples=8)


def smallest(project, path, text):
    """Find the smallest arena of the firmware on this machine, from what it uses upwards."""
    from microgen.devices import host_firmware

    with host_firmware(sources(project)) as (client, _):
        client.connect()
        used, _ = client.arena()
    size = used // 16 * 16
    while True:
        path.write_text(resized(text, size))
        try:
            microgen.verify(project, samples=3)
        except EngineError:
            size += 16
            continue
        return size


def resized(text, size):
    found = re.sub(r"kArenaBytes = [^;]*;", f"kArenaBytes = {size};", text)
    assert found != text
    return found


# ---- the layer proof


def test_every_operator_of_a_bit_exact_model_is_listed():
    found = judged(models.two_by_two()).verdict
    assert found.status == "bit-exact"
    assert [(x.index, x.op, x.max_abs_diff_lsb) for x in found.layers] == [
        (0, "ADD", 0), (1, "QUANTIZE", 0), (2, "CONCATENATION", 0),
    ]  # fmt: skip
    assert all(x.elements and not x.differing_elements for x in found.layers)


def test_operators_inside_control_flow_are_compared():
    found = judged(models.control_flow(), samples=100).verdict
    assert found.status in ("bit-exact", "within-bound")
    assert [(x.subgraph, x.op) for x in found.layers] == [(1, "FULLY_CONNECTED"), (2, "RELU")]


@pytest.mark.parametrize(
    "options", [{}, {"per_channel": True}, {"dtype": "int16"}, {"per_channel": True, "dtype": "int16", "units": 9}]
)
def test_both_interpreters_are_within_half_a_step_and_epsilon_of_the_exact_result(options):
    (layer,) = judged(models.fully_connected(width=40, **options), samples=100).verdict.layers
    assert layer.exact_within and 0 < layer.exact_error_lsb <= layer.exact_allowed_lsb
    assert layer.exact_allowed_lsb < (0.51 if "dtype" not in options else 1.6)


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_weights_that_are_an_input_or_int4_are_held_against_the_exact_result(dtype):
    (layer,) = judged(models.multiplied(dtype), samples=60).verdict.layers
    assert layer.exact_within and 0.4 < layer.exact_error_lsb <= layer.exact_allowed_lsb < 0.57


def test_weights_of_uint8_are_refused_by_tflm_itself():
    model = schema.ModelT.InitFromPackedBuf(models.fully_connected(), 0)
    model.subgraphs[0].tensors[1].type = models.TYPES["uint8"]
    with pytest.raises(EngineError, match=r"Node FULLY_CONNECTED \(number 0\) failed to prepare"):
        judged(models.packed(model))


@pytest.mark.parametrize("tensor", [0, 1])
def test_a_scale_of_0_leaves_no_room_for_a_difference(tensor):
    model = schema.ModelT.InitFromPackedBuf(models.fully_connected(), 0)
    model.subgraphs[0].tensors[tensor].quantization.scale = [0.0]
    verdict = judged(models.packed(model)).verdict
    (layer,) = verdict.layers
    assert (verdict.status, layer.bound_lsb, layer.exact_error_lsb) == ("bit-exact", 0, None)


def test_without_an_exact_result_nothing_is_allowed(monkeypatch):
    monkeypatch.setattr("microgen.verification.layer_proof.exact.compare", lambda case: None)
    found = judged(models.fully_connected(width=40), samples=100).verdict
    assert found.layers[0].bound_lsb == 0 and found.status == ("diverged" if found.layers[0].differs else "bit-exact")


def test_an_answer_that_is_one_step_off_the_exact_result_is_beyond_its_epsilon():
    model = parse(models.fully_connected())
    op = model.main.operators[0]
    data = make_samples(model, 20, 0)[0]
    with EngineRun(model, (data,)) as running:
        right = running.result().reference.outputs[0]
    wrong = right.copy()
    inner = np.argwhere((right > -100) & (right < 100))[0]
    wrong[tuple(inner)] += 1
    case = Case(model, model.main, op, bounds()["FULLY_CONNECTED"], {op.inputs[0]: data}, right, right)
    assert compare(case).is_within
    assert not compare(dataclasses.replace(case, litert=wrong)).is_within


def test_a_product_of_16_bits_is_held_against_the_exact_one():
    layers = judged(models.product(), samples=100).verdict.layers
    assert [x.op for x in layers] == ["MUL", "MUL"]
    assert all(x.exact_within and 0 < x.exact_error_lsb <= x.exact_allowed_lsb < 0.6 for x in layers)


def test_a_known_fault_of_the_reference_is_not_held_against_the_firmware():
    found = judged(models.reduce("SUM")).verdict
    assert found.status in ("bit-exact", "within-bound"), found.reason
    assert found.max_abs_diff_lsb > 10, "the reference is far off at the output"
    assert found.layers[0].max_abs_diff_lsb <= 1 and found.layers[0].exact_within
    assert any("SUM" in text and "LiteRT" in text for text in found.faults)


def test_a_known_fault_of_tflm_is_named_in_the_verdict():
    found = judged(models.rescaling_relu6()).verdict
    assert found.status == "diverged" and "RELU6" in found.reason and "known:" in found.reason
    assert found.faults


def test_each_fault_says_what_and_has_a_condition():
    assert {op for f in faults() for op in f.ops} >= {"SUM", "RELU6", "UNIDIRECTIONAL_SEQUENCE_LSTM"}
    assert all(len(f.text) > 20 for f in faults())


def test_the_first_layer_beyond_its_bound_is_saved_with_a_small_input(tmp_path, monkeypatch):
    path = tmp_path / "m.tflite"
    path.write_bytes(models.rescaling_relu6())
    verdict = microgen.verify(path, samples=20, layers=True, counterexample=tmp_path / "c.npz")
    assert verdict.counterexample == str(tmp_path / "c.npz")
    assert ("counterexample", verdict.counterexample) in verdict_lines(verdict)
    with np.load(verdict.counterexample) as saved:
        differing = np.abs(saved["tflm0"].astype(int) - saved["litert0"].astype(int))
        assert differing.max() > 0
        # The difference is in each element: a single one, and no more, is enough to show it.
        assert (saved["in0"] != -3).sum() <= 1
        assert parse(saved["model"].tobytes()).main.operators[0].name == "RELU6"


# ---- references that refuse


def test_a_quirk_of_old_converters_is_taken_out_of_the_references_copy(tmp_path):
    data = models.quirky_bias()
    assert normalise(parse(data)).changes == ("quantized_dimension of 'bias': 3 to 0",)
    assert not normalise(parse(models.two_by_two())).changes
    found = judged(data).verdict
    assert found.status == "bit-exact" and found.normalised == ("quantized_dimension of 'bias': 3 to 0",)


def test_an_operator_that_only_tflm_has_is_named_in_the_verdict():
    found = judged(models.signal_window()).verdict
    assert (found.status, found.reason.partition(";")[0]) == ("unreferenced", "LiteRT has no operator SignalWindow")


def test_a_model_that_only_tflm_runs_is_unreferenced_and_still_written(tmp_path):
    needs_host()
    path = tmp_path / "m.tflite"
    path.write_bytes(models.one_operator("ELU"))
    done = run("build", "m.tflite", "--out", "p", "--json", cwd=tmp_path)
    verdict = json.loads(done.stdout)["verdict"]
    assert done.returncode == 0 and verdict["status"] == "unreferenced"
    assert "LiteRT" in verdict["reason"] and "ELU" in verdict["reason"] and verdict["firmware"] == "equal"
    assert (tmp_path / "p/platformio.ini").is_file()
    samples = np.arange(10, dtype=np.int8)[:, None] + np.array([-60, -20, 20, 60], np.int8)
    np.savez(tmp_path / "d.npz", x=samples, labels=np.full(10, 3))
    verdict = microgen.verify(path, samples=4, data=tmp_path / "d.npz", layers=True)
    microgen.write_report(tmp_path / "r.html", microgen.inspect(path), verdict)
    page = (tmp_path / "r.html").read_text()
    assert "<b>100.00 %</b> of 10 labeled samples" in page, "ELU rises: the last is the largest"


# ---- labeled data


def test_answers_of_different_sizes_are_infinitely_apart():
    from microgen.workers.difference import largest

    assert largest(np.zeros((4,), np.int8), np.zeros((4, 1, 5), np.int8)) == float("inf")
    assert largest(np.zeros((2, 3), np.int8), np.full((6,), 2, np.int8)) == 2


def test_a_difference_that_is_no_number_is_null_in_json_and_said(tmp_path):
    from microgen.report.html import write_report
    from microgen.support.json import json_text

    found = judged(models.two_by_two()).verdict
    far = dataclasses.replace(found.layers[0], max_abs_diff_lsb=float("inf"))
    verdict = dataclasses.replace(found, max_abs_diff_lsb=float("inf"), layers=(far, *found.layers[1:]))
    assert "cannot be compared" in far.complaint() and "inf" not in far.complaint().split("(ADD")[1].split("finite")[0]
    plain = verdict.to_json()
    assert plain["max_abs_diff_lsb"] is None and plain["layers"][0]["max_abs_diff_lsb"] is None
    assert "not a finite number" in plain["incomparable"] and not plain["layers"][1]["incomparable"]

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    odd = {"verdict": plain, "others": [float("nan"), {"x": (float("-inf"), 1.5)}]}
    assert json.loads(json_text(odd), parse_constant=refuse)["others"] == [None, {"x": [None, 1.5]}]
    (tmp_path / "m.tflite").write_bytes(models.two_by_two())
    write_report(tmp_path / "r.html", microgen.inspect(tmp_path / "m.tflite"), verdict)
    assert "not comparable" in (tmp_path / "r.html").read_text()


def test_leaky_relu_in_int16_differs_by_rounding_within_its_exact_bound():
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 500], "int16", 0.0001645), b.tensor("y", [1, 500], "int16", 0.000051957)
    options = schema.LeakyReluOptionsT()
    options.alpha = 0.3
    b.op("LEAKY_RELU", [x], [y], options)
    verdict = judged(b.build([x], [y])).verdict
    assert verdict.status == "within-bound" and verdict.ops == ("LEAKY_RELU",)
    (layer,) = verdict.layers
    assert layer.max_abs_diff_lsb == layer.bound_lsb == 1 and layer.exact_within
    assert 0.5 < layer.exact_error_lsb <= layer.exact_allowed_lsb < 1


def curve(name: str, scale: float, zero_point: int) -> bytes:
    out = (1 / 256, -128) if name == "LOGISTIC" else (1 / 128, 0)
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 500], scale=scale, zero_point=zero_point), b.tensor("y", [1, 500], "int8", *out)
    b.op(name, [x], [y])
    return b.build([x], [y])


@pytest.mark.parametrize("name", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale, zero_point", [(1 / 128, 0), (1 / 256, -128), (0.0123, 60), (0.2, -7)])
def test_curves_of_int8_differ_by_rounding_only(name, scale, zero_point):
    verdict = judged(curve(name, scale, zero_point)).verdict
    assert verdict.passed and all(layer.exact_within for layer in verdict.layers)
    if (name, scale) == ("LOGISTIC", 1 / 128):
        (layer,) = verdict.layers
        assert layer.max_abs_diff_lsb == layer.bound_lsb == 1 and 0.5 < layer.exact_error_lsb <= layer.exact_allowed_lsb


def test_a_fault_of_the_reference_and_rounding_are_both_named_by_share():
    verdict = judged(models.reduce("SUM")).verdict
    assert verdict.status == "within-bound" and verdict.faulty_ops == ("SUM",)
    assert "a known fault of LiteRT's reference kernels of SUM" in verdict.summary()
    both = dataclasses.replace(verdict, ops=("FULLY_CONNECTED",), rounded_share=0.25)
    assert "of SUM, and rounding in FULLY_CONNECTED on 25% of the 16 samples looked at" in both.summary()
