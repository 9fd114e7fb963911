"""Models with state, LSTM among them: compared from a fresh state and as a sequence, proven step by step."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import microgen
from microgen.tflite import parse
from microgen.verification.layer_proof import recurrent
from microgen.verification.layer_proof.exact import compare
from microgen.verification.layer_proof.faults import faults_of
from microgen.verification.layer_proof.prove import prove_layers
from tests.support import models
from tests.support.command_line import run
from tests.support.judging import judged
from tests.support.tools import needs_host


def test_a_model_with_state_is_compared_reset_and_as_a_sequence(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(models.stateful())
    verdict = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=40).verdict
    assert verdict.status == "bit-exact" and verdict.sequence == 32 and verdict.firmware == "equal"


def test_a_firmware_that_forgets_to_keep_its_state_is_found(tmp_path):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(models.stateful())
    project = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", samples=20).project
    runner = project / "lib/model/model_runner.cc"
    text = runner.read_text()
    forgetful = text.replace(
        "Mine().interpreter->Invoke()", "(Mine().interpreter->Reset(), Mine().interpreter->Invoke())"
    )
    assert forgetful != text
    runner.write_text(forgetful)
    verdict = microgen.verify(project, samples=20)
    assert verdict.status == "diverged" and "without a reset" in verdict.reason


def test_state_that_rounds_otherwise_is_within_what_the_rounding_allows():
    found = judged(models.stateful(awkward=True)).verdict
    (layer,) = found.layers
    assert found.status == "within-bound" and layer.max_abs_diff_lsb == layer.bound_lsb == 1
    assert 0.5 < layer.exact_error_lsb <= layer.exact_allowed_lsb < 0.6


def test_what_only_a_sequence_shows_is_proven_in_its_order():
    found = judged(models.stateful(awkward=True), seed=3).verdict
    assert found.differing_samples == 0, "each sample from a fresh state is equal"
    assert found.status == "within-bound" and found.ops == ("SVDF",), found.reason


@pytest.mark.parametrize("options", [{}, {"time_major": True}, {"units": 30, "steps": 40, "cell_scale": 2.0**-15}])
def test_every_step_of_an_lstm_is_proven_from_the_state_before_it(options):
    (layer,) = judged(models.lstm(**options)).verdict.layers
    assert layer.op == "UNIDIRECTIONAL_SEQUENCE_LSTM" and layer.exact_within and layer.elements
    assert layer.max_abs_diff_lsb <= layer.bound_lsb and 0.5 < layer.exact_error_lsb <= layer.exact_allowed_lsb < 0.7


def test_an_lstm_that_drifts_is_within_bound():
    found = judged(models.lstm(units=30, steps=60), samples=60).verdict
    assert found.status == "within-bound" and found.ops == ("UNIDIRECTIONAL_SEQUENCE_LSTM",)
    assert found.layers[0].bound_lsb >= found.layers[0].max_abs_diff_lsb >= 1


@pytest.fixture
def lstm_case():
    """An LSTM with the answers and cell states of both interpreters, taken where the layer proof compares them."""
    kept = []

    def keep(case):
        kept.append(case)
        return compare(case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("microgen.verification.layer_proof.exact.compare", keep)
        judged(models.lstm(units=30, steps=20))
    return kept[0]


@pytest.mark.parametrize("which", ["tflm", "litert"])
def test_a_step_of_an_lstm_with_a_wrong_answer_or_state_is_found(lstm_case, which):
    assert compare(lstm_case).is_within
    wrong = getattr(lstm_case, which).copy()
    inner = tuple(np.argwhere(np.abs(wrong) < 100)[7])
    wrong[inner] += 2
    assert not compare(dataclasses.replace(lstm_case, **{which: wrong})).is_within
    place = ("tflm", "litert").index(which)
    states = [s.copy() for s in lstm_case.states]
    states[place].reshape(-1, 30)[17, 3] += 300 * (1 if states[place].reshape(-1, 30)[17, 3] < 0 else -1)
    assert not compare(dataclasses.replace(lstm_case, states=tuple(states))).is_within


@pytest.mark.parametrize("gate", [0, 2])
def test_the_errors_of_logistic_and_tanh_hold_for_every_input(gate):
    """All 65,536 values of a gate: 128 units of neighbouring biases, 512 steps that move them by 128."""
    sizes = {"steps": 512, "width": 2, "units": 128, "cell_scale": 2.0**-15}
    full = np.full(128, 30000)
    weights = {12: full, 13: -full, 14: full, 15: full}
    weights[gate + 12] = np.arange(128)
    weights[gate + 1] = np.full((128, 2), -128)
    model = parse(models.lstm(weights=weights, **sizes))
    moves = np.arange(-256, 256)
    first = np.clip(moves, -123, 127)
    data = np.stack([first, np.clip(moves - first, -123, 127)], axis=1) - 5
    values = -128 * (data.sum(axis=1)[:, None] + 10) + np.arange(128)
    assert len(np.unique(values)) > 64000, "nearly all there are; the rest is beyond the input's range"
    proof = prove_layers(model, (data[None, None].astype(np.int8),), np.ones(1, bool), 2**20)
    assert proof.layers[0].exact_within, proof.objection
    assert proof.layers[0].max_abs_diff_lsb <= proof.layers[0].bound_lsb


def test_an_lstm_with_another_quantization_of_its_output_is_a_known_fault(tmp_path, capsys):
    found = judged(models.lstm(hidden_scale=0.009)).verdict
    assert any("hidden state" in text for text in found.faults)
    assert found.layers[0].faults and recurrent.steps_of(*_only(models.lstm(hidden_scale=0.009))) is None
    (tmp_path / "m.tflite").write_bytes(models.lstm(hidden_scale=0.009))
    done = run("verify", "m.tflite", "--samples", "8", "--report", "r.html", cwd=tmp_path)
    assert "quantized otherwise than its hidden state" in done.stdout
    assert "quantized otherwise than its hidden state" in (tmp_path / "r.html").read_text()


def test_an_lstm_whose_cell_is_too_coarse_for_litert_is_a_known_fault():
    found = judged(models.lstm(cell_scale=2.0**-8)).verdict
    assert found.status == "diverged" and "LiteRT leaves tanh out" in found.reason
    assert not judged(models.lstm(cell_scale=2.0**-9)).verdict.faults


@pytest.mark.parametrize("known", [18, 19, 20])
def test_an_lstm_without_its_states_meets_only_the_faults_that_it_can(known):
    model = parse(models.lstm(hidden_scale=0.009, cell_scale=2.0**-8))
    (op,) = model.main.operators
    for inputs in (op.inputs[:known], (*op.inputs[:known], -1, -1)):
        found = faults_of(model.main, dataclasses.replace(op, inputs=inputs))
        assert [f.when for f in found] == ["state-differs", "cell-out-of-range"][: known - 18]
    assert [f.when for f in faults_of(model.main, dataclasses.replace(op, outputs=()))] == ["cell-out-of-range"]


def _only(data):
    graph = parse(data).main
    return graph, graph.operators[0]
