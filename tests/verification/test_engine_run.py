"""How both interpreters are asked, and what is made of their answers; what they reply is given."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace

import numpy as np
import pytest

from microgen.deployment import GOLDEN_MAX
from microgen.errors import EngineError
from microgen.runtimes.tflm.planner import Target, plan
from microgen.tflite import parse
from microgen.tflite.normalise import normalise
from microgen.verification import EngineRun, EngineRuns, make_samples
from microgen.verification import run as compare
from microgen.workers import process as worker
from tests.support import models


class Workers:
    """Stands in for `microgen.workers.process`: replies by job, and how each was asked."""

    Reply = worker.Reply

    def __init__(self, **replies):
        self.replies, self.asked, self.ended = replies, {}, []

    @contextlib.contextmanager
    def start(self, engine, target, values, arrays):
        module, _, job = target.partition(":")
        assert module == "microgen.workers.jobs"
        self.asked[job] = (engine, values, {k: v.tolist() for k, v in arrays.items()})
        yield SimpleNamespace(result=lambda deadline: self.reply(job, deadline))
        self.ended.append(job)

    def call(self, engine, target, values, arrays, deadline):
        with self.start(engine, target, values, arrays) as job:
            return job.result(deadline)

    def reply(self, job, deadline):
        assert 8 < deadline < 20, "seconds, by the size of the model"
        reply = self.replies[job]
        if isinstance(reply, Exception):
            raise reply
        return worker.Reply(*reply, "")


@pytest.fixture
def workers(monkeypatch):
    def stand_in(**replies):
        arena = ({"arena_min_bytes": 999}, {f"out{k}": np.zeros((3, n), np.int8) for k, n in enumerate((6, 12))})
        found = Workers(**{"tflm_arena": arena, "tflm_run": ({}, arena[1]), "litert_run": ({}, arena[1])} | replies)
        monkeypatch.setattr(compare, "worker", found)
        return found

    return stand_in


def fed(model, inputs, data=None):
    given = {f"in{k}": a.tolist() for k, a in enumerate(inputs)}
    return {"model": np.frombuffer(data or model.data, np.uint8).tolist(), **given}


def test_each_interpreter_gets_its_copy_of_the_model_and_all_samples(workers):
    model = parse(models.quirky_bias())
    inputs = make_samples(model, 20, 0)
    answers = {"out0": np.arange(20 * 27, dtype=np.int16).astype(np.int8).reshape(20, 27)}
    found = workers(
        tflm_arena=({"arena_min_bytes": 999.0}, {"out0": answers["out0"][:GOLDEN_MAX]}),
        tflm_run=({}, answers), litert_run=({}, {"out0": -answers["out0"]}),
    )  # fmt: skip
    with EngineRun(model, inputs) as running:
        engines = running.result()
        assert running.result() is engines and running.arena_min_bytes == engines.arena_min_bytes == 999
        assert found.asked["litert_run"] == ("LiteRT", {"sequence": 0}, fed(model, inputs, normalise(model).data))
        assert found.asked["tflm_run"] == ("TFLM", {"arena_bytes": 999, "sequence": 0}, fed(model, inputs))
        predicted = {"predicted_bytes": plan(model, Target.HOST).arena_min_bytes}
        assert found.asked["tflm_arena"] == ("TFLM", predicted, fed(model, [a[:GOLDEN_MAX] for a in inputs]))
        assert np.array_equal(running.first[0], engines.tflm[0][:GOLDEN_MAX]) and running.first[0].shape[1:] == (
            1,
            3,
            3,
            3,
        )
        assert engines.tflm[0].shape == (20, 1, 3, 3, 3) and np.array_equal(engines.litert[0], -engines.tflm[0])
        assert engines.normalised == normalise(model).changes and engines.refusal == ""
        assert engines.tflm_sequence == engines.litert_sequence == ()
    assert set(found.ended) == {"tflm_arena", "tflm_run", "litert_run"}


def test_a_model_with_state_is_also_run_without_a_reset(workers):
    model = parse(models.stateful())
    inputs = make_samples(model, 40, 0)
    replies = {"out0": np.zeros((40, 6), np.int8), "seq0": np.ones((32, 6), np.int8)}
    found = workers(tflm_arena=({"arena_min_bytes": 9}, replies), tflm_run=({}, replies), litert_run=({}, replies))
    with EngineRun(model, inputs) as running:
        engines = running.result()
    assert found.asked["litert_run"][1] == {"sequence": 32} and found.asked["tflm_run"][1]["sequence"] == 32
    for sequence, whole in ((engines.tflm_sequence, engines.tflm), (engines.litert_sequence, engines.litert)):
        assert sequence[0].shape == (32, 1, 6) and sequence[0].all() and not whole[0].any()
    workers(
        tflm_arena=({"arena_min_bytes": 9}, replies),
        tflm_run=({}, replies),
        litert_run=EngineError("LiteRT", "no", "-"),
    )
    with EngineRun(model, inputs) as running:
        engines = running.result()
    assert engines.refusal == "LiteRT: no" and engines.litert == engines.litert_sequence == ()
    assert len(engines.tflm) == len(engines.tflm_sequence) == 1


def test_where_both_refuse_the_reason_is_litert_s(workers):
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    crashed, refused = EngineError("TFLM", "crashed", "-"), EngineError("LiteRT", "this is why", "-")
    for litert, says in ((refused, "LiteRT: this is why"), (({}, {}), "TFLM: crashed")):
        found = workers(tflm_arena=crashed, litert_run=litert)
        with pytest.raises(EngineError, match=says):
            EngineRun(model, inputs)
        assert "litert_run" in found.ended, "no process is left"


@pytest.mark.parametrize("job", ["tflm_arena", "tflm_run", "litert_run"])
@pytest.mark.parametrize(
    ("outputs", "says"),
    [
        ([np.zeros((3, 6), np.int8)], "it does not give all outputs"),
        ([np.zeros((3, 6), np.int8), np.zeros((3, 13), np.int8)],
         r"output 'both' came as int8 \[13\], the file says int8 \[1, 12\]"),
        ([np.zeros((3, 6), np.int16), np.zeros((3, 12), np.int8)],
         r"output 'total' came as int16 \[6\], the file says int8 \[1, 6\]"),
    ],
)  # fmt: skip
def test_answers_that_are_not_the_files_outputs_are_an_engines_error(workers, job, outputs, says):
    model = parse(models.two_by_two())
    workers(**{job: ({"arena_min_bytes": 9}, {f"out{k}": a for k, a in enumerate(outputs)})})
    engine = "LiteRT" if job == "litert_run" else "TFLM"
    with (
        pytest.raises(EngineError, match=f"^{engine}: {says}") as caught,
        EngineRun(model, make_samples(model, 3, 0)) as run,
    ):
        run.result()
    assert caught.value.hint not in ("", "None")


def test_one_sample_is_enough(workers):
    model = parse(models.fully_connected())
    reply = ({"arena_min_bytes": 9}, {"out0": np.zeros((1, 4), np.int8)})
    workers(tflm_arena=reply, tflm_run=reply, litert_run=reply)
    with EngineRun(model, tuple(a[:1] for a in make_samples(model, 2, 0))) as running:
        assert running.result().tflm[0].shape == (1, 1, 4)


def test_what_tflm_runs_in_no_arena_is_refused_with_its_reason():
    arrays = {"model": np.frombuffer(models.one_operator("GELU"), np.uint8), "in0": np.zeros((1, 1, 4), np.int8)}
    with pytest.raises(EngineError, match=r"TFLM: .*GELU"):
        worker.call("TFLM", "microgen.workers.jobs:tflm_arena", {"predicted_bytes": 1000}, arrays)


def test_an_operator_that_litert_does_not_run_alone_or_not_step_by_step_is_named():
    whole, other = models.fully_connected(rows=2), models.fully_connected(weights=np.full((4, 8), 99))
    arrays = {
        "cut0": np.frombuffer(b"none of its models", np.uint8),
        "cut1": np.frombuffer(whole, np.uint8),
        "step1": np.frombuffer(other, np.uint8),
        "op0_in0": np.zeros((1, 2, 8), np.int8),
        "op1_in0": np.arange(16, dtype=np.int8).reshape(1, 2, 8),
    }
    kernels = "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
    stepwise = {"key": 1, "kernels": kernels, "axis": 0, "count": 2, "state": 0}
    values = {"operators": [{"key": 0, "kernels": kernels}, stepwise], "samples": 1, "keep_state": False}
    found = worker.call("LiteRT", "microgen.workers.jobs:litert_layers", values, arrays)
    assert set(found.values["refused"]) == {"0"} and found.values["unfaithful"] == [1]
    assert found.arrays["op1_state"].shape == (1, 2, 1, 8) and "op0_out0" not in found.arrays


def test_an_input_that_shows_no_difference_is_not_made_plainer():
    """A choice between two tensors by a bool, which has no zero point."""
    choice = ([1, 4], "bool"), ([1, 4], "int8"), ([1, 4], "int8")
    arrays = {
        "model": np.frombuffer(models.layer("SELECT_V2", choice, [([1, 4], "int8", 0.05)], "SelectV2"), np.uint8),
        "in0": np.array([[[True, False, True, False]]]),
        "in1": np.array([[[1, 2, 3, 4]]], np.int8),
        "in2": np.array([[[5, 6, 7, 8]]], np.int8),
    }
    values = {"bound_lsb": 0, "zero_points": [0, 0, 0], "kernels": "BUILTIN_REF", "arena_bytes": 4096, "seconds": 60}
    found = worker.call("LiteRT", "microgen.workers.jobs:shrink", values, arrays)
    assert all((found.arrays[name] == arrays[name]).all() for name in ("in0", "in1", "in2"))
    assert found.values["changed"] == 10 and found.arrays["tflm0"].tolist() == [[1, 6, 3, 8]]


def test_the_same_model_on_the_same_samples_is_run_once(workers):
    found = workers()
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    with EngineRuns() as runs:
        first = runs.get(model, inputs)
        assert first.model is model and first.inputs is inputs
        assert runs.get(model, tuple(a.copy() for a in inputs)) is first
        assert runs.get(model, make_samples(model, 3, 1)) is first, "three samples are edges, whatever the seed"
        assert runs.get(model, tuple(a + 1 for a in inputs)) is not first
        assert runs.get(parse(models.two_by_two(width=6, mover="RELU")), inputs) is not first
        assert "tflm_run" not in found.ended
    assert found.ended.count("tflm_run") == 3


def test_the_layer_proof_is_made_once_and_knows_what_differs_how(workers, monkeypatch):
    workers()
    asked = []
    monkeypatch.setattr(compare, "prove_layers", lambda *given: asked.append(given) or "proof")
    model = parse(models.two_by_two())
    inputs = make_samples(model, 3, 0)
    differs, drift = np.zeros(3, bool), np.ones(3, bool)
    with EngineRun(model, inputs) as running:
        assert running.prove(differs, drift) == running.prove(differs, drift) == "proof"
    (given,) = asked
    assert given[0] is model and given[1] is inputs and given[3] == 999
    assert given[2] is differs and given[4] is drift
