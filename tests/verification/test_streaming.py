"""Streaming models, which keep variables beside the graph: from the start in CALL_ONCE to the firmware."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import microgen
from microgen import workers
from microgen.deployment import choose_golden, golden_shape
from microgen.tflite import load, parse
from microgen.tflite.cut import Cutter
from microgen.verification import EngineRun, judge, make_samples
from microgen.verification.golden import golden_fault
from microgen.workers import LITERT, TFLM, litert, tflm
from tests.support import models
from tests.support.projects import sources
from tests.support.tools import needs_host

RUNS = ((TFLM, tflm), (LITERT, litert))


def answers(engine, module, data, inputs, sequence=0):
    arena = {"arena_bytes": 65536} if module is tflm else {}
    return workers.run(engine, module.run, module.RunRequest(data, inputs, sequence=sequence, **arena))


@pytest.mark.parametrize(("engine", "module"), RUNS)
def test_a_fresh_state_has_the_start_that_call_once_gives(engine, module):
    x = np.full((3, 1, 4), 13, np.int8)  # 0.3 in steps of 0.03, beyond the zero point 3
    answered = answers(engine, module, models.variable(50), (x,), sequence=3)
    (alone,), (sequence,) = answered.outputs, answered.sequence
    assert (alone == alone[0]).all() and (alone[0] == sequence[0]).all()
    # Steps of 0.05: the sum is 56, 62, 68, times 0.3 and in steps of 0.03.
    assert sequence[:, 0, 0].tolist() == [-9 + 28, -9 + 31, -9 + 34]


@pytest.mark.parametrize(("engine", "module"), RUNS)
def test_a_variable_alone_gives_its_start_and_then_what_was_assigned(engine, module):
    model = parse(models.variable(50))
    cutter = Cutter(model)
    assert cutter.variable("sum") == ((2,), (1,)) and cutter.variable("other") == ((), ())
    cut = cutter.cut_variable("sum")
    assert parse(cut).ops == {"CALL_ONCE": 1, "VAR_HANDLE": 2, "READ_VARIABLE": 1, "ASSIGN_VARIABLE": 2}
    x = np.arange(12, dtype=np.int8).reshape(3, 1, 4)
    answered = answers(engine, module, cut, (x,), sequence=3)
    assert (answered.outputs[0] == 50).all()
    assert answered.sequence[0].tolist() == [[[50] * 4], *x[:2].tolist()]


@pytest.mark.parametrize("start", [None, 50])
def test_a_model_with_a_variable_is_proven_layer_by_layer_over_a_sequence(start):
    model = parse(models.variable(start))
    inputs = make_samples(model, 20, 0)
    with EngineRun(model, inputs) as running:
        verdict = judge(running, None, 0, "not asked", all_layers=True).verdict
    # LiteRT does not read what nothing has assigned yet.
    assert (verdict.status, verdict.sequence) == ("unreferenced" if start is None else "bit-exact", 20)
    if start is not None:
        assert [layer.op for layer in verdict.layers] == ["READ_VARIABLE", "ADD", "MUL"]
        assert all(layer.elements == 64 and not layer.differs for layer in verdict.layers)


def test_golden_vectors_of_a_model_with_state_are_sequences():
    model = parse(models.variable(50))
    assert golden_shape(model) == (8, 16) and golden_shape(model, 40) == (2, 16) and golden_shape(model, 5) == (1, 5)
    assert golden_shape(parse(models.two_by_two())) == (8, 1)
    inputs = make_samples(model, 40, 0)
    with EngineRun(model, inputs, *golden_shape(model, 40)) as running:
        golden = choose_golden(model, inputs, running.first)
        sequence = running.result().reference.sequence[0]
    assert golden.steps == 16 and [len(v) for v in golden.inputs] == [64, 64]
    assert golden.inputs[1] == inputs[0][16:32].tobytes()
    assert golden.outputs[0] == sequence[:16].tobytes() and golden.outputs[1] != sequence[16:32].tobytes()


@pytest.mark.parametrize("runtime", ["tflm", "compiled"])
def test_the_firmware_of_a_streaming_model_resets_and_goes_on(tmp_path, runtime):
    needs_host()
    (tmp_path / "m.tflite").write_bytes(models.variable(50))
    # The golden vectors' later steps, which run at the start, have the inputs of samples, and another state.
    common = {"samples": 20, "runtime": runtime, "selftest_at_boot": True}
    built = microgen.build(tmp_path / "m.tflite", "esp32", out=tmp_path / "p", **common)
    assert (built.verdict.status, built.verdict.firmware, built.verdict.sequence) == ("bit-exact", "equal", 20)
    project = sources(built.project)
    assert golden_fault(project, built.deployment.model, 65536) == ""
    data = built.project / project.layout.golden_data
    text = data.read_text()
    assert "kGoldenSteps = 16;" in data.with_suffix(".h").read_text()
    assert microgen.selftest(built.project).passed
    head, outputs = text.split("g_golden_outputs")
    last = outputs.rindex("0x")
    wrong = int(outputs[last + 2 : last + 4], 16) ^ 1
    data.write_text(f"{head}g_golden_outputs{outputs[:last]}0x{wrong:02x}{outputs[last + 4 :]}")
    assert golden_fault(project, built.deployment.model, 65536).startswith("golden vector 0 ")


def wake_words() -> list[Path]:
    found = importlib.util.find_spec("pymicro_wakeword")
    return sorted(Path(found.origin).parent.glob("models/*.tflite")) if found and found.origin else []


@pytest.mark.parametrize("path", wake_words() or [None], ids=lambda p: p.stem if p else "none")
def test_every_microwakeword_model_of_the_package_ends_in_a_verdict_that_holds(tmp_path, path):
    needs_host()
    if path is None:
        pytest.skip("the models of pymicro-wakeword are not installed")
    built = microgen.build(path, "esp32s3", out=tmp_path / "p", samples=40)
    assert built.passed and built.verdict.firmware == "equal" and built.verdict.sequence == 32
    arena = built.deployment.arena
    assert arena.host_min_bytes == arena.host_predicted_bytes
    assert load(path).outputs[0].dtype == "uint8"
